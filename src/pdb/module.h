// The symbols of one module (object file): its procedures by address. Built when an address of the
// module is first asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "pdb/symbol_records.h"

namespace ntstack::pdb {

// Something of the module that spans or starts at an address. Its record has the name.
struct ModuleSymbol {
  SectionOffset place;
  std::uint32_t size = 0;
  std::uint32_t record = 0;  // where the record begins in the module's symbols
};

class ModuleSymbols {
 public:
  ModuleSymbols() = default;
  // `symbols`: of the module's stream, from its signature on.
  explicit ModuleSymbols(base::Bytes symbols);

  // The procedure, thunk, trampoline or separated code that spans a place: the innermost one.
  const ModuleSymbol* spanning(SectionOffset place) const;
  // The nearest procedure without a size, or label outside of procedures, at or before a place.
  const ModuleSymbol* nearest_label(SectionOffset place) const;

  const std::vector<ModuleSymbol>& spans() const { return spans_; }
  std::optional<SymbolRecord> record(std::uint32_t at) const { return symbol_at(symbols_, at); }
  std::string_view name(const ModuleSymbol& symbol) const;
  // Where an incremental linker's jumps begin.
  std::optional<SectionOffset> first_trampoline() const { return first_trampoline_; }
  base::Bytes symbols() const { return symbols_; }

 private:
  void add(const SymbolRecord& record);
  std::uint32_t after_scope(const SymbolRecord& record) const;
  void sort();

  base::Bytes symbols_;
  std::vector<ModuleSymbol> spans_;   // by address
  std::vector<ModuleSymbol> labels_;  // by address
  std::optional<SectionOffset> first_trampoline_;
  std::vector<std::uint32_t> reach_;  // for each of spans_: the furthest end of it and those before
};

}  // namespace ntstack::pdb
