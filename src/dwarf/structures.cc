#include "dwarf/structures.h"

#include <fmt/format.h>

#include <algorithm>

#include "dwarf/names.h"

namespace ntstack::dwarf {
namespace {

using namespace llvm::dwarf;
using llvm::DWARFDie;

constexpr int kDeepest = 16;  // types within types
constexpr int kMostTypesInAName = 64;
constexpr std::size_t kMostFields = std::size_t{1} << 16;
constexpr std::size_t kMostDefinitions = std::size_t{1} << 20;
constexpr std::uint64_t kMostDimensions = 16;

bool is_structure(const DWARFDie& die) {
  const Tag tag = die.getTag();
  return tag == DW_TAG_structure_type || tag == DW_TAG_class_type || tag == DW_TAG_union_type;
}

bool is_alias(Tag tag) {
  return tag == DW_TAG_typedef || tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
         tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;
}

bool is_declaration(const DWARFDie& die) { return die.find(DW_AT_declaration).has_value(); }

// DWARF 2 and 3 had a member's place as an expression: DW_OP_plus_uconst and a number.
std::optional<std::uint64_t> place_of(const DWARFDie& member) {
  const auto value = member.find(DW_AT_data_member_location);
  if (!value) return 0;
  if (const auto constant = value->getAsUnsignedConstant()) return constant;
  const auto block = value->getAsBlock();
  if (!block || block->empty() || (*block)[0] != DW_OP_plus_uconst) return std::nullopt;
  std::uint64_t place = 0;
  for (std::size_t i = 1, shift = 0; i < block->size() && shift < 32; ++i, shift += 7)
    place |= std::uint64_t{(*block)[i] & 0x7fU} << shift;
  return place;
}

// The counts of an array's dimensions; 0 where one has none.
std::vector<std::uint64_t> dimensions_of(const DWARFDie& array) {
  std::vector<std::uint64_t> counts;
  for (DWARFDie child = array.getFirstChild(); child && !child.isNULL();
       child = child.getSibling()) {
    if (child.getTag() != DW_TAG_subrange_type || counts.size() == kMostDimensions) continue;
    const auto last = toUnsigned(child.find(DW_AT_upper_bound));
    // The last index of an array without elements is -1, in as many bytes as it was written.
    const bool is_empty = last && (*last == UINT64_MAX || *last == UINT32_MAX);
    counts.push_back(toUnsigned(child.find(DW_AT_count), last && !is_empty ? *last + 1 : 0));
  }
  return counts;
}

// Where a bit field lies: the unit of its type that it begins in, and the bit in there.
void place_bits(const DWARFDie& member, std::uint64_t size, std::uint64_t length,
                std::uint64_t& offset, std::uint64_t& position) {
  if (const auto begin = toUnsigned(member.find(DW_AT_data_bit_offset))) {
    const std::uint64_t unit = size * 8;
    const bool fits = unit != 0 && *begin % unit + length <= unit;
    offset += fits ? *begin / unit * size : *begin / 8;
    position = fits ? *begin % unit : *begin % 8;
  } else if (const auto from_top = toUnsigned(member.find(DW_AT_bit_offset))) {
    // DWARF 4 and older count from the unit's highest bit.
    const std::uint64_t bits = toUnsigned(member.find(DW_AT_byte_size), size) * 8;
    if (*from_top <= bits && length <= bits - *from_top) position = bits - *from_top - length;
  }
}

}  // namespace

std::optional<DieRef> Structures::definition(std::string_view name) {
  const std::string key(name);
  const auto look = [&]() -> std::optional<DieRef> {
    const auto found = definitions_.find(key);
    return found != definitions_.end() ? std::optional(found->second) : std::nullopt;
  };
  if (const auto known = look()) return known;
  const std::size_t colons = name.rfind("::");
  const bool is_plain = colons == std::string_view::npos || name.find('<') != name.npos;
  if (next_unit_ == units_->size() || !units_->has_text(is_plain ? name : name.substr(colons + 2)))
    return std::nullopt;
  while (next_unit_ < units_->size()) {
    index(next_unit_++);
    if (const auto found = look()) return found;
  }
  return std::nullopt;
}

void Structures::index(std::uint32_t unit) {
  const bool was_held = units_->is_held(unit);
  if (!units_->read(unit)) return;
  const std::uint32_t count = units_->die_count(unit);
  for (std::uint32_t i = 0; i < count && definitions_.size() < kMostDefinitions; ++i)
    index(units_->die({unit, i}));
  if (!was_held) units_->forget(unit);
}

// A structure goes by its name, and one without a name by that of its typedef.
void Structures::index(const DWARFDie& die) {
  if (is_structure(die) && !is_declaration(die)) {
    if (!name_of(die).empty())
      definitions_.try_emplace(qualified_name(*units_, die), units_->ref_of(die));
  } else if (die.getTag() == DW_TAG_typedef) {
    const DWARFDie type = units_->referenced(die, DW_AT_type);
    if (type && is_structure(type) && !is_declaration(type) && name_of(type).empty())
      definitions_.try_emplace(qualified_name(*units_, die), units_->ref_of(type));
  }
}

std::optional<pdb::Structure> Structures::by_name(std::string_view name) {
  const auto found = definition(name);
  if (!found || !units_->read(found->unit)) return std::nullopt;
  auto structure = this->structure(units_->die(*found));
  if (structure) structure->name = name;
  return structure;
}

std::optional<pdb::Structure> Structures::by_type(std::uint32_t type) {
  const DWARFDie die = resolved(units_->type(type));
  return die && is_structure(die) ? structure(die) : std::nullopt;
}

std::optional<pdb::Structure> Structures::structure(const DWARFDie& die) {
  pdb::Structure structure{
      qualified_name(*units_, die), toUnsigned(die.find(DW_AT_byte_size), 0), {}};
  add_members(die, 0, 0, structure);
  return structure;
}

DWARFDie Structures::definition_of(const DWARFDie& declaration) {
  if (const DWARFDie type = units_->referenced(declaration, DW_AT_signature)) return type;
  const auto found = definition(qualified_name(*units_, declaration));
  return found && units_->read(found->unit) ? units_->die(*found) : declaration;
}

DWARFDie Structures::resolved(DWARFDie type) {
  for (int depth = 0; depth < kDeepest && type; ++depth) {
    if (is_alias(type.getTag())) {
      type = units_->referenced(type, DW_AT_type);
    } else if (is_structure(type) && is_declaration(type)) {
      return definition_of(type);
    } else {
      return type;
    }
  }
  return {};
}

void Structures::add_members(const DWARFDie& of, std::uint64_t offset, int depth,
                             pdb::Structure& structure) {
  for (DWARFDie child = of.getFirstChild(); child && !child.isNULL(); child = child.getSibling()) {
    if (structure.fields.size() >= kMostFields) return;
    const bool is_static = child.find({DW_AT_external, DW_AT_declaration}).has_value();
    if (child.getTag() == DW_TAG_member && !is_static) add_member(child, offset, depth, structure);
  }
}

void Structures::add_member(const DWARFDie& member, std::uint64_t offset, int depth,
                            pdb::Structure& structure) {
  const auto place = place_of(member);
  const DWARFDie type = units_->referenced(member, DW_AT_type);
  if (!place) return;
  offset += *place;
  const std::string_view name = name_of(member);
  if (name.empty()) {
    const DWARFDie inside = type ? resolved(type) : DWARFDie();
    if (inside && is_structure(inside) && depth < kDeepest)
      add_members(inside, offset, depth + 1, structure);
    return;
  }
  const std::uint64_t length = toUnsigned(member.find(DW_AT_bit_size), 0);
  std::uint64_t position = 0;
  if (length != 0 && length <= 64)
    place_bits(member, type ? size_of(type, 0).value_or(0) : 0, length, offset, position);
  if (offset > UINT32_MAX || length > 64) return;
  structure.fields.push_back(
      {std::string(name), static_cast<std::uint32_t>(offset), type ? units_->type_of(type) : 0,
       static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(length)});
}

std::optional<std::uint64_t> Structures::size_of(std::uint32_t type) {
  return size_of(units_->type(type), 0);
}

std::optional<std::uint64_t> Structures::size_of(DWARFDie type, int depth) {
  type = resolved(type);
  if (!type || depth == kDeepest) return std::nullopt;
  if (const auto size = toUnsigned(type.find(DW_AT_byte_size))) return size;
  switch (type.getTag()) {
    case DW_TAG_pointer_type:
    case DW_TAG_reference_type:
    case DW_TAG_rvalue_reference_type:
      return type.getDwarfUnit()->getAddressByteSize();
    case DW_TAG_enumeration_type:
      return size_of(units_->referenced(type, DW_AT_type), depth + 1);
    case DW_TAG_array_type: {
      auto size = size_of(units_->referenced(type, DW_AT_type), depth + 1);
      for (const std::uint64_t count : dimensions_of(type)) {
        if (size && count != 0 && *size > UINT64_MAX / count) return std::nullopt;
        if (size) *size *= count;
      }
      return size;
    }
    default:
      return std::nullopt;
  }
}

std::string Structures::type_name(std::uint32_t type) {
  int left = kMostTypesInAName;
  return type_name(units_->type(type), left);
}

std::string Structures::type_name(DWARFDie type, int& left) {
  if (!type) return "void";
  if (left-- <= 0) return "?";
  const auto inner = [&] { return type_name(units_->referenced(type, DW_AT_type), left); };
  switch (type.getTag()) {
    case DW_TAG_pointer_type:
      return inner() + "*";
    case DW_TAG_reference_type:
      return inner() + "&";
    case DW_TAG_rvalue_reference_type:
      return inner() + "&&";
    case DW_TAG_const_type:
      return "const " + inner();
    case DW_TAG_volatile_type:
      return "volatile " + inner();
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
      return inner();
    case DW_TAG_array_type: {
      std::string text = inner();
      for (const std::uint64_t count : dimensions_of(type)) text += fmt::format("[{}]", count);
      return text;
    }
    case DW_TAG_subroutine_type:
      return inner() + " ()";
    default: {
      std::string name = qualified_name(*units_, type);
      return name.empty() ? "?" : name;
    }
  }
}

}  // namespace ntstack::dwarf
