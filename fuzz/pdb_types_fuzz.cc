// TPI and IPI of a PDB, with hashes: structures, sizes, names of types and of functions. Three
// numbers say how long the types, their hashes and the items are.
#include "input.h"
#include "pdb/pdb_builder.h"
#include "pdb/types.h"

using namespace ntstack;

namespace {

pdb::testing::Blob blob_of(base::Bytes bytes) {
  pdb::testing::Blob blob;
  for (const std::byte each : bytes.span()) blob.put(each);
  return blob;
}

void look_at(pdb::Types& types) {
  for (std::uint32_t type = 0xff8; type < 0x1040; ++type) {
    fuzz::require(types.name(type).size() < 1 << 20);
    (void)types.size(type);
    if (const auto structure = types.structure(type))
      for (std::size_t i = 0; i < structure->fields.size() && i < 8; ++i)
        (void)types.name(structure->fields[i].type);
    (void)types.function_name(type);
  }
  for (const std::uint32_t type : {0x0074u, 0x0603u, 0x80000000u, 0xffffffffu})
    (void)types.name(type);
  std::size_t looked_at = 0;
  for (const std::string_view name : types.structure_names())
    if (++looked_at <= 32) (void)types.definition(name);
  for (const char* name : {"_KTHREAD", "ns::s", ""}) (void)types.definition(name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0x8000) return 0;
  fuzz::Input input(data, size);
  const std::uint16_t types_size = input.u16(), hashes_size = input.u16();
  std::vector<pdb::testing::Blob> streams(6);
  streams[2] = blob_of(input.bytes(types_size));
  streams[5] = blob_of(input.bytes(hashes_size));
  streams[4] = blob_of(input.rest());
  // The types' header names the stream of hashes that there is.
  if (hashes_size != 0 && streams[2].size() > 24) streams[2].set_u32(20, 0xffff0005);
  const pdb::testing::Blob file = pdb::testing::msf(streams);
  const auto msf = pdb::Msf::open(file.bytes());
  fuzz::require(msf.has_value());
  pdb::Types types(pdb::TypeStream(*msf, 2), pdb::TypeStream(*msf, 4));
  look_at(types);
  return 0;
}
