// The user part of a stack, below the kernel's: where a dump has the process's memory. Of a WOW64
// process both parts, the 64-bit one first.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "stacks/stack.h"
#include "stacks/stepper.h"
#include "stacks/wow64_part.h"

namespace ntstack::stacks {

// Makes a symbolizer for the images of one process; `memory` outlives it.
using SymbolizerMaker = std::function<std::unique_ptr<symbols::Symbolizer>(
    const std::vector<dump::ModuleRecord>& modules, const base::ByteSource& memory)>;

class UserPart {
 public:
  // `machine` outlives this.
  UserPart(const target::Machine& machine, SymbolizerMaker make)
      : machine_(machine), make_(std::move(make)) {}

  // Goes on from the stack's user registers, where it ends in user mode and its process's memory
  // has that part of the stack; else leaves it as it is.
  void add_to(Stack& stack);

  // The one that knows the images of a frame that was added; null where there is none.
  symbols::Symbolizer* symbolizer_of(const Stack& stack, const Frame& frame) const;

  // What was not at hand for the processes so far.
  std::vector<symbols::Missing> missing() const;

 private:
  struct UserSpace {
    std::unique_ptr<memory::PageTables> memory;  // null: none
    std::unique_ptr<symbols::Symbolizer> symbolizer;
    std::unique_ptr<Stepper> stepper;
    std::unique_ptr<symbols::Symbolizer> wow64_symbolizer;  // made for the first 32-bit stack
    std::unique_ptr<Wow64Part> wow64;
  };
  UserSpace& space_of(const target::Process& process);
  void add_64_bit_part(Stack& stack, UserSpace& space) const;
  void add_32_bit_part(Stack& stack, UserSpace& space,
                       const std::optional<unwind::x86::Registers>& running) const;
  std::optional<unwind::x86::Registers> running_32_bit_code(const Stack& stack) const;

  const target::Machine& machine_;
  SymbolizerMaker make_;
  std::unordered_map<std::uint64_t, UserSpace> spaces_;  // by EPROCESS
};

}  // namespace ntstack::stacks
