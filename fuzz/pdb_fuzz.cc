// A whole PDB: names, lines, inlined functions, frames and types of many addresses, by what the
// file itself says is there.
#include <string>

#include "base/bytes.h"
#include "mutate_msf.h"
#include "pdb/pdb.h"

namespace {

void look_at(const ntstack::pdb::Pdb& pdb, std::uint32_t rva) {
  std::optional<ntstack::pdb::Line> call_line;
  if (const auto function = pdb.function_at(rva)) {
    if (function->rva > rva) __builtin_trap();
    (void)pdb.rva_of(function->name);
    (void)pdb.line_at(function->rva + function->size);
  }
  (void)pdb.line_at(rva);
  (void)pdb.inlined_at(rva, &call_line);
  (void)pdb.fpo_at(rva);
  (void)pdb.frame_data_at(rva);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using ntstack::base::Bytes;
  const auto pdb = ntstack::pdb::Pdb::open(Bytes::of(std::span(data, size)));
  if (!pdb) return 0;
  for (std::uint32_t rva = 0x1000; rva < 0x3000; rva += 61) look_at(*pdb, rva);
  for (std::uint32_t rva = 0x3000; rva < 0x100000; rva += 4099) look_at(*pdb, rva);
  for (const char* name : {"start", "main", "a_table", "ns::s", "_KTHREAD"}) {
    (void)pdb->rva_of(name);
    (void)pdb->structure(std::string_view(name));
  }
  for (std::uint32_t type = 0xfff; type < 0x1200; ++type) {
    (void)pdb->structure(type);
    (void)pdb->size_of(type);
    (void)pdb->type_name(type);
  }
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_msf(data, size, most, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* a, std::size_t a_size,
                                                 const std::uint8_t* b, std::size_t b_size,
                                                 std::uint8_t* out, std::size_t most,
                                                 unsigned seed) {
  return ntstack::fuzz::cross_msf({a, a_size}, {b, b_size}, out, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::pdb::Msf::open(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
