// A PDB's streams of names and numbers: the info stream, DBI with its list of modules, "/names".
// The first byte says which the rest is.
#include "input.h"
#include "pdb/dbi.h"
#include "pdb/info_stream.h"
#include "pdb/name_table.h"

using namespace ntstack;

namespace {

void look_at_info(base::Bytes stream) {
  const auto info = pdb::read_info_stream(stream);
  if (!info) return fuzz::require(!info.error().text().empty());
  fuzz::require(info->named_streams.size() <= stream.size());
  for (const auto& [name, number] : info->named_streams) {
    fuzz::require(name.size() <= stream.size());
    (void)info->stream_named(name);
  }
  (void)info->stream_named("/names");
}

void look_at_dbi(base::Bytes stream) {
  const auto dbi = pdb::read_dbi(stream);
  if (!dbi) return fuzz::require(!dbi.error().text().empty());
  const auto modules = pdb::read_modules(dbi->modules);
  fuzz::require(modules.size() <= stream.size());
  for (unsigned which = 0; which <= 10; ++which)
    (void)dbi->stream_of(static_cast<pdb::DebugStream>(which));
}

void look_at_names(base::Bytes stream) {
  const pdb::NameTable names(stream);
  for (std::uint32_t at = 0; at < stream.size() + 4; ++at)
    if (const auto name = names.at(at)) fuzz::require(name->size() <= stream.size());
  (void)names.at(UINT32_MAX);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.u8() % 4) {
    case 0:
      look_at_info(input.rest());
      break;
    case 1:
      look_at_dbi(input.rest());
      break;
    case 2:
      (void)pdb::read_modules(input.rest());
      break;
    default:
      look_at_names(input.bytes(4096));
  }
  return 0;
}
