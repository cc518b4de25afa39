#include "capture/triage_batches.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace ntstack::capture {
namespace {

using target::Capture;

// What threads take is not known yet: header, drivers and their names; a thread with what it does.
constexpr std::size_t kUsualHead = 72 * 1024, kUsualThread = 12 * 1024, kDescriptor = 16;
constexpr std::size_t kLeastFirst = 4, kMostFirst = 80;
constexpr std::size_t kWithoutAStack = 3;
constexpr std::size_t kRoomForAnObject = 0x4000;  // several times the largest ETHREAD

struct Build {
  std::uint32_t build;
  std::size_t bytes_64, bytes_32;
};
constexpr Build kBuilds[] = {
    {6000, 0x3a20, 0x1f98},  {6001, 0x3b20, 0x2008},  {7600, 0x4d00, 0x3628},
    {9200, 0x5b80, 0x4160},  {9600, 0x5d80, 0x46b8},  {10240, 0x6900, 0x4900},
    {15063, 0x6a40, 0x4900}, {16299, 0x6980, 0x4940}, {17134, 0x7ec0, 0x5f00},
    {18362, 0x8f00, 0x5f00}, {19041, 0xaf00, 0x5f00}, {26100, 0xcf00, 0x5f00}};

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::pending:
      return "pending";
    case Outcome::captured:
      return "captured";
    case Outcome::captured_in_part:
      return "captured_in_part";
    case Outcome::wedged:
      return "wedged";
    case Outcome::denied:
      return "denied";
    case Outcome::gone:
      return "gone";
    case Outcome::does_not_fit:
      return "does_not_fit";
    case Outcome::not_tried:
      return "not_tried";
    case Outcome::failed:
      break;
  }
  return "failed";
}

std::size_t processor_bytes(std::uint32_t build, bool is_64_bit) {
  const Build* found = build == 0 ? std::prev(std::end(kBuilds)) : std::begin(kBuilds);
  for (const Build& each : kBuilds)
    if (each.build <= build) found = &each;
  return is_64_bit ? found->bytes_64 : found->bytes_32;
}

TriageBatches::TriageBatches(std::size_t threads, const BatchLimits& limits) : limits_(limits) {
  add(threads);
}

void TriageBatches::add(std::size_t more) {
  for (std::size_t i = 0; i < more; ++i) {
    left_.push_back(outcomes_.size());
    outcomes_.push_back(Outcome::pending);
    needs_.push_back(0);
    retried_.push_back(false);
    in_part_.push_back(false);
  }
}

// What a dump has of it is not lost for what a later one lacks.
void TriageBatches::settle(std::size_t thread, Outcome outcome) {
  outcomes_[thread] =
      in_part_[thread] && outcome != Outcome::captured ? Outcome::captured_in_part : outcome;
}

// By what threads took so far; the more they differ, the more are asked for, so that smaller ones
// fill what larger ones leave.
std::size_t TriageBatches::likely_to_fit() const {
  if (room_ != 0 && measured_ != 0) {
    const double fit = static_cast<double>(room_) / std::max(mean_, 1.0);
    const double spread =
        std::sqrt(squares_ / static_cast<double>(measured_)) / std::max(mean_, 1.0);
    return static_cast<std::size_t>(std::min(1e6, fit * (1 + 2 * std::min(spread, 2.0)))) + 2;
  }
  if (room_ != 0) return kLeastFirst;
  // Blocks of processors that find no room are left out, and their room is threads'.
  const std::size_t each = processor_bytes(limits_.build, limits_.is_64_bit) + kDescriptor;
  std::size_t room = limits_.room > kUsualHead ? limits_.room - kUsualHead : 0;
  room -= std::min(room / each, limits_.processors) * each;
  return std::clamp(room / kUsualThread * 5 / 4, kLeastFirst, kMostFirst);
}

std::size_t TriageBatches::size_of_next() const {
  std::size_t count = std::min(likely_to_fit(), most_);
  if (calls_ == 0 && limits_.first_batch != 0) count = std::min(count, limits_.first_batch);
  // Threads that do not answer hold a call up, which can't be broken off.
  if (wedged_ != 0) {
    const std::size_t most = limits_.wedged_in_a_call * asked_ / wedged_;
    count = std::min(count, std::max<std::size_t>(most, 1));
  }
  if (!left_.empty() && retried_[left_.front()]) count = std::min(count, limits_.wedged_in_a_call);
  return std::min(std::max<std::size_t>(count, 1), pending());
}

// What earlier dumps could not take and showed the size of comes first: of these the largest, and
// none that would not fit with the others; then what is next.
std::vector<std::size_t> TriageBatches::take(std::size_t count) {
  std::vector<std::size_t> taken, wait;
  const auto larger = [&](std::size_t a, std::size_t b) { return needs_[a] > needs_[b]; };
  std::ranges::stable_sort(known_, larger);
  for (const std::size_t thread : known_) {
    const bool fits = planned_ == 0 || planned_ + needs_[thread] <= room_;
    if (taken.size() == count || !fits) {
      wait.push_back(thread);
      continue;
    }
    planned_ += needs_[thread];
    taken.push_back(thread);
  }
  known_ = std::move(wait);
  while (taken.size() < count && !left_.empty()) {
    taken.push_back(left_.front());
    left_.pop_front();
  }
  return taken;
}

