#include "stacks/walk.h"

#include <algorithm>

namespace ntstack::stacks {

using target::StackKind;
using target::StackSegment;
using unwind::Trust;

namespace {

// As far below its limit a stack pointer may be of a function that the stack had no room for: its
// locals end in the guard page or below.
constexpr std::uint64_t kMostPastLimit = 0x3000;

}  // namespace

const StackSegment* Walk::segment_of(std::uint64_t sp) const {
  const auto found = std::ranges::find_if(
      known_, [&](const StackSegment& s) { return sp >= s.limit && sp <= s.base; });
  if (found != known_.end()) return &*found;
  const auto overflowed = std::ranges::find_if(known_, [&](const StackSegment& s) {
    const bool is_own = s.kind == StackKind::thread || s.kind == StackKind::expanded;
    return is_own && sp < s.limit && s.limit - sp <= kMostPastLimit;
  });
  return overflowed == known_.end() ? nullptr : &*overflowed;
}

bool Walk::has_been_in(const StackSegment& segment) const {
  return std::ranges::find(entered_, segment.base) != entered_.end();
}

void Walk::push(const Registers& next, Trust trust, bool is_call_site) {
  Frame frame;
  frame.ip = ip_of(next);
  frame.child_sp = sp_of(next);
  frame.trust = trust;
  frame.is_call_site = is_call_site;
  frame.is_user = is_user_address(frame.ip, architecture_);
  if (const auto* arm = std::get_if<unwind::arm64::Registers>(&next))
    frame.child_sp_is_bound = arm->sp_is_bound;
  if (architecture_ == base::Architecture::x86) frame.child_ebp = plausible_ebp(next);
  stack.frames.push_back(std::move(frame));
  registers_ = next;
  const StackSegment* here = segment();
  if (here && !has_been_in(*here)) entered_.push_back(here->base);
}

// EBP where it may be a frame pointer: above ESP, on the same stack.
std::optional<std::uint64_t> Walk::plausible_ebp(const Registers& registers) const {
  const auto ebp = frame_pointer_of(registers);
  const StackSegment* here = segment_of(sp_of(registers));
  if (!ebp || *ebp < sp_of(registers) || *ebp % 4 != 0) return {};
  return !here || here->contains(*ebp) ? ebp : std::nullopt;
}

void Walk::move_to(const StackSegment& segment, std::uint64_t sp) {
  registers_ = registers_at(architecture_, 0, sp);
  entered_.push_back(segment.base);
}

const Anchor* Walk::anchor_between(std::uint64_t from, std::uint64_t end) const {
  const auto found = std::ranges::find_if(
      anchors_, [&](const Anchor& anchor) { return anchor.at >= from && anchor.at < end; });
  return found == anchors_.end() ? nullptr : &*found;
}

const Anchor* Walk::anchor_with(const Registers& registers) const {
  const auto found = std::ranges::find_if(anchors_, [&](const Anchor& anchor) {
    return ip_of(anchor.registers) == ip_of(registers) &&
           sp_of(anchor.registers) == sp_of(registers);
  });
  return found == anchors_.end() ? nullptr : &*found;
}

void Walk::doubt() {
  for (std::size_t i = tentative_from_.value_or(SIZE_MAX); i < stack.frames.size(); ++i) {
    stack.frames[i].trust = Trust::scan;
  }
  tentative_from_.reset();
}

void Walk::confirm(const EdgeOf& edge) {
  const std::size_t first = tentative_from_.value_or(SIZE_MAX);
  tentative_from_.reset();
  std::vector<Frame>& frames = stack.frames;
  // The oldest is live. The slot below a live frame has the call that it made last: so the frame
  // above is live if that call went to its function.
  std::size_t unproven = frames.size() - 1;  // those before it are
  bool is_disproved = false;
  for (; unproven > first; --unproven) {
    const CallEdge found = frames[unproven].is_call_site
                               ? edge(frames[unproven - 1], frames[unproven])
                               : CallEdge::unknown;
    if (found == CallEdge::matches) continue;
    is_disproved = is_against(found);
    break;
  }
  for (std::size_t i = first; i < unproven; ++i)
    frames[i].trust = is_disproved ? Trust::scan : Trust::reconstructed;
}

void Walk::mistrust() {
  doubt();
  for (std::size_t i = 1; i < stack.frames.size(); ++i)
    if (stack.frames[i].trust != Trust::scan) stack.frames[i].trust = Trust::reconstructed;
}

Walk Walk::fork() const {
  Walk walk(architecture_, known_, anchors_);
  walk.stack.thread = stack.thread;
  walk.entered_ = entered_;
  return walk;
}

void Walk::end(End end, std::string reason) {
  stack.end = end;
  stack.end_reason = std::move(reason);
  over_ = true;
}

}  // namespace ntstack::stacks
