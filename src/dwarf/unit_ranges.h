// Which unit of the DWARF an RVA belongs to, found without decoding more than the units' own DIEs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dwarf/units.h"

namespace ntstack::dwarf {

class UnitRanges {
 public:
  // By .debug_aranges where a unit is in it (clang writes none), else by the unit's own DIE.
  explicit UnitRanges(Units& units);

  std::optional<std::uint32_t> unit_at(std::uint32_t rva) const;

 private:
  struct Entry {
    Range range;
    std::uint32_t unit = 0;
  };
  void take_aranges(Units& units, std::vector<bool>& is_known);
  void take_unit(Units& units, std::uint32_t unit);

  std::vector<Entry> entries_;  // by where they begin
};

}  // namespace ntstack::dwarf
