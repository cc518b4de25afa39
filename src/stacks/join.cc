#include "stacks/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace ntstack::stacks {
namespace {

bool is_same_thread(const Stack& a, const Stack& b) {
  if (!a.thread || !b.thread) return false;
  if (a.thread->address != 0 && a.thread->address == b.thread->address) return true;
  const auto process_of = [](const Stack& stack) {
    return stack.thread->process_id ? stack.thread->process_id
           : stack.process          ? stack.process->id
                                    : std::nullopt;
  };
  const auto first = process_of(a), second = process_of(b);
  return a.thread->id && a.thread->id == b.thread->id && (!first || !second || first == second);
}

void add_kernel_stack(std::vector<Stack>& all, Stack stack) {
  const auto known =
      std::ranges::find_if(all, [&](const Stack& other) { return is_same_thread(other, stack); });
  if (known == all.end())
    all.push_back(std::move(stack));
  else if (stack.frames.size() > known->frames.size())
    *known = std::move(stack);
}

// True where the kernel's part ends with the frame that the user's begins with.
bool goes_on(const Stack& kernel, const Stack& user) {
  if (kernel.end != End::user_mode || kernel.frames.empty() || user.frames.empty()) return false;
  const Frame& last = kernel.frames.back();
  const auto first = std::ranges::find(user.frames, false, &Frame::is_inline);
  return first != user.frames.end() && last.is_user && last.ip == first->ip &&
         last.child_sp == first->child_sp;
}

void put_below(Stack& kernel, Stack& user) {
  const bool is_guess = kernel.frames.back().trust == unwind::Trust::scan;
  kernel.frames.pop_back();
  for (Frame& frame : user.frames) {
    if (is_guess) frame.trust = unwind::Trust::scan;
    frame.is_user = true;
  }
  std::ranges::move(user.frames, std::back_inserter(kernel.frames));
  std::ranges::move(user.segments, std::back_inserter(kernel.segments));
  std::ranges::move(user.notes, std::back_inserter(kernel.notes));
  kernel.end = user.end;
  kernel.end_reason = std::move(user.end_reason);
}

void add_user_stack(std::vector<Stack>& all, Stack user, const std::string& dump) {
  const auto kernel = std::ranges::find_if(all, [&](const Stack& other) {
    return other.end == End::user_mode && is_same_thread(other, user);
  });
  if (kernel != all.end() && goes_on(*kernel, user)) {
    put_below(*kernel, user);
    return;
  }
  if (kernel != all.end()) {
    user.notes.push_back(
        fmt::format("{} was written at another moment than the kernel's part of this thread: they "
                    "are not joined",
                    dump));
  }
  all.push_back(std::move(user));
}

}  // namespace

std::vector<Stack> join(std::vector<DumpStacks> dumps) {
  std::vector<Stack> all;
  for (DumpStacks& dump : dumps)
    for (Stack& stack : dump.stacks)
      if (!dump.is_user) add_kernel_stack(all, std::move(stack));
  for (DumpStacks& dump : dumps)
    for (Stack& stack : dump.stacks)
      if (dump.is_user) add_user_stack(all, std::move(stack), dump.dump);
  return all;
}

}  // namespace ntstack::stacks
