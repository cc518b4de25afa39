// Another run of this program, with pipes for what it reads and writes: so that one bad dump takes
// nothing but itself down, and can be stopped.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ntstack::app {

class ChildProcess {
 public:
  using Time = std::chrono::steady_clock::time_point;
  enum class Output { came, ended, late };

  // This program with these arguments, UTF-8.
  static base::Result<ChildProcess> start(const std::vector<std::string>& arguments);
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;
  // Killed where it still runs.
  ~ChildProcess();

  // Waits until it has read all; false where it reads no more. For texts of at most some kilobytes.
  bool write(std::string_view text);
  void close_input();
  // Waits until something is written, appended to `out` or `err`; `ended`: both were closed;
  // `late`: nothing came until `deadline`.
  Output read(Time deadline, std::string& out, std::string& err);
  void kill();
  // Its exit code, as wait(), of what is about to end: two seconds later it is killed.
  int wait_or_kill();
  // Waits for its end: its exit code; of one that was killed or crashed, 128 or more.
  int wait();

 private:
  struct System;  // what one system has of it
  explicit ChildProcess(std::unique_ptr<System> system);
  std::unique_ptr<System> system_;
};

// Called in a child, which is told of its parent: it ends as soon as that one does, however that
// ends. Windows: does nothing.
void end_with(std::int64_t parent);

// An end in words, for codes of wait(): "it ended with signal 11 (Segmentation fault)".
std::string how_it_ended(int code);

}  // namespace ntstack::app
