// A processor's KPCR, by nt's types or the layouts of public headers (ntddk.h), and its IRQL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "console/console.h"

namespace ntstack::console {

// A KPRCB's bytes: at its address, or (its address not known) as a triage dump keeps it apart.
class PrcbMemory {
 public:
  PrcbMemory(const Console& console, const target::Processor& processor);
  std::optional<std::uint64_t> number(std::uint64_t offset, std::uint64_t size) const;
  std::optional<std::uint64_t> pointer(std::uint64_t offset) const {
    return number(offset, wide_ ? 8 : 4);
  }

 private:
  const base::ByteSource* memory_ = nullptr;  // null: in `bytes_`
  base::Bytes bytes_;
  std::uint64_t address_ = 0;
  bool wide_ = false;
};

// What is not in the dump, or not known of this machine, is nothing.
struct ProcessorBlock {
  std::uint64_t address = 0;  // of the KPCR
  std::optional<std::uint64_t> major, minor, self, prcb, irql, idt, gdt, tss;
  std::string doubt;  // a sentence, where what is there is no KPCR
};
base::Result<ProcessorBlock> processor_block_of(Console& console,
                                                const target::Processor& processor);

// KPRCB.NextThread, the pointer behind CurrentThread; nothing where it can't be read.
std::optional<std::uint64_t> next_thread_of(const Console& console,
                                            const target::Processor& processor);

// x64: descriptor tables as they were saved when the processor was stopped.
struct SavedTables {
  std::uint64_t gdt = 0, idt = 0;
};
std::optional<SavedTables> saved_tables_of(const Console& console,
                                           const target::Processor& processor);

struct Irql {
  std::uint64_t level = 0;
  std::string from;  // "KPRCB.DebuggerSavedIRQL"
};
std::optional<Irql> irql_of(Console& console, const target::Processor& processor);

}  // namespace ntstack::console
