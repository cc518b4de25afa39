// The world's x64 kernel: its images loaded and started on a machine, and the system calls that
// take its threads to where they wait.
#pragma once

#include <filesystem>
#include <string>

#include "world/kernel_objects.h"
#include "world/machine.h"

namespace ntstack::world {

class KernelWorld : public KernelObjects {
 public:
  // `more` images are loaded behind the kernel's own. Nothing has run yet.
  KernelWorld(const std::filesystem::path& modules, const KernelLayout& layout,
              std::span<const std::string> more = {});
  KernelWorld(const std::filesystem::path& modules, const KernelLayout& layout, OnlyImages only);
  // Calls each driver's entry, lowest device first.
  void start_drivers();

  Machine& machine() { return machine_; }
  const Machine& machine() const { return machine_; }

  // Makes `thread` the current one of the processor, with the processor in the kernel's state.
  void make_current(const Thread& thread);

  // Enters the kernel as `thread` and runs until the machine's before_instruction stops it, or back
  // to user mode. True: came back.
  bool system_call(const Thread& thread, const SystemCall& call);

  // Runs `call` until the thread is where a dump finds it: in the capturing APC, or switched out.
  ThreadTruth run_until_captured(const Thread& thread, const SystemCall& call);

 private:
  Machine machine_;
};

}  // namespace ntstack::world
