// The registers of every frame of a stack, stepped anew by the walker's exact steps: what a frame's
// function still has in the registers that calls keep.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "analysis/certainty.h"
#include "analysis/code_view.h"
#include "stacks/exact_step.h"
#include "stacks/stack.h"
#include "stacks/user_part.h"

namespace ntstack::analysis {

struct FrameRegister {
  stacks::Registers registers;  // as they are at Frame::ip; what is not known is not in `known`
  // fact: every frame from the youngest down to here was found for certain.
  Certainty certainty = Certainty::fact;
};

// Code and memory that frames lie in: the kernel's (a user dump's), or a process's user half.
struct FrameSpace {
  const base::ByteSource* memory = nullptr;
  CodeView* code = nullptr;
  stacks::ExactStepper* stepper = nullptr;
};

class FrameRegisters {
 public:
  // All outlive it. `make`: for the images of processes whose memory a kernel dump has; may be
  // empty.
  FrameRegisters(const target::Machine& machine, symbols::Symbolizer& symbolizer,
                 stacks::SymbolizerMaker make);
  ~FrameRegisters();

  // One for each frame of the stack. An inlined frame has those of the frame that it is in.
  std::vector<FrameRegister> of(const stacks::Stack& stack);
  // Where a frame's code and memory are; null: they are not in the dump.
  const FrameSpace* space_of(const stacks::Stack& stack, const stacks::Frame& frame);

 private:
  struct Owned;
  const FrameSpace* user_space_of(const target::Process& process);
  std::optional<stacks::Registers> start_of(const stacks::Stack& stack) const;
  stacks::Registers next_of(const stacks::Stack& stack, std::size_t frame, std::size_t next,
                            const stacks::Registers& registers);

  const target::Machine& machine_;
  stacks::SymbolizerMaker make_;
  std::unique_ptr<Owned> kernel_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Owned>> users_;  // by EPROCESS
};

// The next older frame that is no inlined one: that has bytes and registers of its own.
std::optional<std::size_t> frame_below(const stacks::Stack& stack, std::size_t frame);

// General registers by the numbers of code::RegisterNumber; nothing where the value is not known.
std::optional<std::uint64_t> register_in(const stacks::Registers& registers,
                                         code::RegisterNumber number);
// Whether a function keeps a register for its caller (the stack pointer not counted).
bool is_kept_by_calls(base::Architecture architecture, code::RegisterNumber number);

}  // namespace ntstack::analysis
