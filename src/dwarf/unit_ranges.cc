#include "dwarf/unit_ranges.h"

#include <fmt/format.h>
#include <llvm/DebugInfo/DWARF/DWARFDebugArangeSet.h>

#include <algorithm>

#include "dwarf/nearest.h"

namespace ntstack::dwarf {
namespace {

constexpr std::size_t kMostEntries = std::size_t{1} << 24;

}  // namespace

UnitRanges::UnitRanges(Units& units) {
  std::vector<bool> is_known(units.size());
  take_aranges(units, is_known);
  for (std::uint32_t i = 0; i < units.size(); ++i) {
    if (!is_known[i] && !units.unit(i).isTypeUnit()) take_unit(units, i);
  }
  std::ranges::stable_sort(entries_, {}, [](const Entry& entry) { return entry.range.begin; });
}

void UnitRanges::take_aranges(Units& units, std::vector<bool>& is_known) {
  const llvm::StringRef section = units.context().getDWARFObj().getArangesSection();
  const llvm::DWARFDataExtractor bytes(section, true, 0);
  const auto ignore = [](llvm::Error error) { llvm::consumeError(std::move(error)); };
  std::uint64_t at = 0;
  while (bytes.isValidOffset(at) && entries_.size() < kMostEntries) {
    const std::uint64_t begin = at;
    llvm::DWARFDebugArangeSet set;
    if (auto error = set.extract(bytes, &at, ignore)) return ignore(std::move(error));
    if (at <= begin) return;
    const auto unit = units.unit_beginning_at(set.getCompileUnitDIEOffset());
    if (!unit) continue;
    for (const auto& each : set.descriptors()) {
      const auto rva = units.rva_of(each.Address);
      if (!rva || each.Length > UINT32_MAX - *rva) continue;
      entries_.push_back({{*rva, static_cast<std::uint32_t>(*rva + each.Length)}, *unit});
      is_known[*unit] = true;
    }
  }
}

void UnitRanges::take_unit(Units& units, std::uint32_t unit) {
  const llvm::DWARFDie die = units.unit_die(unit);
  if (!die || entries_.size() >= kMostEntries) return;
  std::uint64_t left = units.range_budget();
  for (const Range& range : units.ranges(die, left)) entries_.push_back({range, unit});
}

std::optional<std::uint32_t> UnitRanges::unit_at(std::uint32_t rva) const {
  const Entry* found =
      nearest_holding(entries_, rva, [](const Entry& entry) { return entry.range; });
  return found ? std::optional(found->unit) : std::nullopt;
}

}  // namespace ntstack::dwarf
