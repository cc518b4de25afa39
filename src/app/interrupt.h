// Ctrl-C and a request to end (SIGTERM), while something is done that can be left in good order.
#pragma once

#include <atomic>

namespace ntstack::app {

// As long as one lives, the first interrupt sets its flag, and the second ends the program as it
// would without. One at a time.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& requested() const;

 private:
  void (*interrupt_before_)(int) = nullptr;  // what the program did before
  void (*terminate_before_)(int) = nullptr;
};

}  // namespace ntstack::app
