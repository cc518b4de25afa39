#include "app/interrupt.h"

#include <csignal>

namespace ntstack::app {
namespace {

// What a handler may touch: no object that could be gone.
std::atomic<bool> interrupted = false;
std::atomic<int> left = 0;  // interrupts that set the flag
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  std::signal(signal, left.fetch_sub(1) > 1 ? on_signal : SIG_DFL);
  interrupted = true;
}

using Handler = void (*)(int);

// A program that was started with the signal ignored goes on ignoring it.
Handler take_over(int signal) {
  const Handler before = std::signal(signal, on_signal);
  if (before == SIG_IGN) std::signal(signal, SIG_IGN);
  return before;
}

void give_back(int signal, Handler before) {
  if (before != SIG_ERR) std::signal(signal, before);
}

}  // namespace

Interrupt::Interrupt(Of which, int most) : most_(most) {
  interrupted = false;
  left = most;
  interrupt_before_ = take_over(SIGINT);
  terminate_before_ = which == Of::all ? take_over(SIGTERM) : SIG_ERR;
}

Interrupt::~Interrupt() {
  give_back(SIGINT, interrupt_before_);
  give_back(SIGTERM, terminate_before_);
}

void Interrupt::reset() {
  interrupted = false;
  left = most_;
}

const std::atomic<bool>& Interrupt::requested() const { return interrupted; }

}  // namespace ntstack::app
