#include "app/interrupt.h"

#include <csignal>

namespace ntstack::app {
namespace {

// What a handler may touch: no object that could be gone.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal) {
  std::signal(signal, SIG_DFL);
  interrupted = true;
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = false;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

const std::atomic<bool>& Interrupt::requested() const { return interrupted; }

}  // namespace ntstack::app
