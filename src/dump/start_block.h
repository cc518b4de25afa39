// PROCESSOR_START_BLOCK: where x64 Windows starts its further processors, in memory below 1 MB. It
// holds the system process's page tables and an address in nt. Its layout is not in public headers;
// MemProcFS and volatility3 describe it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_source.h"

namespace ntstack::dump {

struct StartBlock {
  std::uint64_t address = 0;       // physical
  std::uint64_t kernel_entry = 0;  // a function of nt
  std::uint64_t page_tables = 0;   // CR3
};

// The first such block; nothing where none is there (machines of one processor or not of x64,
// firmware that keeps that memory).
std::optional<StartBlock> find_start_block(const base::ByteSource& physical);

}  // namespace ntstack::dump
