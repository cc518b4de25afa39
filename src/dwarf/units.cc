#include "dwarf/units.h"

#include <fmt/format.h>
#include <llvm/Support/ErrorHandling.h>

#include <algorithm>
#include <cstring>

#include "base/no_memory.h"
#include "dwarf/die_bounds.h"
#include "dwarf/line_header.h"
#include "dwarf/sections.h"

namespace ntstack::dwarf {
namespace {

using llvm::DWARFDie;
using llvm::DWARFUnit;
using llvm::StringRef;

constexpr std::uint64_t kMega = std::uint64_t{1} << 20;
constexpr std::uint32_t kMostUnits = 1U << 17;
constexpr std::uint64_t kLongestUnit = 32 * kMega;
constexpr std::size_t kMostAttributes = 128;  // of one kind of DIE; compilers use about 30
constexpr std::size_t kMostCodesOutOfOrder = 512;
constexpr std::size_t kMostWarnings = 16;
// Memory of decoded units and lines: given back between questions above the first, refused above
// the second.
constexpr std::uint64_t kMuchHeld = 256 * kMega;
constexpr std::uint64_t kMostHeld = 1024 * kMega;

StringRef text_of(base::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// LLVM's containers end by abort where malloc gives nothing.
bool end_as_we_do_without_memory() {
  llvm::install_bad_alloc_error_handler([](void*, const char*, bool) { base::no_memory(); });
  return true;
}

void ignore(llvm::Error error) { llvm::consumeError(std::move(error)); }

// Where the unit that begins at `offset` ends; nothing where its header makes no sense. The fields
// are those of DWARF 5, 7.5.1, and of DWARF 4, 7.5.1.
std::optional<std::uint64_t> end_of_unit(base::Bytes section, std::uint64_t offset) {
  std::uint64_t length = section.get_or<std::uint32_t>(offset, 0);
  std::uint64_t at = offset + 4;
  const bool is_wide = length == 0xffffffff;
  if (is_wide) {
    length = section.get_or<std::uint64_t>(at, 0);
    at += 8;
  }
  const std::uint64_t shortest = (is_wide ? 8 : 4) + 4;  // the fields and one byte of a DIE
  if (length < shortest || !section.contains(at, length)) return std::nullopt;
  const auto version = section.get_or<std::uint16_t>(at, 0);
  if (version < 2 || version > 5) return std::nullopt;
  return at + length;
}

}  // namespace

base::Result<std::unique_ptr<Units>> Units::open(const pe::Image& image) {
  [[maybe_unused]] static const bool once = end_as_we_do_without_memory();
  auto found = debug_sections(image);
  if (!found) return std::unexpected(std::move(found.error()));
  std::unique_ptr<Units> units(new Units);
  units->image_base_ = image.preferred_base();
  units->size_of_image_ = image.size_of_image();
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> buffers;
  std::uint32_t unit_count = 0;
  for (DebugSection& section : *found) {
    if (section.name == "debug_info" || section.name == "debug_types")
      section.bytes = units->whole_units(section.bytes, unit_count);
    units->sections_.emplace_back(section.name, section.bytes);
    buffers[StringRef(section.name)] =
        llvm::MemoryBuffer::getMemBuffer(text_of(section.bytes), "", false);
  }
  if (unit_count == 0) return base::fail("its DWARF has no unit that can be read");
  units->abbreviation_bytes_left_ = 4 * units->section("debug_abbrev").size();
  units->line_bytes_left_ = 4 * units->section("debug_line").size();
  units->range_bytes_ =
      units->section("debug_ranges").size() + units->section("debug_rnglists").size();
  const bool is_wide = base::is_64_bit(image.architecture());
  units->context_ = llvm::DWARFContext::create(buffers, is_wide ? 8 : 4, true, ignore, ignore);
  units->list_units();
  return units;
}

// The front of a section that consists of units with sane headers: what LLVM's library then walks
// over, with a limit to how many there are.
base::Bytes Units::whole_units(base::Bytes section, std::uint32_t& count) {
  std::uint64_t at = 0;
  while (at < section.size() && count < kMostUnits) {
    const auto end = end_of_unit(section, at);
    if (!end) break;
    at = *end;
    ++count;
  }
  if (at < section.size())
    warn(fmt::format("the DWARF's units from {:#x} on are damaged and were left out", at));
  return section.clamp(0, at);
}

void Units::list_units() {
  for (const auto& unit : context_->info_section_units()) units_.push_back(unit.get());
  info_unit_count_ = static_cast<std::uint32_t>(units_.size());
  for (const auto& unit : context_->types_section_units()) units_.push_back(unit.get());
  state_.resize(units_.size());
  for (std::uint32_t i = 0; i < units_.size(); ++i) {
    index_of_unit_.emplace(units_[i], i);
    if (const auto* type = llvm::dyn_cast<llvm::DWARFTypeUnit>(units_[i]))
      type_units_.try_emplace(type->getTypeHash(), i);
  }
}

base::Bytes Units::section(std::string_view name) const {
  const auto found =
      std::ranges::find(sections_, name, [](const auto& each) { return each.first; });
  return found == sections_.end() ? base::Bytes() : found->second;
}

void Units::warn(std::string sentence) {
  if (warnings_.size() < kMostWarnings) warnings_.push_back(std::move(sentence));
}

bool Units::is_usable(std::uint32_t index) {
  UnitState& state = state_[index];
  if (std::exchange(state.is_checked, true)) return state.is_usable;
  DWARFUnit& one = unit(index);
  const std::uint64_t header = one.getOffset() + one.getHeaderSize();
  state.is_usable = one.getNextUnitOffset() > header &&
                    one.getNextUnitOffset() - header <= kLongestUnit &&
                    abbreviations_are_usable(one) && first_die_is_inside(one);
  if (!state.is_usable)
    warn(fmt::format("the DWARF unit at {:#x} is damaged or too long and was left out",
                     one.getOffset()));
  return state.is_usable;
}

// LLVM's library looks abbreviations up one after the other where their codes are not in order, and
// decodes a set for each offset that a unit names. Honest sets lie side by side: all of them
// together are no longer than their section.
bool Units::abbreviations_are_usable(DWARFUnit& unit) {
  const std::uint64_t offset = unit.getAbbreviationsOffset();
  const auto [entry, is_new] = abbreviations_.try_emplace(offset, false);
  if (!is_new) return entry->second;
  const std::uint64_t size = section("debug_abbrev").size();
  if (offset >= size || abbreviation_bytes_left_ == 0) return false;
  const llvm::DWARFAbbreviationDeclarationSet* set = unit.getAbbreviations();
  std::uint64_t bytes = set ? 1 : size - offset;
  std::size_t count = 0, most_attributes = 0;
  if (set) {
    for (const llvm::DWARFAbbreviationDeclaration& each : *set) {
      ++count;
      most_attributes = std::max(most_attributes, each.getNumAttributes());
      bytes += 5 + 2 * each.getNumAttributes();  // at the least
    }
  }
  abbreviation_bytes_left_ -= std::min(bytes, abbreviation_bytes_left_);
  const bool in_order = set && set->getFirstAbbrCode() != UINT32_MAX;
  return entry->second = set && most_attributes <= kMostAttributes &&
                         (in_order || count <= kMostCodesOutOfOrder);
}

DWARFDie Units::unit_die(std::uint32_t index) {
  return is_usable(index) ? unit(index).getUnitDIE() : DWARFDie();
}

bool Units::read(std::uint32_t index) {
  UnitState& state = state_[index];
  if (state.is_held) return true;
  if (held_bytes_ > kMostHeld || !is_usable(index)) return false;
  DWARFUnit& one = unit(index);
  if (!dies_are_inside(one)) {
    state.is_usable = false;
    warn(fmt::format("the DWARF unit at {:#x} is damaged and was left out", one.getOffset()));
    return false;
  }
  if (auto error = one.tryExtractDIEsIfNeeded(false)) ignore(std::move(error));
  if (one.getNumDIEs() == 0) return false;
  state.is_held = true;
  held_bytes_ += one.getNumDIEs() * sizeof(llvm::DWARFDebugInfoEntry);
  return true;
}

std::optional<std::uint32_t> Units::unit_around(std::uint64_t offset) const {
  const auto end = units_.begin() + info_unit_count_;
  const auto after = std::upper_bound(
      units_.begin(), end, offset,
      [](std::uint64_t at, const DWARFUnit* unit) { return at < unit->getOffset(); });
  if (after == units_.begin()) return std::nullopt;
  return static_cast<std::uint32_t>(after - units_.begin() - 1);
}

std::optional<std::uint32_t> Units::unit_beginning_at(std::uint64_t offset) const {
  const auto found = unit_around(offset);
  return found && units_[*found]->getOffset() == offset ? found : std::nullopt;
}

DWARFDie Units::die_at(std::uint32_t index, std::uint64_t offset) {
  if (!read(index)) return {};
  const DWARFDie die = unit(index).getDIEForOffset(offset);
  return die && !die.isNULL() ? die : DWARFDie();
}

DWARFDie Units::type_unit_of(std::uint64_t signature) {
  const auto found = type_units_.find(signature);
  if (found == type_units_.end()) return {};
  const auto& type = llvm::cast<llvm::DWARFTypeUnit>(unit(found->second));
  return die_at(found->second, type.getOffset() + type.getTypeOffset());
}

DWARFDie Units::referenced(const DWARFDie& die, llvm::dwarf::Attribute attribute) {
  const auto value = die.find(attribute);
  if (!value) return {};
  if (const auto relative = value->getAsRelativeReference())
    return die_at(index_of(die), die.getDwarfUnit()->getOffset() + *relative);
  if (const auto signature = value->getAsSignatureReference()) return type_unit_of(*signature);
  const auto offset = value->getAsDebugInfoReference();
  const auto around = offset ? unit_around(*offset) : std::nullopt;
  return around ? die_at(*around, *offset) : DWARFDie();
}

std::optional<std::uint32_t> Units::rva_of(std::uint64_t address) const {
  // A linker leaves 0 where it took the code away: no code lies at an image's very beginning.
  if (address <= image_base_ || address - image_base_ >= size_of_image_) return std::nullopt;
  return static_cast<std::uint32_t>(address - image_base_);
}

std::vector<Range> Units::ranges(const DWARFDie& die, std::uint64_t& left) const {
  std::vector<Range> found;
  if (left == 0) return found;
  const auto add = [&](std::uint64_t low, std::uint64_t high) {
    const auto begin = rva_of(low);
    if (!begin || high <= low) return;
    const std::uint64_t size = std::min<std::uint64_t>(high - low, size_of_image_ - *begin);
    found.push_back({*begin, static_cast<std::uint32_t>(*begin + size)});
  };
  std::uint64_t low = 0, high = 0, section = 0;
  if (die.getLowAndHighPC(low, high, section)) {
    add(low, high);
    return found;
  }
  if (!die.find(llvm::dwarf::DW_AT_ranges)) return found;
  auto list = die.getAddressRanges();
  if (!list) {
    ignore(list.takeError());
    --left;
    return found;
  }
  left -= std::min<std::uint64_t>(left, list->size() + 1);
  for (const llvm::DWARFAddressRange& each : *list) add(each.LowPC, each.HighPC);
  return found;
}

namespace {
constexpr std::uint32_t kInTypesSection = 0x80000000;
}

std::uint32_t Units::type_of(const DWARFDie& die) const {
  const auto offset = static_cast<std::uint32_t>(die.getOffset());
  return index_of(die) < info_unit_count_ ? offset : offset | kInTypesSection;
}

DWARFDie Units::type(std::uint32_t handle) {
  if ((handle & kInTypesSection) == 0) {
    const auto around = unit_around(handle);
    return around ? die_at(*around, handle) : DWARFDie();
  }
  const std::uint64_t offset = handle & ~kInTypesSection;
  for (std::uint32_t i = info_unit_count_; i < units_.size(); ++i)
    if (offset >= units_[i]->getOffset() && offset < units_[i]->getNextUnitOffset())
      return die_at(i, offset);
  return {};
}

const llvm::DWARFDebugLine::LineTable* Units::lines(std::uint32_t index) {
  const DWARFDie die = unit_die(index);
  if (!die) return nullptr;
  const auto offset = llvm::dwarf::toSectionOffset(die.find(llvm::dwarf::DW_AT_stmt_list));
  if (!offset || !line_program_is_usable(index, *offset)) return nullptr;
  auto table = context_->getLineTableForUnit(&unit(index), ignore);
  if (!table) {
    ignore(table.takeError());
    return nullptr;
  }
  UnitState& state = state_[index];
  if (*table && !std::exchange(state.lines_held, true))
    held_bytes_ += (*table)->Rows.size() * sizeof(llvm::DWARFDebugLine::Row);
  return *table;
}

bool Units::line_program_is_usable(std::uint32_t index, std::uint64_t offset) {
  const auto [entry, is_new] = line_programs_.try_emplace(offset, false);
  if (!is_new) return entry->second;
  const auto program = line_program_at(section("debug_line"), offset);
  if (!program || held_bytes_ > kMostHeld || line_bytes_left_ < program->size()) {
    warn(fmt::format("the DWARF lines at {:#x} are damaged or too long and were left out", offset));
    return false;
  }
  line_bytes_left_ -= program->size();
  return entry->second = line_header_is_sane(*program, unit(index).getAddressByteSize());
}

bool Units::is_full() const { return held_bytes_ > kMuchHeld; }

void Units::forget() {
  for (std::uint32_t i = 0; i < units_.size(); ++i) {
    if (state_[i].is_held) forget(i);
    if (std::exchange(state_[i].lines_held, false)) context_->clearLineTableForUnit(units_[i]);
  }
  held_bytes_ = 0;
}

void Units::forget(std::uint32_t index) {
  if (!std::exchange(state_[index].is_held, false)) return;
  const std::uint64_t bytes = unit(index).getNumDIEs() * sizeof(llvm::DWARFDebugInfoEntry);
  held_bytes_ -= std::min(bytes, held_bytes_);
  unit(index).clear();
}

bool Units::has_text(std::string_view text) const {
  std::string ended(text);
  ended += '\0';
  for (const char* name : {"debug_str", "debug_info", "debug_types"}) {
    const base::Bytes bytes = section(name);
    if (!bytes.empty() && memmem(bytes.data(), bytes.size(), ended.data(), ended.size()))
      return true;
  }
  return false;
}

}  // namespace ntstack::dwarf
