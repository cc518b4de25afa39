// The steps of a walk, best first: by unwind data, to an anchor, by a scan, on to the stack below.
#pragma once

#include "stacks/call_edge.h"
#include "stacks/exact_step.h"
#include "stacks/module_map.h"
#include "stacks/trap_frame.h"
#include "stacks/walk.h"
#include "unwind/scan.h"

namespace ntstack::stacks {

// Where exact steps lead from a start, and how that is borne out.
struct Lead {
  enum class Outcome : std::uint8_t {
    whole,    // to where a stack must end: the way into user mode, or its base
    blocked,  // to a frame whose image or memory is not at hand
    astray    // to what can't be a frame
  };
  Outcome outcome = Outcome::astray;
  std::vector<Frame> frames;  // the start's own first
  std::size_t matching = 0;   // of its calls, those that are known to go to the frame above
  bool is_disproved = false;  // a call goes to another function than the frame's above it
  End end = End::lost;
  bool is_good() const {
    return !is_disproved && (outcome == Outcome::whole ||
                             (outcome == Outcome::blocked && frames.size() > 1) || matching > 1);
  }
};

class Stepper {
 public:
  explicit Stepper(const Space& space)
      : space_(space),
        modules_(*space.symbolizer),
        exact_(space, modules_),
        images_(modules_),
        code_(space.memory, &images_) {}
  Stepper(const Stepper&) = delete;

  // Steps until the walk is over; the frames then have their return addresses and sizes, and no
  // names.
  void run(Walk& walk);

  // The next place of [from, end) that a frame may begin at: a return address, or a trap frame of
  // kernel mode.
  struct Place {
    enum class Kind : std::uint8_t { return_address, chain, trap_frame };
    Kind kind = Kind::return_address;
    std::uint64_t at = 0;  // of its slot, of the trap frame
    Registers registers;
  };
  std::optional<Place> next_place(std::uint64_t from, std::uint64_t end);
  // The lowest byte of a stack that is in the dump; its base where none is.
  std::uint64_t first_byte(const target::StackSegment& stack) const;

  // Steps as a walk does, as long as they are exact; `walk`: whose stacks and anchors they may use.
  Lead lead_from(const Walk& walk, const Registers& start, bool is_call_site);

 private:
  bool step_exactly(Walk& walk);
  bool step_across_stacks(Walk& walk);
  std::uint64_t end_of_scan(std::uint64_t from) const;
  std::uint64_t end_of_memory(std::uint64_t from) const;
  bool cross_to_user(Walk& walk, const ExactStep& step) const;
  StackLimits limits_of(const Walk& walk) const;
  bool end_at_zero(Walk& walk, const Registers& next) const;
  bool is_damaged(const Walk& walk, const ExactStep& step) const;
  bool step_over_damage(Walk& walk, const ExactStep& step);
  bool is_borne_out(const Walk& walk, const ExactStep& step) const;
  void settle(Walk& walk) const;
  CallEdge edge_of(const Frame& frame, const Frame& caller) const;
  CallEdge edge_between(std::uint64_t ip, bool is_call_site, std::uint64_t return_address) const;
  std::optional<unwind::ScanHit> next_return_address(std::uint64_t from, std::uint64_t end);
  std::optional<unwind::ScanHit> best_return_address(Walk& walk, std::uint64_t from,
                                                     std::uint64_t end);
  std::optional<unwind::ScanHit> next_chain(std::uint64_t from, std::uint64_t end);
  bool is_known_as_data(std::uint64_t address);
  Registers registers_behind(const unwind::ScanHit& hit, std::uint64_t stack_end) const;
  bool step_by_guess(Walk& walk);
  std::optional<TrapFrame> next_trap_frame(std::uint64_t from, std::uint64_t before,
                                           std::uint64_t end) const;
  bool step_to_trap_frame(Walk& walk, std::uint64_t from, std::uint64_t before,
                          std::uint64_t end) const;
  bool step_to_anchor(Walk& walk, const Anchor& anchor) const;
  bool continue_below(Walk& walk);
  bool is_where_thread_began(const Walk& walk) const;
  void give_up(Walk& walk) const;
  bool is_present(std::uint64_t address) const;

  Space space_;
  ModuleMap modules_;
  ExactStepper exact_;
  ModuleCode images_;
  base::LayeredSource code_;  // the dump's memory, and images behind it
  // Edges that were asked for before: the same frames are on many stacks.
  struct KnownEdge {
    std::uint64_t ip = 0, return_address = 0;
    bool is_call_site = false;
    CallEdge edge = CallEdge::unknown;
  };
  mutable std::vector<KnownEdge> edges_ = std::vector<KnownEdge>(1024);
  // Memory that end_of_memory() went over last and found no hole in: one guess after another asks
  // from a little higher.
  struct LookedAt {
    std::uint64_t begin = 0, end = 0;
  };
  mutable LookedAt looked_at_;
  // Where the last search for a chain of frame pointers found none: in no part of it is one.
  LookedAt without_chain_;
};

}  // namespace ntstack::stacks
