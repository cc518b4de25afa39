// child_process.h for POSIX.
#include "app/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

extern char** environ;

namespace ntstack::app {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

struct Pipe {
  Descriptor read, write;
};

// For hundreds of children the system's usual limit, which a program may raise itself, is too low.
bool may_open_more() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return false;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// Not inherited but by the child that is meant: others are started at the same time.
base::Result<Pipe> make_pipe() {
  std::array<int, 2> ends;
  int made = ::pipe2(ends.data(), O_CLOEXEC);
  if (made != 0 && errno == EMFILE && may_open_more()) made = ::pipe2(ends.data(), O_CLOEXEC);
  if (made != 0) return base::fail("a pipe could not be made: {}", std::strerror(errno));
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::string program_path() {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "/proc/self/exe";
}

// What is there now, up to 64 KB; false at the end. One that can't be read is closed, as at the
// end, and `failed` is set.
bool take(Descriptor& from, std::string& to, bool& failed) {
  std::array<char, 65536> buffer;
  const ssize_t size = ::read(from.get(), buffer.data(), buffer.size());
  if (size > 0) to.append(buffer.data(), static_cast<std::size_t>(size));
  if (size > 0 || (size < 0 && errno == EINTR)) return true;
  failed |= size < 0;
  from.close();
  return false;
}

int milliseconds_until(ChildProcess::Time deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 1 << 30));
}

}  // namespace

struct ChildProcess::System {
  pid_t id = -1;
  Descriptor in, out, err;
};

ChildProcess::ChildProcess(std::unique_ptr<System> system) : system_(std::move(system)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;
ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(system_, other.system_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!system_ || system_->id < 0) return;
  kill();
  wait();
}

base::Result<ChildProcess> ChildProcess::start(const std::vector<std::string>& arguments) {
  auto in = make_pipe(), out = make_pipe(), err = make_pipe();
  for (const auto* pipe : {&in, &out, &err})
    if (!*pipe) return std::unexpected(pipe->error());
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in->read.get(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out->write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, err->write.get(), STDERR_FILENO);
  const std::string path = program_path();
  const std::string parent = fmt::format("--child-of={}", ::getpid());
  std::vector<char*> argv = {const_cast<char*>(path.c_str()), const_cast<char*>(parent.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  auto system = std::make_unique<System>();
  // In a group of its own: Ctrl-C at the terminal is for the program that started it.
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int error =
      ::posix_spawn(&system->id, path.c_str(), &actions, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return base::fail("{} could not be started: {}", path, std::strerror(error));
  system->in = std::move(in->write);
  system->out = std::move(out->read);
  system->err = std::move(err->read);
  return ChildProcess(std::move(system));
}

bool ChildProcess::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(system_->in.get(), text.data(), text.size());
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

void ChildProcess::close_input() { system_->in.close(); }

ChildProcess::Output ChildProcess::read(Time deadline, std::string& out, std::string& err) {
  while (true) {
    std::array<pollfd, 2> wanted = {
        {{system_->out.get(), POLLIN, 0}, {system_->err.get(), POLLIN, 0}}};
    if (wanted[0].fd < 0 && wanted[1].fd < 0) return Output::ended;
    const int ready = ::poll(wanted.data(), wanted.size(), milliseconds_until(deadline));
    if (ready < 0 && errno != EINTR) return Output::ended;
    if (ready == 0) return Output::late;
    bool came = false, failed = false;
    if (ready > 0 && wanted[0].revents != 0) came = take(system_->out, out, failed) || came;
    if (ready > 0 && wanted[1].revents != 0) came = take(system_->err, err, failed) || came;
    if (failed) return Output::ended;
    if (came) return Output::came;
  }
}

void ChildProcess::kill() {
  if (system_->id > 0) ::kill(system_->id, SIGKILL);
}

int ChildProcess::wait_or_kill() {
  constexpr int kLooks = 400;
  for (int look = 0; look < kLooks; ++look) {
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(system_->id), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid != 0)
      return wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill();
  return wait();
}

int ChildProcess::wait() {
  int status = 0;
  while (::waitpid(system_->id, &status, 0) < 0 && errno == EINTR) {
  }
  system_->id = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The signal comes when the thread that started the child ends, and each thread waits for those
// that it started.
void end_with(std::int64_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it ended before
}

std::string how_it_ended(int code) {
  if (code <= 128) return fmt::format("it ended with exit code {}", code);
  return fmt::format("it ended with signal {} ({})", code - 128, ::strsignal(code - 128));
}

}  // namespace ntstack::app
