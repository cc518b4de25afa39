// The units of an image's DWARF, checked before LLVM's library decodes them: what it would loop or
// recurse over without a bound is refused here. The one place that includes LLVM's headers.
#pragma once

#include <llvm/DebugInfo/DWARF/DWARFContext.h>
#include <llvm/DebugInfo/DWARF/DWARFDebugAbbrev.h>
#include <llvm/DebugInfo/DWARF/DWARFDebugLine.h>
#include <llvm/DebugInfo/DWARF/DWARFDie.h>
#include <llvm/DebugInfo/DWARF/DWARFTypeUnit.h>
#include <llvm/DebugInfo/DWARF/DWARFUnit.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "pe/image.h"

namespace ntstack::dwarf {

// RVAs [begin, end).
struct Range {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  bool contains(std::uint32_t rva) const { return rva >= begin && rva < end; }
};

// A DIE that stays what it is when its unit is forgotten and decoded again.
struct DieRef {
  std::uint32_t unit = 0;
  std::uint32_t index = 0;
};

class Units {
 public:
  static base::Result<std::unique_ptr<Units>> open(const pe::Image& image);

  // Of .debug_info and then of .debug_types.
  std::size_t size() const { return units_.size(); }
  llvm::DWARFUnit& unit(std::uint32_t index) { return *units_[index]; }
  // The unit's own DIE, alone decoded; invalid where the unit can't be used.
  llvm::DWARFDie unit_die(std::uint32_t index);
  // Decodes all of a unit; false where it can't be used, which warnings() then says.
  bool read(std::uint32_t index);
  std::uint32_t die_count(std::uint32_t index) { return unit(index).getNumDIEs(); }
  llvm::DWARFDie die(DieRef ref) { return unit(ref.unit).getDIEAtIndex(ref.index); }
  std::uint32_t index_of(const llvm::DWARFDie& die) const {
    return index_of_unit_.at(die.getDwarfUnit());
  }
  DieRef ref_of(const llvm::DWARFDie& die) const {
    return {index_of(die), die.getDwarfUnit()->getDIEIndex(die)};
  }
  // The unit that begins at an offset of .debug_info.
  std::optional<std::uint32_t> unit_beginning_at(std::uint64_t offset) const;

  // What an attribute refers to, in any unit; invalid where nothing usable is there.
  llvm::DWARFDie referenced(const llvm::DWARFDie& die, llvm::dwarf::Attribute attribute);

  // The code of a DIE, as far as it lies in the image. `left` are the entries of range lists that
  // may still be decoded: lists can be shared, and would else be decoded without end.
  std::vector<Range> ranges(const llvm::DWARFDie& die, std::uint64_t& left) const;
  // Enough for the lists of any honest unit.
  std::uint64_t range_budget() const { return range_bytes_ + 4096; }
  std::optional<std::uint32_t> rva_of(std::uint64_t address) const;
  std::uint64_t address_of(std::uint32_t rva) const { return image_base_ + rva; }

  // Type handles: DIE offsets, with a flag for .debug_types.
  std::uint32_t type_of(const llvm::DWARFDie& die) const;
  llvm::DWARFDie type(std::uint32_t handle);

  // Null where the unit has no lines that can be used.
  const llvm::DWARFDebugLine::LineTable* lines(std::uint32_t index);

  // Much is held: it is time to forget all of it, between questions, since DIEs point into it.
  bool is_full() const;
  void forget();
  void forget(std::uint32_t index);
  bool is_held(std::uint32_t index) const { return state_[index].is_held; }

  // Whether the file's strings have the text at all, NUL-terminated.
  bool has_text(std::string_view text) const;

  llvm::DWARFContext& context() { return *context_; }
  void warn(std::string sentence);
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct UnitState {
    bool is_checked = false, is_usable = false;  // its abbreviations
    bool is_held = false;
    bool lines_held = false;
  };
  Units() = default;
  base::Bytes whole_units(base::Bytes section, std::uint32_t& count);
  void list_units();
  bool is_usable(std::uint32_t index);
  bool abbreviations_are_usable(llvm::DWARFUnit& unit);
  llvm::DWARFDie die_at(std::uint32_t unit, std::uint64_t offset);
  llvm::DWARFDie type_unit_of(std::uint64_t signature);
  std::optional<std::uint32_t> unit_around(std::uint64_t offset) const;
  bool line_program_is_usable(std::uint32_t index, std::uint64_t offset);
  base::Bytes section(std::string_view name) const;

  std::vector<std::pair<std::string, base::Bytes>> sections_;
  std::unique_ptr<llvm::DWARFContext> context_;
  std::vector<llvm::DWARFUnit*> units_;
  std::uint32_t info_unit_count_ = 0;
  std::vector<UnitState> state_;
  std::unordered_map<const llvm::DWARFUnit*, std::uint32_t> index_of_unit_;
  std::unordered_map<std::uint64_t, std::uint32_t> type_units_;  // by signature
  std::unordered_map<std::uint64_t, bool> abbreviations_;        // by offset: usable
  std::unordered_map<std::uint64_t, bool> line_programs_;        // by offset: usable
  std::uint64_t abbreviation_bytes_left_ = 0;
  std::uint64_t line_bytes_left_ = 0;
  std::uint64_t range_bytes_ = 0;
  std::uint64_t held_bytes_ = 0;
  std::uint64_t image_base_ = 0;
  std::uint32_t size_of_image_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace ntstack::dwarf
