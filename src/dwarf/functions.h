// The functions of DWARF's units, what is inlined in them, and the lines of both.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dwarf/dwarf.h"
#include "dwarf/unit_ranges.h"
#include "dwarf/units.h"

namespace ntstack::dwarf {

class Functions {
 public:
  explicit Functions(Units& units) : units_(&units) {}

  // All that is known of the code at an RVA.
  struct Place {
    std::optional<Function> function;
    std::optional<Line> line;          // of the function itself
    std::vector<InlineFrame> inlined;  // innermost first
  };
  const Place& at(std::uint32_t rva);
  std::optional<std::uint32_t> rva_of(std::string_view name);
  void forget();

 private:
  struct Part {
    Range range;
    std::uint32_t die = 0;
    bool is_entry = false;
  };
  struct Inlined {
    std::vector<Range> ranges;
    std::uint32_t die = 0, end = 0;  // what is inside of it has the DIEs up to `end`
  };
  struct Unit {
    std::vector<Part> parts;                                          // by where they begin
    std::unordered_map<std::uint32_t, std::vector<Inlined>> inlined;  // by the function's DIE
    std::unordered_map<std::uint64_t, std::string> files;
  };

  std::optional<std::uint32_t> unit_at(std::uint32_t rva);
  Place look_up(std::uint32_t rva);
  Unit& unit(std::uint32_t index);
  std::vector<Part> parts_of(std::uint32_t index);
  const std::vector<Inlined>& inlined_in(Unit& unit, DieRef function);
  // The DIEs inlined at an RVA, outermost first.
  std::vector<std::uint32_t> chain_at(Unit& unit, DieRef function, std::uint32_t rva);
  std::optional<Line> row_at(std::uint32_t unit, std::uint32_t rva);
  std::string file_name(std::uint32_t unit, std::uint64_t file);
  void add_frames(Place& place, std::uint32_t unit, const std::vector<std::uint32_t>& chain);
  std::optional<std::uint32_t> rva_of_name_in(std::uint32_t unit, std::string_view name);
  std::optional<std::uint32_t> rva_of_die(const llvm::DWARFDie& die);

  Units* units_;
  std::optional<UnitRanges> ranges_;
  std::unordered_map<std::uint32_t, Unit> known_;
  std::optional<std::pair<std::uint32_t, Place>> last_;
};

}  // namespace ntstack::dwarf
