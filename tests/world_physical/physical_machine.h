// A whole machine laid out in physical memory, and the dumps of it.
#pragma once

#include <filesystem>
#include <vector>

#include "world_physical/kernel_data.h"
#include "world_physical/physical_memory.h"

namespace ntstack::world {

struct PhysicalMachine {
  KernelData kernel;
  PhysicalMemory memory;
  std::uint64_t kernel_root = 0;    // the system process's tables: a page's number
  std::uint64_t kernel_tables = 0;  // and their address: with PAE, not a page's
};

// Memory of so many GB (4 or more, or 1), as such a machine has it, and just enough for a few
// processes; and the latter for a processor that reaches 4 GB.
std::vector<PageRun> runs_of_gb(std::uint64_t gb);
std::vector<PageRun> runs_of_16_gb();
std::vector<PageRun> runs_of_few(std::uint64_t pages);
std::vector<PageRun> runs_below_4_gb(std::uint64_t pages);

// `encoded`: KDDEBUGGER_DATA64 as it is while no debugger is there.
PhysicalMachine make_physical_machine(const Stories& stories, const KernelLayout& layout,
                                      const MachineSize& size, std::vector<PageRun> runs,
                                      bool encoded);

enum class Container : std::uint8_t {
  full,           // type 1
  summary,        // 2, as systems before Windows 8 write it
  bitmap_full,    // 5
  bitmap_kernel,  // 6: without user pages
  rdmp_kernel,    // 8
  rdmp_full,      // 10
  live            // 6, with the attribute, of a machine that did not crash
};

// Writes a sparse file. Throws std::runtime_error.
void write_dump(PhysicalMachine& machine, const Crash& crash, Container container,
                const std::filesystem::path& path);

}  // namespace ntstack::world
