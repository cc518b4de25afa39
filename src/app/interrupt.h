// Ctrl-C and a request to end (SIGTERM), while something is done that can be left in good order.
#pragma once

#include <atomic>

namespace ntstack::app {

// As long as one lives, the first interrupts set its flag, and the next ends the program as it
// would without. One at a time.
class Interrupt {
 public:
  enum class Of : bool { all, ctrl_c_alone };
  explicit Interrupt(Of which = Of::all, int most = 1);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& requested() const;
  // As if it were new.
  void reset();

 private:
  int most_;
  void (*interrupt_before_)(int) = nullptr;  // what the program did before
  void (*terminate_before_)(int) = nullptr;
};

}  // namespace ntstack::app
