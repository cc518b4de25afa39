// The processors' registers in a machine's ELF core: QEMU's own notes, else the core's.
#pragma once

#include "base/bytes.h"
#include "dump/dump.h"

namespace ntstack::dump {

// Adds a record for each processor that the notes of one segment speak of; the dump's architecture
// is set. True where a note is of a virtual machine (QEMU's, VirtualBox's).
bool read_elf_notes(base::Bytes notes, Dump& dump);

}  // namespace ntstack::dump
