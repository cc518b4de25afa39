#include "analysis/object_reader.h"

#include <algorithm>
#include <string>

#include "analysis/kernel_types.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

// Kernels that are not Microsoft's name some structures without the underscore.
std::string name_in_types(const KernelView& view, std::string_view structure,
                          std::string_view field) {
  for (const std::string_view name : {structure, structure.substr(1)})
    if (field_place(view, "nt", name, field)) return std::string(name);
  return {};
}

}  // namespace

ObjectReader::ObjectReader(const KernelView& view, std::string_view structure,
                           std::span<const KnownField> known)
    : memory_(view.machine().memory()), wide_(view.is_64_bit()) {
  const std::uint64_t word = wide_ ? 8 : 4;
  const std::string name =
      known.empty() ? std::string() : name_in_types(view, structure, known.front().name);
  is_by_types_ = !name.empty();
  for (const KnownField& field : known) {
    const auto place =
        is_by_types_ ? field_place(view, "nt", name, field.name) : std::optional<FieldPlace>();
    const std::uint64_t size = field.size == 0 ? word : field.size;
    const std::uint16_t at = wide_ ? field.at_64 : field.at_32;
    if (place && place->bit_length == 0) {
      const bool is_number =
          place->size == 1 || place->size == 2 || place->size == 4 || place->size == 8;
      places_.push_back({field.name, place->offset, is_number ? place->size : size});
    } else if (at != kNoOffset) {
      places_.push_back({field.name, at, size});
    }
  }
}

const ObjectReader::Place* ObjectReader::place_of(std::string_view field) const {
  const auto found = std::ranges::find(places_, field, &Place::name);
  return found == places_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> ObjectReader::offset_of(std::string_view field) const {
  const Place* place = place_of(field);
  return place ? std::optional(place->offset) : std::nullopt;
}

std::optional<std::uint64_t> ObjectReader::read(std::uint64_t object,
                                                std::string_view field) const {
  const Place* place = place_of(field);
  return place ? number_at(memory_, object + place->offset, place->size) : std::nullopt;
}

std::optional<std::uint64_t> number_at(const base::ByteSource& memory, std::uint64_t address,
                                       std::uint64_t size) {
  const auto as_number = [](auto value) -> std::optional<std::uint64_t> {
    if (!value) return std::nullopt;
    return *value;
  };
  switch (size) {
    case 1:
      return as_number(memory.get<std::uint8_t>(address));
    case 2:
      return as_number(memory.get<std::uint16_t>(address));
    case 4:
      return as_number(memory.get<std::uint32_t>(address));
    case 8:
      return as_number(memory.get<std::uint64_t>(address));
    default:
      return std::nullopt;
  }
}

std::string unicode_string_at(const KernelView& view, std::uint64_t address) {
  constexpr std::size_t most = 1024;
  const base::ByteSource& memory = view.machine().memory();
  const bool wide = view.is_64_bit();
  const auto length = memory.get<std::uint16_t>(address);
  const auto buffer = memory.pointer(address + (wide ? 8 : 4), wide);
  if (!length || !buffer || *buffer == 0) return {};
  const std::vector<std::byte> text = memory.copy(*buffer, std::min<std::size_t>(*length, most));
  return base::printable(base::utf8_from_utf16(std::span<const std::byte>(text)));
}

}  // namespace ntstack::analysis
