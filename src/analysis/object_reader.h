// The fields of a kernel structure in memory: where nt's types have them, else where public types
// of known builds do.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "analysis/kernel_view.h"

namespace ntstack::analysis {

// A field as public PDB types have it, at an offset of its own for each word size.
struct KnownField {
  std::string_view name;  // "Tail.Overlay.Thread"
  std::uint16_t at_64 = 0, at_32 = 0;
  std::uint8_t size = 0;  // bytes; 0: a pointer's
};
inline constexpr std::uint16_t kNoOffset = 0xffff;  // the structure has no such field there

class ObjectReader {
 public:
  // `structure`: "_ERESOURCE". Types are believed where they have the first of the fields.
  ObjectReader(const KernelView& view, std::string_view structure,
               std::span<const KnownField> known);

  // Whether nt's PDB or DWARF says where fields are.
  bool is_by_types() const { return is_by_types_; }
  std::optional<std::uint64_t> offset_of(std::string_view field) const;
  // A field's value in the object at `object`; nothing where the dump does not have it.
  std::optional<std::uint64_t> read(std::uint64_t object, std::string_view field) const;
  std::uint64_t read_or(std::uint64_t object, std::string_view field,
                        std::uint64_t otherwise) const {
    return read(object, field).value_or(otherwise);
  }

 private:
  struct Place {
    std::string_view name;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  const Place* place_of(std::string_view field) const;

  const base::ByteSource& memory_;
  bool wide_ = false, is_by_types_ = false;
  std::vector<Place> places_;
};

// An unsigned number of 1, 2, 4 or 8 bytes; nothing for other sizes, or where it is not there.
std::optional<std::uint64_t> number_at(const base::ByteSource& memory, std::uint64_t address,
                                       std::uint64_t size);
// The UNICODE_STRING at an address, made printable; empty where it is not there. At most 512
// characters of it.
std::string unicode_string_at(const KernelView& view, std::uint64_t address);

}  // namespace ntstack::analysis
