// Ctrl-C and requests to end (SIGTERM, SIGHUP), while something is done that can be left in good
// order.
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
  // The signal that was the first of this one's, or of any that there was; 0: none came.
  static int signal();
  // As if it were new.
  void reset();

 private:
  int most_;
  bool is_of_all_;
};

}  // namespace ntstack::app
