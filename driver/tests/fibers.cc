#include "driver/tests/fibers.h"

#include <pthread.h>

#if defined(__SANITIZE_ADDRESS__)
#define NTSTACK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NTSTACK_ASAN 1
#endif
#endif
#ifdef NTSTACK_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace ntstack::driver::tests {
namespace {

constexpr std::size_t kStackSize = 128 << 10;

// AddressSanitizer is told of each change of stacks.
void begin_change(Fiber* from, const Fiber& to, bool from_ends) {
#ifdef NTSTACK_ASAN
  __sanitizer_start_switch_fiber(from_ends ? nullptr : &from->fake_stack, to.stack_low,
                                 to.stack_size);
#else
  (void)from, (void)to, (void)from_ends;
#endif
}

void end_change(Fiber& now) {
#ifdef NTSTACK_ASAN
  __sanitizer_finish_switch_fiber(now.fake_stack, nullptr, nullptr);
#else
  (void)now;
#endif
}

}  // namespace

std::size_t Choices::choose(std::size_t count) {
  if (count < 2) return 0;
  if (at_ == choices_.size()) choices_.push_back({0, static_cast<std::uint16_t>(count)});
  return choices_[at_++].taken;
}

bool Choices::next() {
  choices_.resize(at_);
  at_ = 0;
  while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().count)
    choices_.pop_back();
  if (choices_.empty()) return false;
  ++choices_.back().taken;
  return true;
}

std::string Choices::text() const {
  std::string text;
  for (std::size_t i = 0; i < at_; ++i) text += std::to_string(choices_[i].taken) + ' ';
  return text;
}

Fibers::Fibers(Choices& choices) : choices_(choices) {
  pthread_attr_t attributes;
  void* low = nullptr;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &main_.stack_size);
  pthread_attr_destroy(&attributes);
  main_.stack_low = low;
}

void Fibers::begin(int most_departures) {
  for (auto& fiber : fibers_) stacks_.push_back(std::move(fiber->stack));
  fibers_.clear();
  departures_left_ = most_departures;
}

Fiber& Fibers::add(std::string name, std::function<void()> body) {
  auto fiber = std::make_unique<Fiber>();
  fiber->name = std::move(name);
  fiber->body = std::move(body);
  if (stacks_.empty()) {
    fiber->stack = std::make_unique<std::byte[]>(kStackSize);
  } else {
    fiber->stack = std::move(stacks_.back());
    stacks_.pop_back();
  }
  fiber->stack_low = fiber->stack.get();
  fiber->stack_size = kStackSize;
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = fiber->stack.get();
  fiber->context.uc_stack.ss_size = kStackSize;
  fiber->context.uc_link = nullptr;
  // makecontext passes ints.
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&fiber->context, reinterpret_cast<void (*)()>(&Fibers::enter), 2,
              static_cast<std::uint32_t>(self), static_cast<std::uint32_t>(self >> 32));
  fibers_.push_back(std::move(fiber));
  return *fibers_.back();
}

void Fibers::enter(std::uint32_t low, std::uint32_t high) {
  auto& self = *reinterpret_cast<Fibers*>(std::uintptr_t{high} << 32 | low);
  end_change(*self.current_);
  self.current_->body();
  self.current_->is_done = true;
  self.change_to(self.choose_next(false));
}

// Null: nobody can. The first choice is the one that goes on, else the first that can.
Fiber* Fibers::choose_next(bool current_can_go_on) {
  if (current_can_go_on && departures_left_ == 0) return current_;
  std::vector<Fiber*>& candidates = candidates_;
  candidates.clear();
  if (current_can_go_on) candidates.push_back(current_);
  for (auto& fiber : fibers_)
    if (fiber.get() != current_ && !fiber->is_done && (!fiber->is_ready || fiber->is_ready()))
      candidates.push_back(fiber.get());
  // One that waits for what is there already.
  if (!current_can_go_on && current_ && !current_->is_done && current_->is_ready &&
      current_->is_ready())
    candidates.push_back(current_);
  if (candidates.empty()) return nullptr;
  if (departures_left_ == 0) return candidates.front();
  const std::size_t chosen = choices_.choose(candidates.size());
  if (chosen != 0) --departures_left_;
  return candidates[chosen];
}

void Fibers::change_to(Fiber* to) {
  Fiber* const from = current_ ? current_ : &main_;
  if (!to) to = &main_;
  if (to == from) return;
  current_ = to == &main_ ? nullptr : to;
  begin_change(from, *to, from->is_done);
  if (from->is_done)
    setcontext(&to->context);
  else
    swapcontext(&from->context, &to->context);
  end_change(*from);
}

bool Fibers::run(std::string& stuck) {
  current_ = nullptr;
  change_to(choose_next(false));
  for (auto& fiber : fibers_)
    if (!fiber->is_done) stuck += fiber->name + ' ';
  return stuck.empty();
}

void Fibers::yield() { change_to(choose_next(true)); }

void Fibers::wait(std::function<bool()> is_ready) {
  Fiber& self = *current_;
  self.is_ready = std::move(is_ready);
  change_to(choose_next(false));
  self.is_ready = nullptr;
}

}  // namespace ntstack::driver::tests
