// What a function on a stack was called with, where registers do not say it any more: by the
// registers that calls keep and the slots of the stack that its code, or its caller's, put it into.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "analysis/argument_code.h"
#include "analysis/frame_registers.h"
#include "analysis/wait_functions.h"

namespace ntstack::analysis {

struct CallArgument {
  std::uint64_t value = 0;
  Certainty certainty = Certainty::possible;
  std::string how;  // "in rsi, where nt!ExAcquireResourceExclusiveLite keeps it"
  // Of what the caller passed a part of, or read a pointer from: the whole's address.
  std::optional<std::uint64_t> container;
};

class CallArguments {
 public:
  // `registers` outlives it.
  explicit CallArguments(FrameRegisters& registers) : registers_(registers) {}

  // Argument number `index` (0 to 3) of the function of a frame, which is no inlined one.
  // `registers`: of all frames, by FrameRegisters::of.
  std::optional<CallArgument> of(const stacks::Stack& stack,
                                 std::span<const FrameRegister> registers, std::size_t frame,
                                 unsigned index, Convention convention);

 private:
  using Places = std::vector<ArgumentPlace>;
  using Key = std::tuple<const FrameSpace*, std::uint64_t, unsigned>;
  // The same code is on many stacks: what was looked up by one of the looks at code.
  struct Known {
    Places (*look)(const CodeView&, std::uint64_t, code::RegisterNumber);
    std::map<Key, Places> places = {};
  };
  static const Places& places_of(Known& known, const FrameSpace& space, const stacks::Frame& frame,
                                 code::RegisterNumber argument, unsigned index);
  std::optional<CallArgument> in_callee(const stacks::Stack& stack,
                                        std::span<const FrameRegister> registers, std::size_t frame,
                                        std::size_t caller, code::RegisterNumber argument,
                                        unsigned index);
  std::optional<CallArgument> in_caller(const stacks::Stack& stack,
                                        std::span<const FrameRegister> registers,
                                        std::size_t caller, code::RegisterNumber argument,
                                        unsigned index, Convention convention, unsigned depth);
  std::optional<CallArgument> find(const stacks::Stack& stack,
                                   std::span<const FrameRegister> registers, std::size_t frame,
                                   unsigned index, Convention convention, unsigned depth);

  FrameRegisters& registers_;
  Known in_callee_{kept_by_callee}, in_caller_{passed_by_caller};
};

}  // namespace ntstack::analysis
