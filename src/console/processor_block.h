// A processor's KPCR, by nt's types or the layouts of public headers (ntddk.h), and its IRQL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "console/console.h"

namespace ntstack::console {

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

struct Irql {
  std::uint64_t level = 0;
  std::string from;  // "KPRCB.DebuggerSavedIRQL"
};
std::optional<Irql> irql_of(Console& console, const target::Processor& processor);

}  // namespace ntstack::console
