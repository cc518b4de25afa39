// Holds the unwinder against the shadow stack at every instruction that a machine executes: each
// return address, each child SP, each nonvolatile register, down to the oldest frame.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "unwind/x64.h"
#include "unwind/x64_cache.h"
#include "world/image_map.h"
#include "world/machine.h"

namespace ntstack::world {

class InstructionTruth {
 public:
  explicit InstructionTruth(const unwind::CodeMap& code) : code_(&code) {}

  // What is checked from now on; what was found stays.
  void watch(const Machine& machine) {
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
  // Frames entered here keep RBX, RSI and RDI where no unwind data says: their callers' are not
  // compared.
  std::set<std::uint64_t> loose_entries;

  std::set<std::uint64_t> reached;  // every address executed
  std::set<std::uint64_t> checked;
  std::uint64_t walks = 0, steps = 0;
  std::uint64_t failures = 0;
  std::vector<std::string> first_failures;

 private:
  bool walk(unwind::x64::RuleCache* cache);
  std::string compare(const unwind::x64::Step& step, const ShadowFrame& frame,
                      std::uint32_t loose) const;
  bool fail(std::size_t depth, std::uint64_t rip, const std::string& what);

  const Machine* machine_ = nullptr;
  MachineMemory memory_;
  const unwind::CodeMap* code_;
  unwind::x64::RuleCache cache_{14};
  std::map<std::pair<std::uint64_t, std::size_t>, unsigned> seen_;
};

// The instructions of an image: every function's, by a linear sweep with Capstone; padding between
// functions is none.
std::vector<std::uint64_t> instructions_of(const LoadedImage& image);
bool is_nop(const LoadedImage& image, std::uint64_t address);

}  // namespace ntstack::world
