// The world's kernel on ARM64: its images loaded and started on a machine, and the system calls and
// traps that take its threads to where they wait.
#pragma once

#include <filesystem>
#include <string>

#include "world/kernel_objects.h"
#include "world_arm64/machine.h"

namespace ntstack::world {

class Arm64World : public KernelObjects {
 public:
  // `more` images are loaded behind the kernel's own. Nothing has run yet.
  explicit Arm64World(const std::filesystem::path& modules, std::span<const std::string> more = {});
  Arm64World(const std::filesystem::path& modules, OnlyImages only);
  // Calls each driver's entry, lowest device first.
  void start_drivers();

  Arm64Machine& machine() { return machine_; }
  const Arm64Machine& machine() const { return machine_; }

  // Makes `thread` the current one of the processor, with the processor in the kernel's state.
  void make_current(const Thread& thread);
  // The processor's registers, on the kernel stack whose high end `sp` is.
  Arm64Cpu kernel_cpu(std::uint64_t sp) const;
  // A trap of `thread` in user mode, which stands at `user_ip`; its registers are recognisable.
  Arm64Cpu user_cpu(const Thread& thread, std::uint64_t user_ip) const;
  void take_trap_of_user(const Thread& thread, const Arm64Cpu& user, Arm64Trap trap);

  // Enters the kernel as `thread` and runs until the machine's before_instruction stops it, or back
  // to user mode. True: came back.
  bool system_call(const Thread& thread, const SystemCall& call);
  // Runs `call` until the thread is where a dump finds it: in the capturing APC, or switched out.
  ThreadTruth run_until_captured(const Thread& thread, const SystemCall& call);

 private:
  Arm64Machine machine_;
};

// The frames of a stopped machine, youngest first, down to the way into user mode.
std::vector<TruthFrame> frames_of(const Arm64Machine& machine);
// The CONTEXT (0x390 bytes) of a processor's registers.
std::vector<std::uint8_t> context_of(const Arm64Cpu& cpu, std::uint32_t flags);

}  // namespace ntstack::world
