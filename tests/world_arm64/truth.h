// Holds the ARM64 unwinder against the shadow stack at every instruction that a machine executes:
// PC, SP and each nonvolatile register, down to the oldest frame.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "unwind/arm64.h"
#include "unwind/arm64_cache.h"
#include "world/image_map.h"
#include "world_arm64/machine.h"

namespace ntstack::world {

class Arm64Truth {
 public:
  explicit Arm64Truth(const unwind::CodeMap& code) : code_(&code) {}

  // What is checked from now on; what was found stays.
  void watch(const Arm64Machine& machine) {
    machine_ = &machine;
    memory_ = MachineMemory(machine);
  }

  // Checks at the machine's present instruction, at most `visits` times for one address and depth.
  void check(std::uint64_t address);
  // Checks wherever the machine is; true where all is right.
  bool check_here();

  unsigned visits = 2;
  std::vector<Exemption> not_asked;      // as the youngest frame
  std::vector<Exemption> not_described;  // its callers can't be told: StepError::not_described

  // Frames entered here change the X0 that their trap frame holds: a system call's result.
  std::set<std::uint64_t> give_results;

  std::set<std::uint64_t> reached;  // every address executed
  std::set<std::uint64_t> checked;
  std::uint64_t walks = 0, steps = 0, signed_steps = 0, deepest = 0;
  std::map<unwind::arm64::Frame, std::uint64_t> crossed;  // steps over frames that no call made
  std::uint64_t failures = 0;
  std::vector<std::string> first_failures;

 private:
  bool walk(unwind::arm64::RuleCache* cache);
  std::string compare(const unwind::arm64::Step& step, const Arm64ShadowFrame& frame) const;
  bool fail(std::size_t depth, std::uint64_t pc, const std::string& what);

  const Arm64Machine* machine_ = nullptr;
  MachineMemory memory_;
  const unwind::CodeMap* code_;
  unwind::arm64::RuleCache cache_{14};
  std::map<std::pair<std::uint64_t, std::size_t>, unsigned> seen_;
};

// Where the image's .text has instructions: every word but the padding between functions.
std::vector<std::uint64_t> arm64_instructions_of(const LoadedImage& image);

}  // namespace ntstack::world
