#include "app/driver_command.h"

#include <fmt/format.h>

#include "app/exit_code.h"
#include "app/output.h"
#include "base/mapped_file.h"
#include "base/text.h"
#include "capture/debug_privilege.h"
#include "capture/driver_client.h"
#include "capture/status_text.h"
#include "pe/image.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;
using capture::Call;
using capture::Status;
using capture::status_of_win32;

constexpr Status kRunning = status_of_win32(1056), kNotRunning = status_of_win32(1062),
                 kNotInstalled = status_of_win32(1060), kInstalled = status_of_win32(1073);

class Driving {
 public:
  Driving(capture::System& system, std::FILE* out, std::FILE* err)
      : system_(system), out_(out), err_(err) {}

  int install(const std::string& from);
  int start();
  int stop();
  int remove();
  int status();

 private:
  base::Result<fs::path> file_to_install(const std::string& from);
  bool is_installed_from(const fs::path& file);
  // Says how it is; false where it does not answer, and why on err_. `tries_it`: has it capture the
  // thread that asks, too.
  bool say_version(bool tries_it);
  bool try_it(capture::Driver& driver);
  int refused(Status status) {
    say(err_, "ntstack: {}\n", capture::status_text(status, Call::driver_service));
    return kFailed;
  }

  capture::System& system_;
  std::FILE* out_;
  std::FILE* err_;
};

// What Windows would say of another file only when it is started.
base::Result<fs::path> Driving::file_to_install(const std::string& from) {
  fs::path path = from.empty() ? system_.own_folder() / "ntstack.sys"
                               : fs::absolute(base::path_from_utf8(from));
  path.make_preferred();  // the kernel takes no other
  const auto file = base::MappedFile::open(path);
  if (!file) {
    auto error = base::with_context(base::Error(file.error()), "installing the driver");
    if (!from.empty()) return std::unexpected(std::move(error));
    return base::fail(
        "the driver is not beside this program ({}): put ntstack.sys there, or name it with "
        "--from",
        base::path_text(path));
  }
  const auto image = pe::Image::from_file(file->bytes());
  if (!image) return base::fail("{} is no driver", base::path_text(path));
  const base::Architecture native = system_.machine().architecture;
  if (image->architecture() != native)
    return base::fail("{} is of {}, and this Windows of {}: take the ntstack.sys of that one",
                      base::path_text(path), base::name_of(image->architecture()),
                      base::name_of(native));
  return path;
}

bool Driving::is_installed_from(const fs::path& file) {
  const auto service = system_.driver_service();
  if (!service) return false;
  std::string_view path = service->path;
  if (path.starts_with("\\??\\")) path.remove_prefix(4);
  return base::equals_ignoring_case(path, base::path_text(file));
}

int Driving::install(const std::string& from) {
  const auto file = file_to_install(from);
  if (!file) return failed(file.error(), err_);
  const Status status = system_.install_driver(*file);
  const bool was_there = status == kInstalled && is_installed_from(*file);
  if (!capture::succeeded(status) && !was_there) return refused(status);
  say(out_, "{} {}; ntstack driver start loads it\n",
      was_there ? "installed already:" : "installed:", base::path_text(*file));
  return kOk;
}

// The whole way but the APC: what it answers is read and checked like any capture.
bool Driving::try_it(capture::Driver& driver) {
  constexpr std::uint32_t kFrames = 128, kStackBytes = 0x8000;
  std::vector<std::byte> buffer;
  Status status = capture::kSuccess;
  const auto answer = driver.capture({{}, 1000, 0, kFrames, kStackBytes}, buffer, status);
  const capture::DriverThread* own = answer ? &answer->threads.front() : nullptr;
  if (!own || own->status != capture::kSuccess) {
    say(err_, "ntstack: the driver can't capture the thread that asks it: {}\n",
        own ? capture::status_text(own->status, Call::driver_thread) : answer.error().text());
    return false;
  }
  say(out_, "tried:   of the thread that asks it has {} bytes of the kernel stack and {} frames\n",
      own->stack.size(), own->frames.size());
  return true;
}

bool Driving::say_version(bool tries_it) {
  const capture::DebugPrivilege privilege(system_);
  auto driver = capture::Driver::open(system_);
  if (!driver) {
    say(err_, "ntstack: {}\n", driver.error().text());
    return false;
  }
  say(out_, "running: {}\n", capture::driver_text(driver->facts()));
  return !tries_it || try_it(*driver);
}

int Driving::start() {
  const Status status = system_.start_driver();
  if (!capture::succeeded(status) && status != kRunning) return refused(status);
  return say_version(false) ? kOk : kFailed;
}

int Driving::stop() {
  const Status status = system_.stop_driver();
  if (!capture::succeeded(status) && status != kNotRunning) return refused(status);
  say(out_, "stopped\n");
  return kOk;
}

int Driving::remove() {
  const auto service = system_.driver_service();
  if (!service) {
    if (service.error() != kNotInstalled) return refused(service.error());
    say(out_, "not installed\n");
    return kOk;
  }
  if (service->is_running)
    if (const int code = stop(); code != kOk) return code;
  const Status status = system_.remove_driver();
  if (!capture::succeeded(status)) return refused(status);
  say(out_, "removed; its file stays where it is\n");
  return kOk;
}

int Driving::status() {
  const auto service = system_.driver_service();
  if (!service) return refused(service.error());
  say(out_, "installed: {}\n", base::printable(service->path));
  if (service->is_running) return say_version(true) ? kOk : kFailed;
  say(out_, "not running; ntstack driver start loads it\n");
  constexpr std::uint32_t kNeverStarted = 1077;  // ERROR_SERVICE_NEVER_STARTED
  if (service->exit_code != 0 && service->exit_code != kNeverStarted)
    say(out_, "its last start or end: {}\n",
        capture::status_text(status_of_win32(service->exit_code), Call::driver_service));
  return kFailed;
}

}  // namespace

int run_driver(const DriverCommand& command, capture::System* system, std::FILE* out,
               std::FILE* err) {
  if (!system) {
    say(err, "ntstack: the driver is for Windows alone; on this system dumps are read\n");
    return kFailed;
  }
  Driving driving(*system, out, err);
  switch (command.action) {
    case DriverAction::install:
      return driving.install(command.from);
    case DriverAction::start:
      return driving.start();
    case DriverAction::stop:
      return driving.stop();
    case DriverAction::remove:
      return driving.remove();
    case DriverAction::status:
      break;
  }
  return driving.status();
}

}  // namespace ntstack::app