void TriageBatches::put_back(std::span<const std::size_t> threads) {
  for (const std::size_t thread : threads)
    if (needs_[thread] != 0) known_.push_back(thread);
  for (std::size_t i = threads.size(); i-- > 0;)
    if (needs_[threads[i]] == 0) left_.push_front(threads[i]);
  planned_ = 0;
}

void TriageBatches::learn(std::span<const std::size_t> asked, const TriageContents& contents) {
  ++calls_;
  planned_ = 0;
  returned_.clear();
  // Where the kernel went on behind a thread, or had room to, it was no lack of room.
  std::size_t tried = 0;
  const std::size_t count = std::min(asked.size(), contents.threads.size());
  for (std::size_t i = 0; i < count; ++i)
    if (contents.threads[i].object != 0 || contents.left >= kRoomForAnObject) tried = i + 1;
  for (std::size_t i = 0; i < count; ++i)
    learn_one(asked[i], contents.threads[i], i == contents.first, i < tried);
  const auto captured = static_cast<std::size_t>(std::ranges::count_if(
      contents.threads, [](const auto& thread) { return thread.stack != StackBytes::none; }));
  measure(contents);
  put_back(returned_);
  give_up_where_nothing_fits(contents, captured);
}

void TriageBatches::learn_one(std::size_t thread, const ThreadInDump& in_dump, bool is_first,
                              bool was_tried) {
  if (in_dump.needs != 0) needs_[thread] = in_dump.needs;
  const Capture capture = in_dump.capture;
  const bool is_there = in_dump.object != 0 && in_dump.stack != StackBytes::none;
  if (is_there && in_dump.stack == StackBytes::part) in_part_[thread] = true;
  if (is_there && (in_dump.stack == StackBytes::whole || is_first))
    settle(thread,
           in_dump.stack == StackBytes::whole ? Outcome::captured : Outcome::captured_in_part);
  else if (capture == Capture::timed_out || (!in_dump.status && in_dump.object == 0 && was_tried))
    did_not_answer(thread);
  else if (capture == Capture::gone)
    settle(thread, Outcome::gone);
  else if (capture == Capture::denied)
    settle(thread, Outcome::denied);
  else if (capture == Capture::failed)
    settle(thread, Outcome::failed);
  else if (is_first)
    settle(thread, Outcome::does_not_fit);
  else
    returned_.push_back(thread);
  if (outcomes_[thread] != Outcome::pending || capture == Capture::timed_out) ++asked_;
}

void TriageBatches::did_not_answer(std::size_t thread) {
  ++wedged_;
  if (retried_[thread])
    settle(thread, Outcome::wedged);
  else
    unanswered_.push_back(thread);
}

void TriageBatches::measure(const TriageContents& contents) {
  if (contents.thread_room != 0) room_ = contents.thread_room;
  for (const ThreadInDump& thread : contents.threads) {
    if (thread.stack != StackBytes::whole || thread.bytes == 0) continue;
    ++measured_;
    const double bytes = static_cast<double>(thread.bytes), before = bytes - mean_;
    mean_ += before / static_cast<double>(measured_);
    squares_ += before * (bytes - mean_);
  }
}

// All objects are of one size: where the first finds no room, none does. Threads whose stacks are
// known to be larger than the room need no try.
void TriageBatches::give_up_where_nothing_fits(const TriageContents& contents,
                                               std::size_t captured) {
  const bool has_object = contents.first != SIZE_MAX;
  const bool no_room =
      !has_object && contents.has_list && contents.left < kRoomForAnObject &&
      std::ranges::any_of(
          contents.threads,
          [](const ThreadInDump& thread) { return thread.capture == Capture::did_not_fit; });
  const bool answered = std::ranges::any_of(contents.threads, [](const ThreadInDump& thread) {
    return thread.capture == Capture::timed_out || thread.capture == Capture::gone ||
           thread.capture == Capture::denied;
  });
  const bool is_empty = captured == 0 && !(answered && !no_room && !has_object);
  without_a_stack_ = is_empty ? without_a_stack_ + 1 : 0;
  if (without_a_stack_ == 0) return;
  const auto is_hopeless = [&](std::size_t thread) {
    if (!no_room && (room_ == 0 || needs_[thread] <= room_)) return false;
    settle(thread, Outcome::does_not_fit);
    return true;
  };
  std::erase_if(known_, is_hopeless);
  if (no_room) std::erase_if(left_, is_hopeless);
  if (without_a_stack_ < kWithoutAStack || pending() == 0) return;
  gave_up_ = true;
  stop();
}

void TriageBatches::retry_unanswered(std::size_t most) {
  for (std::size_t i = 0; i < unanswered_.size(); ++i) {
    const std::size_t thread = unanswered_[i];
    retried_[thread] = true;
    if (i < most)
      left_.push_back(thread);
    else
      settle(thread, Outcome::wedged);
  }
  unanswered_.clear();
}

void TriageBatches::stop() {
  for (const std::size_t thread : known_) settle(thread, Outcome::not_tried);
  for (const std::size_t thread : left_) settle(thread, Outcome::not_tried);
  for (const std::size_t thread : unanswered_) settle(thread, Outcome::wedged);
  known_.clear();
  left_.clear();
  unanswered_.clear();
}

}  // namespace ntstack::capture
