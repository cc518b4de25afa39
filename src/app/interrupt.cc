#include "app/interrupt.h"

#include <csignal>

namespace ntstack::app {
namespace {

using Handler = void (*)(int);

// A signal, and what the program did at it before. What a handler may touch: no object that could
// be gone.
struct Taken {
  int number;
  std::atomic<Handler> before = SIG_ERR;
};
Taken taken[] = {
    {SIGINT},
    {SIGTERM},
#ifdef SIGHUP
    {SIGHUP},
#endif
};

std::atomic<bool> interrupted = false;
std::atomic<int> left = 0;  // interrupts that set the flag
std::atomic<int> last = 0;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
              std::atomic<Handler>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  const bool goes_on = left.fetch_sub(1) > 1;
  for (const Taken& one : taken)
    if (one.number == signal) std::signal(signal, goes_on ? on_signal : one.before.load());
  last = signal;
  interrupted = true;
}

// A program that was started with the signal ignored goes on ignoring it.
void take_over(Taken& one) {
  one.before = std::signal(one.number, SIG_IGN);
  if (one.before != SIG_ERR && one.before != SIG_IGN) std::signal(one.number, on_signal);
}

void give_back(Taken& one) {
  const Handler before = one.before.exchange(SIG_ERR);
  if (before != SIG_ERR) std::signal(one.number, before);
}

}  // namespace

Interrupt::Interrupt(Of which, int most) : most_(most), is_of_all_(which == Of::all) {
  interrupted = false;
  left = most;
  for (Taken& one : taken)
    if (is_of_all_ || one.number == SIGINT) take_over(one);
}

Interrupt::~Interrupt() {
  for (Taken& one : taken)
    if (is_of_all_ || one.number == SIGINT) give_back(one);
}

void Interrupt::reset() {
  interrupted = false;
  left = most_;
  last = 0;
}

const std::atomic<bool>& Interrupt::requested() const { return interrupted; }

int Interrupt::signal() { return last; }

}  // namespace ntstack::app
