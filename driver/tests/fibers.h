// Threads that run one at a time and change only where they say so: what a kernel's threads do, in
// an order that a test decides.
#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ntstack::driver::tests {

struct Fiber {
  std::string name;
  std::function<void()> body;
  std::function<bool()> is_ready;  // null: it can go on. Asked wherever another one may go on
  bool is_done = false;
  // What the test's kernel keeps of it.
  int in_image = 0;  // calls of the driver's code that it is in
  bool in_apc = false;
  void* thread = nullptr;

  ucontext_t context{};
  std::unique_ptr<std::byte[]> stack;
  void* fake_stack = nullptr;  // AddressSanitizer's
  const void* stack_low = nullptr;
  std::size_t stack_size = 0;
};

// The choices of one run, and those of the next: a depth-first walk of every order. The first run
// takes the first choice everywhere.
class Choices {
 public:
  // 0 to count - 1.
  std::size_t choose(std::size_t count);
  // Makes ready for the next run; false when all were done.
  bool next();
  std::string text() const;

 private:
  struct Choice {
    std::uint16_t taken, count;
  };
  std::vector<Choice> choices_;
  std::size_t at_ = 0;
};

class Fibers {
 public:
  explicit Fibers(Choices& choices);

  // Each run begins with none. Without a departure, each goes on until it waits or ends, and then
  // the first that can; the others are reached by departing from that.
  void begin(int most_departures);
  Fiber& add(std::string name, std::function<void()> body);
  // Until all are done; false: some wait for what never comes (they are named in `stuck`).
  bool run(std::string& stuck);

  Choices& choices() { return choices_; }
  Fiber& current() { return *current_; }
  std::string current_name() const { return current_ ? current_->name : "none"; }
  const std::vector<std::unique_ptr<Fiber>>& all() const { return fibers_; }
  // Another one may go on here.
  void yield();
  // Goes on when `is_ready` says so.
  void wait(std::function<bool()> is_ready);

 private:
  static void enter(std::uint32_t low, std::uint32_t high);
  Fiber* choose_next(bool current_can_go_on);
  void change_to(Fiber* to);

  Choices& choices_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<std::unique_ptr<std::byte[]>> stacks_;  // of earlier runs
  Fiber main_;
  Fiber* current_ = nullptr;
  std::vector<Fiber*> candidates_;
  int departures_left_ = 0;
};

}  // namespace ntstack::driver::tests
