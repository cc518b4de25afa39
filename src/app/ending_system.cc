// ending_system.h for POSIX.
#include "app/ending_system.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "app/ending.h"
#include "base/unfinished.h"

namespace ntstack::app {
namespace {

std::atomic<void (*)()> action_at_signal = nullptr;

extern "C" void on_end(int number) {
  base::remove_unfinished();
  if (const auto action = action_at_signal.exchange(nullptr)) action();
  // The system's own way: whoever started the program sees the signal.
  ::signal(number, SIG_DFL);
  sigset_t it;
  ::sigemptyset(&it);
  ::sigaddset(&it, number);
  ::pthread_sigmask(SIG_UNBLOCK, &it, nullptr);
  ::raise(number);
}

}  // namespace

void at_signal(void (*action)()) { action_at_signal = action; }

void reserve_standard_streams() {
  // Each gets the lowest number that is free, which is its own.
  constexpr int kModes[] = {O_RDONLY, O_RDONLY, O_WRONLY};
  for (int stream = 0; stream < 3; ++stream)
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF && ::open("/dev/null", kModes[stream]) < 0)
      std::_Exit(1);
}

void catch_ends() {
  struct sigaction action{};
  action.sa_handler = on_end;
  ::sigemptyset(&action.sa_mask);
  for (const int number : {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU}) {
    struct sigaction before{};
    if (::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_DFL)
      ::sigaction(number, &action, nullptr);
  }
  ::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace ntstack::app
