#include "stacks/starts.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>

namespace ntstack::stacks {
namespace {

constexpr int kMostTried = 1024;         // places of one stack
constexpr std::size_t kLeastFrames = 3;  // of a way that is not whole
constexpr std::size_t kLongWay = 8;      // frames
constexpr std::size_t kProvenCalls = 3;
constexpr std::uint64_t kMostIstGap = 0x80;  // bytes between an IST's top and what was pushed

// What a start is worth, for std::ranges::sort: more is better.
auto worth(const StartCandidate& start) {
  return std::tuple(!start.lead.is_disproved, start.explained, ~start.at);
}

bool is_worth_keeping(const StartCandidate& start) {
  const Lead& lead = start.lead;
  if (lead.outcome == Lead::Outcome::whole) return start.frames() > 1;
  return !lead.is_disproved && start.frames() >= kLeastFrames;
}

// A way that is cut short speaks for itself where it is long, or calls prove it.
bool may_be_followed(const StartCandidate& start) {
  const Lead& lead = start.lead;
  return lead.outcome == Lead::Outcome::blocked && !lead.is_disproved &&
         (start.frames() >= kLongWay || lead.matching >= kProvenCalls);
}

// Counts for each what it and the best that begins above its end explain; `starts` by rising
// address.
void count_explained(std::vector<StartCandidate>& starts) {
  for (std::size_t i = starts.size(); i-- > 0;) {
    starts[i].explained = starts[i].frames();
    if (!may_be_followed(starts[i])) continue;
    const std::uint64_t end = starts[i].lead.frames.back().child_sp;
    std::size_t most = 0;
    for (std::size_t next = i + 1; next < starts.size(); ++next) {
      const bool is_above = starts[next].at >= end && !starts[next].lead.is_disproved;
      if (is_above) most = std::max(most, starts[next].explained);
    }
    starts[i].explained += most;
  }
}

struct Place {
  std::uint64_t ip, sp;
  bool operator==(const Place&) const = default;
};
struct PlaceHash {
  std::size_t operator()(const Place& place) const {
    return std::hash<std::uint64_t>()(place.ip * 0x9e3779b97f4a7c15u ^ place.sp);
  }
};
using Places = std::unordered_set<Place, PlaceHash>;

Place place_of(const Registers& registers) { return {ip_of(registers), sp_of(registers)}; }

// Tries places from the stack's limit up. One that a way from below has led to already is not
// tried again: it explains less.
class StartFinder {
 public:
  StartFinder(Stepper& stepper, const Walk& walk, const target::StackSegment& stack)
      : stepper_(stepper), walk_(walk), stack_(stack) {}

  void try_start(StartCandidate start) {
    if (tried_ >= kMostTried || met_.contains(place_of(start.registers))) return;
    ++tried_;
    start.lead = stepper_.lead_from(walk_, start.registers, start.is_call_site);
    if (!start.lead.is_disproved)
      for (const Frame& frame : start.lead.frames) met_.insert({frame.ip, frame.child_sp});
    if (is_worth_keeping(start)) found_.push_back(std::move(start));
  }

  void try_stack() {
    std::uint64_t from = stepper_.first_byte(stack_);
    while (stack_.contains(from) && tried_ < kMostTried) {
      const auto place = stepper_.next_place(from, stack_.base);
      if (!place) break;
      const StartOrigin origin =
          place->kind == Stepper::Place::Kind::trap_frame ? StartOrigin::trap_frame
          : place->kind == Stepper::Place::Kind::chain    ? StartOrigin::frame_pointers
                                                          : StartOrigin::return_address;
      try_start({origin,
                 place->at,
                 place->registers,
                 place->kind != Stepper::Place::Kind::trap_frame,
                 {}});
      from = place->at + 1;
    }
  }

  std::vector<StartCandidate> ranked() {
    std::ranges::stable_sort(found_, {}, &StartCandidate::at);
    count_explained(found_);
    std::ranges::stable_sort(found_, std::ranges::greater(), worth);
    std::vector<StartCandidate> kept;
    Places explained;
    for (StartCandidate& start : found_) {
      if (explained.contains(place_of(start.registers))) continue;
      for (const Frame& frame : start.lead.frames) explained.insert({frame.ip, frame.child_sp});
      kept.push_back(std::move(start));
    }
    return kept;
  }

 private:
  Stepper& stepper_;
  const Walk& walk_;
  target::StackSegment stack_;
  int tried_ = 0;
  Places met_;
  std::vector<StartCandidate> found_;
};

}  // namespace

std::string_view name_of(StartOrigin origin) {
  switch (origin) {
    case StartOrigin::context:
      return "context";
    case StartOrigin::task:
      return "task";
    case StartOrigin::ist:
      return "ist";
    case StartOrigin::switch_frame:
      return "switch_frame";
    case StartOrigin::trap_frame:
      return "trap_frame";
    case StartOrigin::frame_pointers:
      return "frame_pointers";
    case StartOrigin::return_address:
      return "return_address";
  }
  return "unknown";
}

std::vector<StartCandidate> find_starts(Stepper& stepper, const Walk& walk,
                                        const target::StackSegment& stack,
                                        std::vector<StartCandidate> given) {
  StartFinder finder(stepper, walk, stack);
  for (StartCandidate& start : given) finder.try_start(std::move(start));
  finder.try_stack();
  return finder.ranked();
}

std::optional<IstFrame> read_ist_frame(const base::ByteSource& memory, std::uint64_t top) {
  // {RIP, CS, RFLAGS, RSP, SS}, pushed from `top` down by the processor.
  struct Machine {
    std::uint64_t rip, cs, flags, rsp, ss;
  };
  constexpr std::uint64_t kKernelCode = 0x10, kKernelData = 0x18, kFlags = 0x3f7fd7;
  for (std::uint64_t gap = 0; gap <= kMostIstGap && top > gap + sizeof(Machine); gap += 16) {
    const std::uint64_t at = top - gap - sizeof(Machine);
    const auto frame = memory.get<Machine>(at);
    if (!frame || frame->cs != kKernelCode || (frame->ss != kKernelData && frame->ss != 0))
      continue;
    if ((frame->flags & 2) == 0 || (frame->flags & ~kFlags) != 0) continue;
    if (is_user_address(frame->rip, base::Architecture::x64)) continue;
    if (is_user_address(frame->rsp, base::Architecture::x64)) continue;
    return IstFrame{at, registers_at(base::Architecture::x64, frame->rip, frame->rsp)};
  }
  return {};
}

}  // namespace ntstack::stacks
