// The steps of a walk, best first: by unwind data, to an anchor, by a scan, on to the stack below.
#pragma once

#include "stacks/exact_step.h"
#include "stacks/module_map.h"
#include "stacks/walk.h"
#include "unwind/scan.h"

namespace ntstack::stacks {

class Stepper {
 public:
  explicit Stepper(const Space& space)
      : space_(space), modules_(*space.symbolizer), exact_(space, modules_) {}
  Stepper(const Stepper&) = delete;

  // Steps until the walk is over; the frames then have their return addresses and sizes, and no
  // names.
  void run(Walk& walk);

  // The next slot of [from, end) that may hold a return address, and the registers of that frame.
  struct Candidate {
    std::uint64_t slot = 0;
    Registers registers;
  };
  std::optional<Candidate> next_candidate(std::uint64_t from, std::uint64_t end);

 private:
  bool step_exactly(Walk& walk);
  bool step_across_stacks(Walk& walk);
  std::uint64_t end_of_scan(std::uint64_t from) const;
  std::uint64_t end_of_memory(std::uint64_t from) const;
  bool cross_to_user(Walk& walk, const ExactStep& step) const;
  StackLimits limits_of(const Walk& walk) const;
  bool end_at_zero(Walk& walk, const Registers& next) const;
  std::optional<unwind::ScanHit> next_return_address(std::uint64_t from, std::uint64_t end);
  bool is_known_as_data(std::uint64_t address);
  Registers registers_behind(const unwind::ScanHit& hit, std::uint64_t stack_end) const;
  bool step_by_guess(Walk& walk);
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
};

}  // namespace ntstack::stacks
