#include "analysis/stack_account.h"

#include <algorithm>
#include <functional>
#include <map>

#include "analysis/repetitions.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using stacks::Stack;
using target::StackKind;
using target::StackSegment;

// KERNEL_STACK_SIZE and KERNEL_LARGE_STACK_SIZE, from the WDK's wdm.h.
struct StackSizes {
  std::uint64_t usual, large;
};
std::optional<StackSizes> sizes_of(base::Architecture architecture) {
  if (architecture == base::Architecture::x86) return StackSizes{0x3000, 0xf000};
  if (architecture == base::Architecture::x64) return StackSizes{0x6000, 0x12000};
  return {};
}

constexpr std::uint64_t kGuard = 0x1000;  // a stack pointer as far below the limit ran over it

std::vector<SegmentUse> segments_of(const Stack& stack, base::Architecture architecture) {
  const auto sizes = sizes_of(architecture);
  std::vector<SegmentUse> uses;
  for (const StackSegment& segment : stack.segments) {
    if (segment.base <= segment.limit || segment.kind == StackKind::user) continue;
    SegmentUse use;
    use.segment = segment;
    use.size = segment.base - segment.limit;
    use.is_accounted = segment.kind != StackKind::task && segment.kind != StackKind::ist;
    const bool may_be_large = segment.kind == StackKind::thread && segment.limit_known && sizes &&
                              use.size > sizes->usual && use.size < sizes->large;
    if (may_be_large) use.may_grow = sizes->large - use.size;
    uses.push_back(std::move(use));
  }
  return uses;
}

// Adds one frame after the other, youngest first.
class Accounting {
 public:
  Accounting(const Stack& stack, base::Architecture architecture) : stack_(stack) {
    account_.segments = segments_of(stack, architecture);
    reached_.assign(account_.segments.size(), 0);
  }

  StackAccount run() {
    for (std::size_t i = 0; i < stack_.frames.size(); ++i) {
      const Frame& frame = stack_.frames[i];
      if (!frame.is_inline && !frame.is_user && !frame.is_wow64) add(i, frame);
    }
    close_segments();
    sort_out();
    account_.repetitions = repetitions_of(stack_, account_.frames);
    return std::move(account_);
  }

 private:
  std::optional<std::size_t> segment_of(std::uint64_t sp) const {
    for (std::size_t i = 0; i < account_.segments.size(); ++i) {
      const StackSegment& segment = account_.segments[i].segment;
      const std::uint64_t low = segment.limit < kGuard ? 0 : segment.limit - kGuard;
      if (sp >= low && sp <= segment.base) return i;
    }
    return {};
  }

  void add(std::size_t index, const Frame& frame) {
    FrameUse use;
    use.frame = index;
    use.segment = segment_of(frame.child_sp);
    use.overhead = overhead_of(frame);
    if (!use.segment) return;
    SegmentUse& segment = account_.segments[*use.segment];
    std::uint64_t& reached = reached_[*use.segment];
    if (segment.frames == 0) {
      reached = frame.child_sp;
      begin(segment, frame.child_sp);
    }
    const std::uint64_t rest = segment.segment.base - frame.child_sp;
    const std::uint64_t end = frame.child_sp + std::min(rest, frame.frame_bytes.value_or(0));
    if (end > reached) {
      use.bytes = end - std::max(reached, frame.child_sp);
      reached = end;
    }
    segment.counted += use.bytes;
    ++segment.frames;
    if (segment.is_accounted) account_.frames.push_back(use);
  }

  // Its youngest frame has the lowest stack pointer that counts.
  static void begin(SegmentUse& use, std::uint64_t sp) {
    use.used = use.segment.base - sp;
    if (sp < use.segment.limit)
      use.past_limit = use.segment.limit - sp;
    else
      use.left = sp - use.segment.limit;
  }

  void close_segments() {
    for (std::size_t i = 0; i < account_.segments.size(); ++i) {
      SegmentUse& use = account_.segments[i];
      if (use.frames != 0) use.at_base = use.segment.base - reached_[i];
      // The walk did not come there: what it was left with when the stack was expanded.
      const auto left_at = use.segment.saved_sp;
      if (use.frames == 0 && left_at && use.segment.contains(*left_at)) begin(use, *left_at);
      if (!use.is_accounted) continue;
      account_.size += use.size;
      account_.used += use.used;
    }
    if (const SegmentUse* used = account_.in_use()) account_.left = used->left;
  }

  void sort_out() {
    std::map<std::string, Share> modules, functions;
    for (const FrameUse& use : account_.frames) {
      const Frame& frame = stack_.frames[use.frame];
      const std::string function = function_text(frame);
      count(modules[frame.symbol.module], use, frame);
      count(functions[function], use, frame);
      functions[function].function = function;
      account_.counted += use.bytes;
      if (use.overhead != Overhead::none) account_.overhead += use.bytes;
      if (frame.trust != unwind::Trust::scan) continue;
      account_.guessed += use.bytes;
      ++account_.guessed_frames;
    }
    account_.frame_count = account_.frames.size();
    account_.modules = sorted(modules);
    account_.functions = sorted(functions);
    for (std::size_t i = 0; i < account_.frames.size(); ++i)
      if (account_.frames[i].overhead == Overhead::none && account_.frames[i].bytes != 0)
        account_.largest.push_back(i);
    std::ranges::stable_sort(account_.largest, std::greater<>(),
                             [&](std::size_t i) { return account_.frames[i].bytes; });
  }

  static void count(Share& share, const FrameUse& use, const Frame& frame) {
    share.module = frame.symbol.module;
    ++share.frames;
    share.bytes += use.bytes;
    if (use.overhead != Overhead::none) share.overhead_bytes += use.bytes;
    if (frame.trust == unwind::Trust::scan) share.guessed_bytes += use.bytes;
    if (share.frames != 1 && use.bytes <= share.largest) return;
    share.largest = use.bytes;
    share.largest_frame = use.frame;
  }

  static std::vector<Share> sorted(std::map<std::string, Share>& shares) {
    std::vector<Share> out;
    for (auto& each : shares) out.push_back(std::move(each.second));
    std::ranges::stable_sort(out, [](const Share& a, const Share& b) {
      return a.own_bytes() != b.own_bytes() ? a.own_bytes() > b.own_bytes() : a.bytes > b.bytes;
    });
    return out;
  }

  const Stack& stack_;
  StackAccount account_;
  std::vector<std::uint64_t> reached_;  // by segment: what frames have up to here
};

}  // namespace

std::string_view name_of(Guard guard) {
  switch (guard) {
    case Guard::is_there:
      return "is_there";
    case Guard::is_mapped:
      return "is_mapped";
    case Guard::not_known:
      break;
  }
  return "not_known";
}

std::optional<std::uint64_t> growth_of(std::uint64_t size, base::Architecture architecture) {
  const auto sizes = sizes_of(architecture);
  return sizes && size < sizes->large ? std::optional(sizes->large - size) : std::nullopt;
}

std::size_t StackAccount::expansions() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      segments, [](const SegmentUse& use) { return use.segment.kind == StackKind::expanded; }));
}

const SegmentUse* StackAccount::in_use() const {
  for (const FrameUse& use : frames)
    if (use.segment) return &segments[*use.segment];
  return nullptr;
}

StackAccount account_of(const Stack& stack, base::Architecture architecture) {
  return Accounting(stack, architecture).run();
}

}  // namespace ntstack::analysis
