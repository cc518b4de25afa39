#include "analysis/kernel_types.h"

#include <algorithm>

#include "base/text.h"
#include "target/offsets/offsets.h"

namespace ntstack::analysis {
namespace {

const pdb::Field* field_in(const pdb::Structure& structure, std::string_view name) {
  const auto found = std::ranges::find_if(structure.fields, [&](const pdb::Field& field) {
    return base::equals_ignoring_case(field.name, name);
  });
  return found == structure.fields.end() ? nullptr : &*found;
}

// Steps through "ThreadListEntry.Flink".
std::optional<FieldPlace> place_in(const pdb::Pdb* pdb, std::optional<pdb::Structure> structure,
                                   std::string_view path) {
  FieldPlace place;
  while (structure) {
    const std::size_t point = path.find('.');
    const pdb::Field* field = field_in(*structure, path.substr(0, point));
    if (!field) return std::nullopt;
    place.offset += field->offset;
    if (point == std::string_view::npos) {
      place.bit_position = field->bit_position;
      place.bit_length = field->bit_length;
      if (pdb) place.size = pdb->size_of(field->type).value_or(0);
      return place;
    }
    place.is_nested = true;
    path = path.substr(point + 1);
    structure = pdb ? pdb->structure(field->type) : std::nullopt;
  }
  return std::nullopt;
}

// What the machine knows without types: "_KTHREAD.ThreadListEntry", with .Flink or .Blink.
std::optional<FieldPlace> known_place(const KernelView& view, std::string_view structure,
                                      std::string_view member) {
  const std::size_t point = member.find('.');
  const std::string_view entry = point == std::string_view::npos ? "" : member.substr(point + 1);
  const std::uint64_t word = view.is_64_bit() ? 8 : 4;
  std::uint64_t added = 0;
  if (!entry.empty() && !base::equals_ignoring_case(entry, "Flink")) {
    if (!base::equals_ignoring_case(entry, "Blink")) return std::nullopt;
    added = word;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(target::Field::count); ++i) {
    const auto field = static_cast<target::Field>(i);
    const target::FieldName name = target::name_of(field);
    if (!base::equals_ignoring_case(name.structure, structure)) continue;
    if (!base::equals_ignoring_case(name.member, member.substr(0, point))) continue;
    const auto offset = view.machine().offsets()[field];
    if (!offset) continue;
    return FieldPlace{*offset + added, entry.empty() ? 0 : word, 0, 0, !entry.empty()};
  }
  return std::nullopt;
}

std::optional<std::size_t> index_of(symbols::Symbolizer& symbolizer, std::string_view name) {
  for (std::size_t i = 0; i < symbolizer.modules().size(); ++i)
    if (base::equals_ignoring_case(symbolizer.short_name(i), name)) return i;
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> module_named(const KernelView& view, std::string_view name) {
  return index_of(view.symbolizer(), name);
}

std::optional<NamedModule> any_module_named(const KernelView& view, std::string_view name) {
  if (const auto index = module_named(view, name)) return NamedModule{&view.symbolizer(), *index};
  for (symbols::Symbolizer* each : view.more())
    if (const auto index = index_of(*each, name)) return NamedModule{each, *index};
  return std::nullopt;
}

std::optional<FieldPlace> field_place(const KernelView& view, std::string_view module,
                                      std::string_view structure, std::string_view member) {
  const auto named = any_module_named(view, module);
  if (named) {
    const pdb::Pdb* pdb = named->symbolizer->pdb(named->index);
    const auto found =
        place_in(pdb, named->symbolizer->types(named->index).structure(structure), member);
    if (found) return found;
  }
  const bool is_kernel = !named || base::equals_ignoring_case(module, "nt");
  return is_kernel ? known_place(view, structure, member) : std::nullopt;
}

std::optional<std::uint64_t> kernel_field(const KernelView& view, std::uint64_t object,
                                          std::string_view structure, std::string_view member) {
  const auto place = field_place(view, "nt", structure, member);
  if (!place) return std::nullopt;
  const base::ByteSource& memory = view.machine().memory();
  const std::uint64_t at = object + place->offset;
  std::uint64_t value = 0;
  switch (place->size) {
    case 1:
      if (const auto byte = memory.get<std::uint8_t>(at)) return *byte;
      return std::nullopt;
    case 2:
      if (const auto word = memory.get<std::uint16_t>(at)) return *word;
      return std::nullopt;
    case 0:
    case 8:
    case 4: {
      const bool wide = place->size == 8 || (place->size == 0 && view.is_64_bit());
      const auto read = memory.pointer(at, wide);
      if (!read) return std::nullopt;
      value = *read;
      break;
    }
    default:
      return std::nullopt;
  }
  if (place->bit_length == 0 || place->bit_length >= 64) return value;
  return value >> (place->bit_position & 63) & ((std::uint64_t{1} << place->bit_length) - 1);
}

}  // namespace ntstack::analysis
