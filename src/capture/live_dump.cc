#include "capture/live_dump.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include "capture/debug_control.h"
#include "capture/debug_privilege.h"
#include "capture/live_dump_events.h"
#include "capture/triage_request.h"

namespace ntstack::capture {
namespace {

namespace fs = std::filesystem;
using Word = std::uintptr_t;

constexpr std::uint32_t kFirstWithMemoryPressure = 17134;  // Windows 10 1803
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr std::uint32_t kFirstPause = 1000, kLongestPause = 8000;  // milliseconds

// What is asked for now: less than the options where the system did not know it.
struct Form {
  bool is_version_2 = true;
  bool user_pages = false;
};

// Events arrive on the watch's thread.
class Events {
 public:
  void add(const LiveDumpEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    if (const std::string_view stage = stage_of(event); !stage.empty()) stage_ = stage;
  }
  std::string_view stage() const {
    const std::lock_guard lock(mutex_);
    return stage_;
  }
  std::vector<LiveDumpEvent> take() {
    const std::lock_guard lock(mutex_);
    return std::move(events_);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<LiveDumpEvent> events_;
  std::string_view stage_;
};

class Taking {
 public:
  Taking(System& system, const fs::path& path, const LiveDumpOptions& options,
         const LiveDumpCallbacks& callbacks)
      : system_(system), path_(path), options_(options), callbacks_(callbacks) {}

  LiveDump run();

 private:
  bool is_cancelled() const { return callbacks_.cancel && callbacks_.cancel->load(); }
  std::uint32_t flags(const Form& form) const;
  Status call(Handle file, Handle event, const Form& form);
  Status wait_for(Handle file, Handle event, const Form& form);
  Status attempt(const Form& form);
  bool is_worth_another(Form& form);
  void pause();
  void tell() const;

