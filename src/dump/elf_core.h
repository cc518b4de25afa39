// ELF cores of virtual machines: QEMU's dump-guest-memory (with and without -p), libvirt's
// memory-only dumps, VirtualBox's dumpvmcore. Physical memory by p_paddr, registers from notes.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::dump {

bool is_elf(base::Bytes file);

// Fails where the file is no core, holds no physical memory, or is a process's core.
base::Result<Dump> parse_elf_core(base::Bytes file);

}  // namespace ntstack::dump
