// Any bytes as an image file with DWARF: names, lines and inlined functions of many addresses,
// structures and their types by what the file itself has.
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "dwarf/dwarf.h"
#include "mutate_pe.h"
#include "pe/image.h"

namespace {

void look_at(const ntstack::dwarf::Dwarf& dwarf, std::uint32_t rva) {
  if (const auto function = dwarf.function_at(rva)) {
    if (function->rva > rva || function->name.empty()) __builtin_trap();
    (void)dwarf.rva_of(function->name);
  }
  (void)dwarf.line_at(rva);
  (void)dwarf.inlined_at(rva);
}

void look_at(const ntstack::dwarf::Dwarf& dwarf, const ntstack::pdb::Structure& structure) {
  for (const ntstack::pdb::Field& field : structure.fields) {
    (void)dwarf.type_name(field.type);
    (void)dwarf.size_of(field.type);
    (void)dwarf.structure(field.type);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  const auto image = pe::Image::from_file(base::Bytes::of(std::span(data, size)));
  if (!image) return 0;
  (void)dwarf::debug_link(*image);
  const auto dwarf = dwarf::Dwarf::open(*image);
  if (!dwarf) return 0;
  for (std::uint32_t rva = 0x1000; rva < 0x1400; rva += 13) look_at(*dwarf, rva);
  for (std::uint32_t rva = 0x1400; rva < 0x10000; rva += 1021) look_at(*dwarf, rva);
  for (const char* name :
       {"start", "outer", "table", "ns::s", "_OUTER", "UNNAMED", "_LIST_ENTRY"}) {
    (void)dwarf->rva_of(name);
    if (const auto structure = dwarf->structure(std::string_view(name)))
      look_at(*dwarf, *structure);
  }
  for (std::uint32_t type = 0; type < 0x200; ++type) {
    (void)dwarf->structure(type);
    (void)dwarf->type_name(type);
  }
  dwarf->forget_units();
  look_at(*dwarf, 0x1010);
  if (dwarf->warnings().size() > 100) __builtin_trap();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_pe(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  const auto image = ntstack::pe::Image::from_file(ntstack::base::Bytes::of(std::span(data, size)));
  return image && ntstack::dwarf::Dwarf::open(*image).has_value();
}
