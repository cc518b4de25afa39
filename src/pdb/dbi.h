// Stream 3 (DBI): the modules (object files), which of them each piece of each section came from,
// and the numbers of the other streams. Layout: LLVM's "The PDB DBI Stream".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::pdb {

constexpr std::uint16_t kNoStream = 0xffff;

// The optional debug streams, by their place in DBI's list.
enum class DebugStream : std::uint8_t {
  fpo = 0,
  omap_to_source = 3,
  omap_from_source = 4,
  section_headers = 5,
  new_fpo = 9,
  section_headers_original = 10,
};

struct ModuleEntry {
  std::string_view name;  // the object file, or "* Linker *"
  std::uint16_t stream = kNoStream;
  std::uint32_t symbols_size = 0;  // bytes of the stream that are symbols, the signature included
  std::uint32_t c11_size = 0;      // then old line records
  std::uint32_t c13_size = 0;      // then the subsections of lines
};

struct Dbi {
  std::uint32_t age = 0;
  std::uint16_t machine = 0;
  std::uint16_t flags = 0;
  std::uint16_t globals_stream = kNoStream;
  std::uint16_t publics_stream = kNoStream;
  std::uint16_t symbols_stream = kNoStream;
  base::Bytes modules;
  base::Bytes contributions;
  base::Bytes debug_streams;

  std::uint16_t stream_of(DebugStream which) const {
    return debug_streams.get_or<std::uint16_t>(static_cast<std::uint64_t>(which) * 2, kNoStream);
  }
};

base::Result<Dbi> read_dbi(base::Bytes stream);

// The list of modules; it ends where it makes no sense any more.
std::vector<ModuleEntry> read_modules(base::Bytes modules);

}  // namespace ntstack::pdb
