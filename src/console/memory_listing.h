// Memory as the d commands show it: units in rows, text, and slots with their symbols.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/slot_meaning.h"
#include "base/byte_source.h"
#include "symbols/symbol.h"

namespace ntstack::console {

// A row of dd, dq, dw, db: bytes, each with whether it is there.
struct MemoryRow {
  std::uint64_t address = 0;
  std::vector<std::uint8_t> bytes;
  std::vector<bool> present;
};
MemoryRow read_row(const base::ByteSource& memory, std::uint64_t address, std::size_t size);

struct RowFormat {
  std::size_t unit = 4;  // bytes
  std::size_t columns = 4;
  bool has_characters = false;  // as ASCII behind them
};
std::string row_text(const MemoryRow& row, const RowFormat& format, bool is_64_bit);

// A slot of dps: its value, what its value is the address of, and what it probably is.
struct ListedSlot {
  std::uint64_t address = 0;
  std::optional<std::uint64_t> value;  // nothing: it is not in the dump
  symbols::Symbol symbol;              // of the value
  analysis::SlotMeaning meaning;

  bool has_symbol() const { return !symbol.module.empty(); }
};
// "b8ae60f0  8081df65 nt!IofCallDriver+0x45  ; return address of a call to ..." The first three
// columns are kd's; what comes behind the semicolon is not.
std::string slot_text(const ListedSlot& slot, bool is_64_bit, std::size_t unit, bool with_meaning);

}  // namespace ntstack::console
