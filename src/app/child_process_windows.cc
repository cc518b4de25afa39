// child_process.h for Windows.
#include <windows.h>
//
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <thread>

#include "app/child_process.h"
#include "base/text.h"

namespace ntstack::app {
namespace {

class Handle {
 public:
  explicit Handle(HANDLE handle = nullptr) : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Handle() { close(); }
  void close() {
    if (handle_) ::CloseHandle(handle_);
    handle_ = nullptr;
  }
  HANDLE get() const { return handle_; }

 private:
  HANDLE handle_;
};

struct Pipe {
  Handle ours, theirs;
};

base::Result<Pipe> make_pipe(bool we_read) {
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  HANDLE read = nullptr, write = nullptr;
  if (!::CreatePipe(&read, &write, &inherited, 65536))
    return base::fail("a pipe could not be made: error {}", ::GetLastError());
  ::SetHandleInformation(we_read ? read : write, HANDLE_FLAG_INHERIT, 0);
  return we_read ? Pipe{Handle(read), Handle(write)} : Pipe{Handle(write), Handle(read)};
}

std::wstring wide(std::string_view utf8) {
  const std::u16string text = base::utf16_from_utf8(utf8);
  return {text.begin(), text.end()};
}

std::wstring program_path() {
  std::wstring path(32768, L'\0');
  path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
  return path;
}

// By the rules of CommandLineToArgvW: backslashes count before a quotation mark alone.
std::wstring quoted(const std::wstring& argument) {
  std::wstring out = L"\"";
  std::size_t backslashes = 0;
  for (const wchar_t c : argument) {
    if (c == L'"') out.append(backslashes + 1, L'\\');
    backslashes = c == L'\\' ? backslashes + 1 : 0;
    out += c;
  }
  return out.append(backslashes, L'\\') + L"\"";
}

// What is there now, up to 64 KB. False: nothing came; then the pipe may be closed.
bool take(Handle& from, std::string& to) {
  DWORD there = 0;
  if (!from.get()) return false;
  if (!::PeekNamedPipe(from.get(), nullptr, 0, nullptr, &there, nullptr)) {
    from.close();
    return false;
  }
  if (there == 0) return false;
  std::array<char, 65536> buffer;
  DWORD size = 0;
  if (!::ReadFile(from.get(), buffer.data(), std::min<DWORD>(there, buffer.size()), &size, nullptr))
    return false;
  to.append(buffer.data(), size);
  return size > 0;
}

// Handles are inherited by every child that is started meanwhile: one at a time.
std::mutex& starting() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

struct ChildProcess::System {
  Handle process, in, out, err;
};

ChildProcess::ChildProcess(std::unique_ptr<System> system) : system_(std::move(system)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(system_, other.system_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (system_ && system_->process.get()) kill();
}

base::Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& arguments) {
  const std::scoped_lock lock(starting());
  auto in = make_pipe(false), out = make_pipe(true), err = make_pipe(true);
  for (const auto* pipe : {&in, &out, &err})
    if (!*pipe) return std::unexpected(pipe->error());
  const std::wstring path = program_path();
  std::wstring line = quoted(path);
  for (const std::string& argument : arguments) line += L" " + quoted(wide(argument));
  STARTUPINFOW how{};
  how.cb = sizeof how;
  how.dwFlags = STARTF_USESTDHANDLES;
  how.hStdInput = in->theirs.get();
  how.hStdOutput = out->theirs.get();
  how.hStdError = err->theirs.get();
  PROCESS_INFORMATION made{};
  if (!::CreateProcessW(path.c_str(), line.data(), nullptr, nullptr, TRUE, CREATE_NEW_PROCESS_GROUP,
                        nullptr, nullptr, &how, &made))
    return base::fail("ntstack could not be started: error {}", ::GetLastError());
  ::CloseHandle(made.hThread);
  auto system = std::make_unique<System>();
  system->process = Handle(made.hProcess);
  system->in = std::move(in->ours);
  system->out = std::move(out->ours);
  system->err = std::move(err->ours);
  return ChildProcess(std::move(system));
}

bool ChildProcess::write(std::string_view text) {
  while (!text.empty()) {
    DWORD size = 0;
    if (!::WriteFile(system_->in.get(), text.data(), static_cast<DWORD>(text.size()), &size,
                     nullptr))
      return false;
    text.remove_prefix(size);
  }
  return true;
}

void ChildProcess::close_input() { system_->in.close(); }

// Anonymous pipes can't be waited for: they are looked at, more and more seldom.
ChildProcess::Output ChildProcess::read(Time deadline, std::string& out, std::string& err) {
  for (DWORD pause = 0;; pause = std::min<DWORD>(pause + 1, 10)) {
    const bool came = take(system_->out, out);
    if (take(system_->err, err) || came) return Output::came;
    if (!system_->out.get() && !system_->err.get()) return Output::ended;
    if (std::chrono::steady_clock::now() >= deadline) return Output::late;
    ::Sleep(pause);
  }
}

void ChildProcess::kill() {
  constexpr UINT kKilled = 137;  // as elsewhere: 128 and SIGKILL
  ::TerminateProcess(system_->process.get(), kKilled);
}

int ChildProcess::wait_or_kill() {
  constexpr DWORD kMilliseconds = 2000;
  if (::WaitForSingleObject(system_->process.get(), kMilliseconds) == WAIT_TIMEOUT) kill();
  return wait();
}

int ChildProcess::wait() {
  DWORD code = 0;
  ::WaitForSingleObject(system_->process.get(), INFINITE);
  ::GetExitCodeProcess(system_->process.get(), &code);
  system_->process.close();
  return static_cast<int>(std::min<DWORD>(code, 0x7fffffff));
}

void end_with(std::int64_t) {}

std::string how_it_ended(int code) { return fmt::format("it ended with exit code {}", code); }

}  // namespace ntstack::app
