#include "pdb/dbi.h"

#include "pdb/cursor.h"

namespace ntstack::pdb {
namespace {

constexpr std::uint32_t kSignature = 0xffffffff;
constexpr std::uint32_t kVersion70 = 19990903;

// Sizes of the substreams, in the order in which they follow the header (all but the last two).
struct SubstreamSizes {
  std::int32_t modules;
  std::int32_t contributions;
  std::int32_t section_map;
  std::int32_t source_files;
  std::int32_t type_servers;
  std::uint32_t mfc_type_server;
  std::int32_t debug_streams;  // lies last
  std::int32_t edit_and_continue;
};
static_assert(sizeof(SubstreamSizes) == 32);

}  // namespace

base::Result<Dbi> read_dbi(base::Bytes stream) {
  Cursor cursor(stream);
  const std::uint32_t signature = cursor.u32();
  const std::uint32_t version = cursor.u32();
  Dbi dbi;
  dbi.age = cursor.u32();
  dbi.globals_stream = cursor.u16();
  cursor.u16();  // the linker's version
  dbi.publics_stream = cursor.u16();
  cursor.u16();  // the build of mspdb
  dbi.symbols_stream = cursor.u16();
  cursor.u16();
  const auto sizes = cursor.take<SubstreamSizes>();
  dbi.flags = cursor.u16();
  dbi.machine = cursor.u16();
  cursor.u32();
  if (!cursor.ok()) return base::fail("the PDB's DBI stream is cut short");
  if (signature != kSignature || version < kVersion70)
    return base::fail("the PDB's DBI stream is of version {}, older than Visual C++ 7", version);

  const auto substream = [&cursor](std::int32_t size) {
    return cursor.bytes(size < 0 ? UINT64_MAX : static_cast<std::uint64_t>(size));
  };
  dbi.modules = substream(sizes.modules);
  dbi.contributions = substream(sizes.contributions);
  substream(sizes.section_map);
  substream(sizes.source_files);
  substream(sizes.type_servers);
  substream(sizes.edit_and_continue);
  dbi.debug_streams = substream(sizes.debug_streams);
  if (!cursor.ok()) return base::fail("the PDB's DBI stream is shorter than its parts");
  return dbi;
}

std::vector<ModuleEntry> read_modules(base::Bytes modules) {
  std::vector<ModuleEntry> entries;
  Cursor cursor(modules);
  while (!cursor.at_end()) {
    ModuleEntry entry;
    cursor.skip(4 + 28);  // reserved; the first section contribution
    cursor.u16();         // flags
    entry.stream = cursor.u16();
    entry.symbols_size = cursor.u32();
    entry.c11_size = cursor.u32();
    entry.c13_size = cursor.u32();
    cursor.skip(16);  // source files: how many, names
    entry.name = cursor.text();
    cursor.text();  // the archive that held it
    if (!cursor.ok()) break;
    entries.push_back(entry);
    cursor.align(4);
  }
  return entries;
}

}  // namespace ntstack::pdb
