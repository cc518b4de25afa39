#include "stacks/join.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <unordered_map>

namespace ntstack::stacks {
namespace {

// What hostile dumps may repeat: a thread's stacks, and threads of one address or ID.
constexpr std::size_t kMostAlternatives = 16, kMostAlike = 16;

std::optional<std::uint64_t> process_id_of(const Stack& stack) {
  if (stack.thread->process_id) return stack.thread->process_id;
  return stack.process ? stack.process->id : std::nullopt;
}

template <class T>
bool may_be_same(const std::optional<T>& a, const std::optional<T>& b) {
  return !a || !b || *a == *b;
}

bool is_same_thread(const target::Thread& a, const target::Thread& b) {
  const auto time_of = [](const target::Thread& thread) {
    return thread.create_time == std::uint64_t{0} ? std::nullopt : thread.create_time;
  };
  return may_be_same(a.id, b.id) && may_be_same(a.process_id, b.process_id) &&
         may_be_same(time_of(a), time_of(b));
}

std::size_t guesses_in(const Stack& stack) {
  const auto count = std::ranges::count(stack.frames, unwind::Trust::scan, &Frame::trust);
  return static_cast<std::size_t>(count);
}

bool is_whole(const Stack& stack) {
  return !stack.frames.empty() && (stack.end == End::base || stack.end == End::user_mode);
}

// The first frame in user mode; the number of frames where there is none.
std::size_t user_begin(const Stack& kernel) {
  const auto first = std::ranges::find(kernel.frames, true, &Frame::is_user);
  return static_cast<std::size_t>(first - kernel.frames.begin());
}

// True where the kernel's part ends with the frame that the user's begins with.
bool goes_on(const Stack& kernel, const Stack& user) {
  const std::size_t at = user_begin(kernel);
  if (at == 0 || at == kernel.frames.size()) return false;
  const auto first = std::ranges::find(user.frames, false, &Frame::is_inline);
  const auto last = std::ranges::find_if(kernel.frames.begin() + static_cast<std::ptrdiff_t>(at),
                                         kernel.frames.end(),
                                         [](const Frame& frame) { return !frame.is_inline; });
  return first != user.frames.end() && last != kernel.frames.end() && last->ip == first->ip &&
         last->child_sp == first->child_sp;
}

// In place of what the kernel's dump may have of the user part itself, if that is not as good.
void put_below(Stack& kernel, Stack& user) {
  const std::size_t at = user_begin(kernel);
  const bool has_own = kernel.frames.size() - at > 1;
  if (has_own && is_whole(kernel) && !is_whole(user)) return;
  const bool is_guess = kernel.frames[at].trust == unwind::Trust::scan;
  kernel.frames.resize(at);
  for (Frame& frame : user.frames) {
    if (is_guess) frame.trust = unwind::Trust::scan;
    frame.is_user = true;
  }
  std::ranges::move(user.frames, std::back_inserter(kernel.frames));
  for (const target::StackSegment& segment : user.segments) {
    const bool known = std::ranges::any_of(
        kernel.segments, [&](const auto& own) { return own.base == segment.base; });
    if (!known) kernel.segments.push_back(segment);
  }
  std::ranges::move(user.notes, std::back_inserter(kernel.notes));
  kernel.user_dump = user.dump;
  kernel.end = user.end;
  kernel.end_reason = std::move(user.end_reason);
  if (kernel.thread_name.empty()) kernel.thread_name = user.thread->name;
}

class Joining {
 public:
  explicit Joining(std::vector<DumpStacks>& dumps) : dumps_(dumps), machine_of_(dumps.size()) {}

  Joined join() {
    for (std::size_t i = 0; i < dumps_.size(); ++i) {
      for (Stack& stack : dumps_[i].stacks) stack.dump = static_cast<std::uint32_t>(i);
      if (!dumps_[i].origin.is_user) add_kernel_dump(i);
    }
    for (std::size_t i = 0; i < dumps_.size(); ++i)
      if (dumps_[i].origin.is_user) add_user_dump(i);
    for (Thread& thread : threads_)
      joined_.stacks.push_back(std::move(thread.stacks[best(thread)]));
    std::ranges::move(alone_, std::back_inserter(joined_.stacks));
    return std::move(joined_);
  }

 private:
  struct Thread {
    std::vector<Stack> stacks;                          // of several dumps
    std::optional<std::size_t> goes_on = std::nullopt;  // the one that has a user dump's below it
  };

  void add_kernel_dump(std::size_t dump);
  void add_kernel_stack(Stack stack);
  void add_user_dump(std::size_t dump);
  void add_user_stack(Stack user);
  bool put_below_its_kernel(Stack& user, const std::vector<std::size_t>& threads);
  std::size_t best(const Thread& thread) const;
  auto rank(const Stack& stack) const {
    const auto& written = dumps_[stack.dump].origin.written;
    return std::tuple(!stack.frames.empty(), is_whole(stack), guesses_in(stack) == 0,
                      written.value_or(0), stack.frames.size());
  }
  const std::vector<std::size_t>* threads_with(std::uint64_t id) const {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &found->second;
  }

  struct Place {  // of a thread object
    std::size_t machine;
    std::uint64_t address;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const {
      return std::hash<std::uint64_t>()(place.address ^ (place.machine << 1));
    }
  };

