// The kernel of a whole machine as it lies in virtual memory: hundreds of processes, thousands of
// threads, and the lists that lead to them, in one build's layout.
//
// The emulator runs a few stories. Every waiting thread has a copy of one story's finished stacks,
// moved to stacks of its own: words that point into the old stacks, or to the old thread object,
// are changed to point into the new ones. So the frames are what a processor made, and their places
// are ours.
#pragma once

#include <string>
#include <vector>

#include "world_physical/stories.h"
#include "world_physical/virtual_memory.h"

namespace ntstack::world {

struct MachineSize {
  unsigned processes = 200, threads = 2000;
};

struct ProcessTruth {
  std::uint64_t eprocess = 0, id = 0, parent = 0, directory_table_base = 0, peb = 0;
  std::string name;
  std::vector<std::uint64_t> user_pages;  // that its threads return to, and have their stacks in
};

struct MachineThread {
  ThreadTruth truth;  // of where it lies in this machine
  std::uint64_t process_id = 0;
  std::uint8_t state = 5, wait_reason = 0;
  bool stack_paged_out = false;  // then no frame of it can be told
};

struct ModuleTruth {
  std::string path;
  std::uint64_t base = 0;
  std::uint32_t size = 0, timestamp = 0, checksum = 0;
};

struct KernelData {
  KernelLayout layout;
  VirtualMemory memory;                 // the kernel half
  std::vector<ProcessTruth> processes;  // as PsActiveProcessHead has them; the idle one is the last
  std::vector<MachineThread> threads;   // of those lists, and the idle thread that runs
  std::vector<ModuleTruth> modules;
  ModuleTruth unloaded;
  std::uint64_t loaded_module_list = 0, active_process_head = 0, kdbg = 0;
  std::uint64_t wait_never = 0, wait_always = 0, encoded_flag = 0;  // addresses in nt
  std::uint32_t kdbg_size = 0;
  // Pages to be mapped in other ways than the usual.
  std::vector<std::uint64_t> in_transition, through_prototype, paged_out;
  std::vector<std::uint64_t> large;     // addresses in large ones
  std::uint64_t prototype_entries = 0;  // a mapped page for them
  std::vector<std::uint8_t> crash_context;
};

// `tables`: a directory table base for each process that there will be, the idle one included.
KernelData make_kernel(const Stories& stories, const KernelLayout& layout, const MachineSize& size,
                       const std::vector<std::uint64_t>& tables);

}  // namespace ntstack::world
