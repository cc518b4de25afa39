// Stream 1: what the PDB is (GUID, age, features) and which streams have names ("/names",
// "/LinkInfo"). Layout: LLVM's "The PDB Info Stream".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/guid.h"

namespace ntstack::pdb {

struct InfoStream {
  std::uint32_t version = 0;
  std::uint32_t signature = 0;  // seconds since 1970, or a hash
  std::uint32_t age = 0;
  base::Guid guid;
  bool has_ids = false;    // stream 4 holds item ids
  bool fast_link = false;  // /DEBUG:FASTLINK: most symbols are in the object files
  std::vector<std::pair<std::string_view, std::uint32_t>> named_streams;

  std::optional<std::uint32_t> stream_named(std::string_view name) const;
};

base::Result<InfoStream> read_info_stream(base::Bytes stream);

}  // namespace ntstack::pdb
