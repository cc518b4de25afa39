// The world's kernel on x86: its images loaded and started on a machine, and the system calls,
// traps and switches that take its threads to where they wait.
#pragma once

#include <filesystem>
#include <string>

#include "world/kernel_objects.h"
#include "world_x86/machine.h"

namespace ntstack::world {

class X86World : public KernelObjects {
 public:
  // `more` images are loaded behind the kernel's own. Nothing has run yet.
  X86World(const std::filesystem::path& modules, const KernelLayout& layout,
           std::span<const std::string> more = {});
  X86World(const std::filesystem::path& modules, const KernelLayout& layout, OnlyImages only);
  void add_processor(std::uint32_t pcr, std::uint32_t dpc_stack);
  // Calls each driver's entry, lowest device first, on processor 0.
  void start_drivers();

  X86Machine& machine() { return machine_; }
  const X86Machine& machine() const { return machine_; }
  std::uint32_t at(const std::string& symbol) const {  // in nt
    return static_cast<std::uint32_t>(nt(symbol));
  }

  // Makes `thread` the current one of the processor, with the processor in the kernel's state.
  void make_current(const Thread& thread);
  // Where a trap from user mode begins to push: the processor's KTSS.Esp0.
  std::uint32_t trap_stack() const;
  std::uint32_t tss(unsigned processor) const;
  // The double fault's task of the current processor; its stack's high end is `stack_base`.
  std::uint32_t make_double_fault_task(std::uint32_t stack_base);

  // Enters the kernel as `thread` and runs until the machine's before_instruction stops it, or back
  // to user mode. True: came back.
  bool system_call(const Thread& thread, const SystemCall& call);
  // Runs `call` until the thread is where a dump finds it: in the capturing APC, or switched out.
  ThreadTruth run_until_captured(const Thread& thread, const SystemCall& call);

 private:
  X86Machine machine_;
};

// The frames of a stopped machine, youngest first, down to the way into user mode. A frame's child
// SP is what ESP was before the call, with the arguments of the call still on the stack.
std::vector<TruthFrame> frames_of(const X86Machine& machine);
// The CONTEXT (0x2cc bytes) of a processor's registers.
std::vector<std::uint8_t> context_of(const X86Cpu& cpu, std::uint32_t flags);

}  // namespace ntstack::world