  std::vector<DumpStacks>& dumps_;
  std::vector<std::size_t> machine_of_;  // by dump: the first dump of the same boot
  std::vector<std::size_t> machines_;    // those first dumps
  std::vector<Thread> threads_;
  std::vector<Stack> alone_;  // of user dumps
  std::unordered_map<Place, std::vector<std::size_t>, PlaceHash> by_place_;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_id_;
  Joined joined_;
};

void Joining::add_kernel_dump(std::size_t dump) {
  std::string apart;
  std::optional<std::size_t> machine;
  for (const std::size_t known : machines_) {
    const std::string why = difference(dumps_[known].origin, dumps_[dump].origin);
    if (why.empty()) {
      machine = known;
      break;
    }
    if (apart.empty()) apart = why;
  }
  if (!machine) {
    if (!apart.empty()) {
      joined_.notes.push_back(fmt::format(
          "{} is of another machine, or of another time that it ran, than {} ({}): their threads "
          "are kept apart",
          dumps_[dump].dump, dumps_[machines_.front()].dump, apart));
    }
    machine = dump;
    machines_.push_back(dump);
  }
  machine_of_[dump] = *machine;
  for (Stack& stack : dumps_[dump].stacks) add_kernel_stack(std::move(stack));
}

void Joining::add_kernel_stack(Stack stack) {
  std::vector<std::size_t>* alike = nullptr;
  if (stack.thread && stack.thread->address != 0) {
    alike = &by_place_[{machine_of_[stack.dump], stack.thread->address}];
    for (std::size_t i = 0; i < alike->size() && i < kMostAlike; ++i) {
      Thread& known = threads_[(*alike)[i]];
      if (!is_same_thread(*known.stacks.front().thread, *stack.thread)) continue;
      if (known.stacks.size() < kMostAlternatives) known.stacks.push_back(std::move(stack));
      return;
    }
  }
  const std::size_t number = threads_.size();
  if (alike) alike->push_back(number);
  if (stack.thread && stack.thread->id) by_id_[*stack.thread->id].push_back(number);
  threads_.push_back({{}, std::nullopt});
  threads_.back().stacks.push_back(std::move(stack));
}

void Joining::add_user_dump(std::size_t dump) {
  const Origin& user = dumps_[dump].origin;
  for (const std::size_t machine : machines_) {
    const std::string why = user_difference(user, dumps_[machine].origin);
    if (why.empty()) continue;
    joined_.notes.push_back(
        fmt::format("{} does not belong to {} ({}): their threads are kept apart",
                    dumps_[dump].dump, dumps_[machine].dump, why));
  }
  for (Stack& stack : dumps_[dump].stacks) add_user_stack(std::move(stack));
}

// Below the stack that goes on with it exactly, whichever dump that is from.
bool Joining::put_below_its_kernel(Stack& user, const std::vector<std::size_t>& threads) {
  for (const std::size_t number : threads) {
    Thread& thread = threads_[number];
    if (thread.goes_on) continue;
    for (std::size_t i = 0; i < thread.stacks.size(); ++i) {
      if (!goes_on(thread.stacks[i], user)) continue;
      put_below(thread.stacks[i], user);
      thread.goes_on = i;
      return true;
    }
  }
  return false;
}

void Joining::add_user_stack(Stack user) {
  std::vector<std::size_t> threads;  // that it may be of
  const auto* alike = user.thread && user.thread->id ? threads_with(*user.thread->id) : nullptr;
  for (std::size_t i = 0; alike && i < alike->size() && i < kMostAlike; ++i) {
    const Stack& kernel = threads_[(*alike)[i]].stacks.front();
    const Origin& origin = dumps_[kernel.dump].origin;
    if (may_be_same(process_id_of(kernel), process_id_of(user)) &&
        user_difference(dumps_[user.dump].origin, origin).empty())
      threads.push_back((*alike)[i]);
  }
  if (put_below_its_kernel(user, threads)) return;
  const Origin& origin = dumps_[user.dump].origin;
  if (!threads.empty()) {
    const Origin& kernel = dumps_[threads_[threads.front()].stacks.front().dump].origin;
    const bool is_other_side = origin.architecture != kernel.architecture;
    user.notes.push_back(
        is_other_side
            ? fmt::format("{} has the 32-bit side of this thread, whose kernel stack goes on with "
                          "the 64-bit one: they are not joined",
                          dumps_[user.dump].dump)
            : fmt::format("{} was written at another moment than the kernel's part of this thread: "
                          "they are not joined",
                          dumps_[user.dump].dump));
  } else if (!machines_.empty()) {
    user.notes.push_back("the kernel stack of this thread is in none of these dumps");
    user.lacks_kernel_stack = true;
  }
  alone_.push_back(std::move(user));
}

std::size_t Joining::best(const Thread& thread) const {
  if (thread.goes_on) return *thread.goes_on;
  std::size_t best = 0;
  for (std::size_t i = 1; i < thread.stacks.size(); ++i)
    if (rank(thread.stacks[i]) > rank(thread.stacks[best])) best = i;
  return best;
}

}  // namespace

Joined join(std::vector<DumpStacks> dumps) { return Joining(dumps).join(); }

}  // namespace ntstack::stacks