  System& system_;
  const fs::path& path_;
  const LiveDumpOptions& options_;
  const LiveDumpCallbacks& callbacks_;
  LiveDump dump_;
  Events events_;
  std::uint64_t began_ = 0;
  std::uint32_t pause_ = kFirstPause;
};

std::uint32_t Taking::flags(const Form& form) const {
  std::uint32_t flags = 0;
  if (form.user_pages) flags |= kUserPages;
  if (options_.is_selective) flags |= kSelective;
  if (!options_.under_memory_pressure && system_.machine().build >= kFirstWithMemoryPressure)
    flags |= kAbortOnMemoryPressure;
  return flags;
}

Status Taking::call(Handle file, Handle event, const Form& form) {
  SelectiveControl selective;
  selective.flags = 1;
  LiveDumpControl2<Word> control;
  control.first.version = form.is_version_2 ? 2 : 1;
  control.first.bugcheck_code = kLiveBugcheckCode;
  control.first.parameters[0] = static_cast<Word>(packed({}, sizeof(Word) == 8));
  control.first.file = static_cast<Word>(file);
  control.first.cancel_event = static_cast<Word>(event);
  control.first.flags = flags(form);
  // A selective dump may have no pages besides.
  if (options_.hypervisor_pages && !options_.is_selective)
    control.first.add_pages = kHypervisorPages;
  if (options_.is_selective) control.selective = reinterpret_cast<Word>(&selective);
  const std::size_t size = form.is_version_2 ? sizeof control : sizeof control.first;
  std::uint32_t returned = 0;
  return system_.debug_control(kGetLiveKernelDump,
                               std::as_bytes(std::span(&control, 1)).first(size), {}, returned);
}

void Taking::tell() const {
  if (!callbacks_.progress) return;
  std::error_code error;
  const auto size = fs::file_size(path_, error);
  callbacks_.progress(
      {events_.stage(), error ? 0 : std::uint64_t{size}, system_.milliseconds() - began_});
}

// The call does not come back before the dump is done: it has a thread of its own, and this one
// tells how far it is and passes a cancellation on.
Status Taking::wait_for(Handle file, Handle event, const Form& form) {
  std::mutex mutex;
  std::condition_variable done;
  std::optional<Status> answer;
  std::thread caller([&] {
    const Status status = call(file, event, form);
    const std::lock_guard lock(mutex);
    answer = status;
    done.notify_one();
  });
  {
    std::unique_lock lock(mutex);
    bool was_told = false;
    while (!done.wait_for(lock, kTick, [&] { return answer.has_value(); })) {
      if (is_cancelled() && !std::exchange(was_told, true) && event != kNoHandle)
        system_.set_event(event);
      tell();
    }
  }
  caller.join();
  return *answer;
}

Status Taking::attempt(const Form& form) {
  auto file = system_.create_file(path_);
  if (!file) {
    dump_.why = status_text(file.error(), Call::create_file);
    return file.error();
  }
  Status status = kSuccess;
  {
    const Owned owned_file(system_, *file);
    const auto event = system_.create_event();  // without one it can't be cancelled
    const Owned owned_event = event ? Owned(system_, *event) : Owned();
    status = wait_for(*file, owned_event.get(), form);
  }
  std::error_code ignored;
  if (!succeeded(status) || status == kTimeout) fs::remove(path_, ignored);
  return status;
}

void Taking::pause() {
  for (std::uint32_t slept = 0; slept < pause_ && !is_cancelled(); slept += 100) {
    system_.sleep(100);
    tell();
  }
  pause_ = std::min(pause_ * 2, kLongestPause);
}

// Whether the last status leaves a way: `form` then is what to ask for next.
bool Taking::is_worth_another(Form& form) {
  if (is_cancelled()) return false;
  if (dump_.status == kInfoLengthMismatch && form.is_version_2 && !options_.is_selective) {
    form.is_version_2 = false;
    return true;
  }
  if (dump_.status == kDebuggerInactive && form.user_pages) {
    form.user_pages = false;
    dump_.notes.push_back("user pages are not in the live dump: " +
                          status_text(kDebuggerInactive, Call::live_dump));
    return true;
  }
  if (dump_.status == kRetry && system_.milliseconds() - began_ < options_.patience) {
    pause();
    return !is_cancelled();
  }
  return false;
}

LiveDump Taking::run() {
  const DebugPrivilege privilege(system_);
  began_ = system_.milliseconds();
  dump_.started = system_.system_time();
  if (options_.is_selective && options_.hypervisor_pages)
    dump_.notes.push_back(
        "hypervisor pages are not in the live dump: one of kernel stacks alone can't have them");
  {
    Status why = kSuccess;
    const auto watch =
        system_.watch_live_dumps([&](const LiveDumpEvent& event) { events_.add(event); }, why);
    if (!watch) dump_.no_events = status_text(why, Call::other);
    Form form{true, options_.user_pages};
    do dump_.status = attempt(form);
    while (is_worth_another(form));
  }  // the last events come in
  dump_.events = events_.take();
  dump_.milliseconds = system_.milliseconds() - began_;
  dump_.is_written = succeeded(dump_.status) && dump_.status != kTimeout;
  if (!dump_.is_written) {
    if (dump_.why.empty()) dump_.why = status_text(dump_.status, Call::live_dump);
    if (privilege.status() != kSuccess)
      dump_.why = status_text(privilege.status(), Call::privilege);
    return std::move(dump_);
  }
  if (dump_.status == kMoreEntries)
    dump_.notes.push_back(status_text(kMoreEntries, Call::live_dump));
  std::error_code error;
  const auto size = fs::file_size(path_, error);
  dump_.bytes = error ? 0 : std::uint64_t{size};
  return std::move(dump_);
}

}  // namespace

LiveDump take_live_dump(System& system, const fs::path& path, const LiveDumpOptions& options,
                        const LiveDumpCallbacks& callbacks) {
  return Taking(system, path, options, callbacks).run();
}

}  // namespace ntstack::capture
