#include "dwarf/functions.h"

#include <fmt/format.h>

#include <algorithm>

#include "dwarf/names.h"
#include "dwarf/nearest.h"

namespace ntstack::dwarf {
namespace {

using namespace llvm::dwarf;
using llvm::DWARFDie;

constexpr std::size_t kLongestPath = 4096;
constexpr std::size_t kMostParts = std::size_t{1} << 22;  // of one unit's functions

// Behind the DIEs of `ref` and of all that is inside of it.
std::uint32_t end_of(Units& units, DieRef ref) {
  const auto sibling = units.die(ref).getDebugInfoEntry()->getSiblingIdx();
  return sibling && *sibling > ref.index ? *sibling : units.die_count(ref.unit);
}

// A unit compiled with -gsplit-dwarf has its names in a file of its own.
void warn_of_split_unit(Units& units, const DWARFDie& die) {
  const auto name = toString(die.find({DW_AT_dwo_name, DW_AT_GNU_dwo_name}));
  if (!name || !*name) return;
  units.warn(
      fmt::format("the DWARF of {} is in a file of its own (-gsplit-dwarf), which is not read",
                  std::string_view(*name).substr(0, 256)));
}

// The address that a static variable's location is: DW_OP_addr and it, or DW_OP_addrx and its index
// in .debug_addr, and nothing else.
std::optional<std::uint64_t> address_of(const DWARFDie& variable) {
  const auto value = variable.find(DW_AT_location);
  const auto block = value ? value->getAsBlock() : std::nullopt;
  if (!block || block->size() < 2) return std::nullopt;
  const llvm::DWARFUnit& unit = *variable.getDwarfUnit();
  const llvm::DataExtractor bytes(*block, true, unit.getAddressByteSize());
  std::uint64_t at = 1;
  std::optional<std::uint64_t> address;
  if ((*block)[0] == DW_OP_addr && bytes.isValidOffsetForAddress(at)) {
    address = bytes.getAddress(&at);
  } else if ((*block)[0] == DW_OP_addrx) {
    const std::uint64_t index = bytes.getULEB128(&at);
    if (index > UINT32_MAX) return std::nullopt;
    const auto item = unit.getAddrOffsetSectionItem(static_cast<std::uint32_t>(index));
    if (item) address = item->Address;
  }
  return at == block->size() ? address : std::nullopt;
}

// The rest of a name behind its scopes: "f" of "ns::f", "g<a::b>" of "g<a::b>".
std::string_view last_part(std::string_view name) {
  const std::size_t end = name.find_first_of("<(");
  const std::size_t colons = name.substr(0, end).rfind("::");
  return colons == std::string_view::npos ? name : name.substr(colons + 2);
}

}  // namespace

const Functions::Place& Functions::at(std::uint32_t rva) {
  if (!last_ || last_->first != rva) last_.emplace(rva, look_up(rva));
  return last_->second;
}

std::optional<std::uint32_t> Functions::unit_at(std::uint32_t rva) {
  if (!ranges_) ranges_.emplace(*units_);
  return ranges_->unit_at(rva);
}

Functions::Place Functions::look_up(std::uint32_t rva) {
  Place place;
  const auto index = unit_at(rva);
  if (!index) return place;
  Unit& known = unit(*index);
  place.line = row_at(*index, rva);
  const Part* part = nearest_holding(known.parts, rva, [](const Part& each) { return each.range; });
  if (!part || !units_->read(*index)) return place;
  const DieRef ref{*index, part->die};
  place.function = Function{qualified_name(*units_, units_->die(ref)), part->range.begin,
                            part->range.end - part->range.begin, !part->is_entry};
  if (place.function->name.empty()) place.function.reset();
  add_frames(place, *index, chain_at(known, ref, rva));
  return place;
}

// A table's row is of the innermost code; each inlined function says where it was called.
void Functions::add_frames(Place& place, std::uint32_t unit,
                           const std::vector<std::uint32_t>& chain) {
  for (auto each = chain.rbegin(); each != chain.rend(); ++each) {
    const DWARFDie die = units_->die({unit, *each});
    InlineFrame frame{qualified_name(*units_, die), {}, 0};
    if (frame.name.empty()) frame.name = "?";
    if (place.line) {
      frame.file = std::move(place.line->file);
      frame.line = place.line->line;
    }
    place.inlined.push_back(std::move(frame));
    const auto file = toUnsigned(die.find(DW_AT_call_file));
    const auto line = toUnsigned(die.find(DW_AT_call_line));
    place.line.reset();
    if (file && line && *line > 0 && *line <= UINT32_MAX)
      place.line = Line{file_name(unit, *file), static_cast<std::uint32_t>(*line)};
  }
}

Functions::Unit& Functions::unit(std::uint32_t index) {
  const auto [entry, is_new] = known_.try_emplace(index);
  if (!is_new) return entry->second;
  if (const DWARFDie die = units_->unit_die(index)) warn_of_split_unit(*units_, die);
  if (units_->read(index)) entry->second.parts = parts_of(index);
  return entry->second;
}

std::vector<Functions::Part> Functions::parts_of(std::uint32_t index) {
  std::vector<Part> parts;
  std::uint64_t left = units_->range_budget();
  const std::uint32_t count = units_->die_count(index);
  for (std::uint32_t i = 0; i < count && parts.size() < kMostParts; ++i) {
    const DWARFDie die = units_->die({index, i});
    if (die.getTag() != DW_TAG_subprogram) continue;
    bool is_entry = true;  // the first range of a list begins with the entry, as compilers write it
    for (const Range& range : units_->ranges(die, left)) {
      parts.push_back({range, i, std::exchange(is_entry, false)});
    }
  }
  std::ranges::stable_sort(parts, {}, [](const Part& part) { return part.range.begin; });
  return parts;
}

const std::vector<Functions::Inlined>& Functions::inlined_in(Unit& unit, DieRef function) {
  const auto [entry, is_new] = unit.inlined.try_emplace(function.index);
  std::vector<Inlined>& found = entry->second;
  if (!is_new) return found;
  std::uint64_t left = units_->range_budget();
  const std::uint32_t end = end_of(*units_, function);
  for (std::uint32_t i = function.index + 1; i < end; ++i) {
    const DieRef ref{function.unit, i};
    const DWARFDie die = units_->die(ref);
    // A function within a function is another one.
    if (die.getTag() == DW_TAG_subprogram) i = end_of(*units_, ref) - 1;
    if (die.getTag() != DW_TAG_inlined_subroutine) continue;
    auto ranges = units_->ranges(die, left);
    if (!ranges.empty()) found.push_back({std::move(ranges), i, end_of(*units_, ref)});
  }
  return found;
}

std::vector<std::uint32_t> Functions::chain_at(Unit& unit, DieRef function, std::uint32_t rva) {
  std::vector<std::uint32_t> chain;
  std::uint32_t inside = UINT32_MAX;
  for (const Inlined& each : inlined_in(unit, function)) {
    if (each.die >= inside) break;
    const bool holds =
        std::ranges::any_of(each.ranges, [&](const Range& range) { return range.contains(rva); });
    if (!holds) continue;
    chain.push_back(each.die);
    inside = each.end;
  }
  return chain;
}

std::optional<Line> Functions::row_at(std::uint32_t unit, std::uint32_t rva) {
  const auto* table = units_->lines(unit);
  if (!table) return std::nullopt;
  const std::uint32_t row =
      table->lookupAddress({units_->address_of(rva), llvm::object::SectionedAddress::UndefSection});
  if (row == table->UnknownRowIndex || row >= table->Rows.size()) return std::nullopt;
  const auto& found = table->Rows[row];
  // Line 0 is code that no line stands for.
  if (found.Line == 0) return std::nullopt;
  std::string file = file_name(unit, found.File);
  return file.empty() ? std::nullopt : std::optional(Line{std::move(file), found.Line});
}

std::string Functions::file_name(std::uint32_t unit, std::uint64_t file) {
  const auto [entry, is_new] = known_[unit].files.try_emplace(file);
  const auto* table = is_new ? units_->lines(unit) : nullptr;
  if (!table) return entry->second;
  const DWARFDie die = units_->unit_die(unit);
  const auto folder = toStringRef(die.find(DW_AT_comp_dir));
  using Kind = llvm::DILineInfoSpecifier::FileLineInfoKind;
  table->getFileNameByIndex(file, folder, Kind::AbsoluteFilePath, entry->second);
  if (entry->second.size() > kLongestPath) entry->second.resize(kLongestPath);
  return entry->second;
}

std::optional<std::uint32_t> Functions::rva_of(std::string_view name) {
  if (name.empty()) return std::nullopt;
  if (!units_->has_text(last_part(name)) && !units_->has_text(name)) return std::nullopt;
  for (std::uint32_t i = 0; i < units_->size(); ++i) {
    const bool was_held = units_->is_held(i);
    if (units_->unit(i).isTypeUnit() || !units_->read(i)) continue;
    const auto found = rva_of_name_in(i, name);
    if (!was_held) units_->forget(i);
    if (found) return found;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Functions::rva_of_name_in(std::uint32_t unit, std::string_view name) {
  const std::string_view last = last_part(name);
  const std::uint32_t count = units_->die_count(unit);
  for (std::uint32_t i = 0; i < count; ++i) {
    const DWARFDie die = units_->die({unit, i});
    if (die.getTag() != DW_TAG_subprogram && die.getTag() != DW_TAG_variable) continue;
    if (!die.find({DW_AT_low_pc, DW_AT_ranges, DW_AT_location})) continue;
    const std::string_view own = name_of(declaration_of(*units_, die));
    const bool is_it = (own == last && qualified_name(*units_, die) == name) ||
                       (own != name && linkage_name(*units_, die) == name);
    if (!is_it) continue;
    if (const auto rva = rva_of_die(die)) return rva;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Functions::rva_of_die(const DWARFDie& die) {
  std::uint64_t left = units_->range_budget();
  if (die.getTag() == DW_TAG_subprogram) {
    const auto ranges = units_->ranges(die, left);
    return ranges.empty() ? std::nullopt : std::optional(ranges.front().begin);
  }
  const auto address = address_of(die);
  return address ? units_->rva_of(*address) : std::nullopt;
}

void Functions::forget() {
  known_.clear();
  last_.reset();
}

}  // namespace ntstack::dwarf
