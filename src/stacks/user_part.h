// The user part of a stack, below the kernel's: where a dump has the process's memory.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "stacks/stack.h"
#include "stacks/stepper.h"

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

  // What was not at hand for the processes so far.
  std::vector<symbols::Missing> missing() const;

 private:
  struct UserSpace {
    std::unique_ptr<memory::PageTables> memory;  // null: none
    std::unique_ptr<symbols::Symbolizer> symbolizer;
    std::unique_ptr<Stepper> stepper;
  };
  UserSpace& space_of(const target::Process& process);

  const target::Machine& machine_;
  SymbolizerMaker make_;
  std::unordered_map<std::uint64_t, UserSpace> spaces_;  // by EPROCESS
};

}  // namespace ntstack::stacks
