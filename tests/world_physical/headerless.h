// The same machine in containers that name nothing of the kernel: raw memory, LiME's ranges, QEMU's
// ELF core. What leads to the kernel there is put into its memory first: interrupt tables,
// KUSER_SHARED_DATA, nt's variables.
#pragma once

#include <filesystem>

#include "world_physical/physical_machine.h"

namespace ntstack::world {

enum class Headerless : std::uint8_t {
  raw,
  lime,
  elf,        // every processor with the kernel's page tables
  elf_shadow  // every processor in a process's tables, which map nothing of the kernel but the KPCR
};

// Once for each machine, before it is written. `keep_kdbg` false: KDBG is overwritten.
void put_traces(PhysicalMachine& machine, const Stories& stories, bool keep_kdbg = true);

// Writes a sparse file. Throws std::runtime_error.
void write_headerless(PhysicalMachine& machine, const Stories& stories, Headerless container,
                      const std::filesystem::path& path);

}  // namespace ntstack::world
