// The state of one walk: the frames so far, the registers of the last one, the stacks that it may
// be on, and how far what was found rests on a guess.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "stacks/call_edge.h"
#include "stacks/exact_step.h"
#include "stacks/registers.h"
#include "stacks/stack.h"

namespace ntstack::stacks {

// A place on the stack where the registers are known for certain: a trap frame that the kernel
// itself points to, or a context that the dump has.
struct Anchor {
  std::uint64_t at = 0;
  Registers registers;
  unwind::Trust trust = unwind::Trust::trap_frame;
  std::optional<std::uint64_t> trap_frame;
  bool from_user = false;
  bool is_end = false;  // the walk is over here: what follows is walked elsewhere
};

class Walk {
 public:
  // `known`: every stack that it may run on, the thread's own last. A stack pointer in none of them
  // walks on memory alone.
  Walk(base::Architecture architecture, std::vector<target::StackSegment> known,
       std::vector<Anchor> anchors)
      : architecture_(architecture), known_(std::move(known)), anchors_(std::move(anchors)) {}

  Stack stack;

  base::Architecture architecture() const { return architecture_; }
  const Registers& registers() const { return registers_; }
  Frame& last() { return stack.frames.back(); }
  const std::vector<target::StackSegment>& known() const { return known_; }

  // The stack that a stack pointer is on; one that stands at the base, all popped, counts, and one
  // in the guard page below. Null: none.
  const target::StackSegment* segment_of(std::uint64_t sp) const;
  const target::StackSegment* segment() const { return segment_of(sp_of(registers_)); }
  bool has_been_in(const target::StackSegment& segment) const;

  // The next frame. A stack pointer that no frame stands at is set by move_to().
  void push(const Registers& next, unwind::Trust trust, bool is_call_site);
  void move_to(const target::StackSegment& segment, std::uint64_t sp);

  // The anchor nearest above a stack pointer and below `end`; the one with exactly these registers.
  const Anchor* anchor_between(std::uint64_t from, std::uint64_t end) const;
  const Anchor* anchor_with(const Registers& registers) const;

  // From here on frames rest on a guess. doubt(): the guess was not borne out, they are guesses
  // too. confirm(): they came out exactly where they must. Those above that no call proves to be
  // live (`edge`: of a frame to the one that it returns to) are reconstructed; those above a call
  // of another function stay guesses.
  void begin_guess() { tentative_from_ = stack.frames.size(); }
  bool is_guessing() const { return tentative_from_.has_value(); }
  void doubt();
  using EdgeOf = std::function<CallEdge(const Frame& frame, const Frame& caller)>;
  void confirm(const EdgeOf& edge);

  // The stack was written over: what was unwound so far, the start apart, may be what was written.
  void mistrust();

  // One that has its known stacks and anchors, and no frames: to try where a start leads.
  Walk fork() const;
  // Whether one more place may be tried: a stack of a stranger's file may consist of guesses alone,
  // each as dear as a walk. Sound stacks try a few, damaged ones some dozens.
  bool may_try_lead() { return leads_tried_++ < kMostLeadsInAll; }

  void end(End end, std::string reason);
  bool is_over() const { return over_; }
  std::optional<std::uint64_t> end_sp;  // the stack pointer after the last frame returned
  std::optional<NoStep> last_failure;   // why exact steps ended

 private:
  std::optional<std::uint64_t> plausible_ebp(const Registers& registers) const;

  base::Architecture architecture_;
  Registers registers_;  // of the last frame
  std::vector<target::StackSegment> known_;
  std::vector<Anchor> anchors_;         // by rising address
  std::vector<std::uint64_t> entered_;  // bases of the segments that the walk has been in
  std::optional<std::size_t> tentative_from_;
  static constexpr std::size_t kMostLeadsInAll = 256;
  std::size_t leads_tried_ = 0;
  bool over_ = false;
};

}  // namespace ntstack::stacks
