// What makes a symbol or image file the wanted one, and how symbol stores sort files by it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/guid.h"

namespace ntstack::store {

struct PdbKey {
  std::string
      name;  // file name alone; any folders of the build machine are dropped when looked for
  base::Guid guid;
  std::uint32_t age = 0;
};

struct ImageKey {
  std::string name;
  std::uint32_t timestamp = 0;
  std::uint32_t size_of_image = 0;
  // Where the timestamp is not known (0): the PDB that the image must name instead.
  std::optional<base::Guid> pdb_guid;
  std::uint32_t pdb_age = 0;
};

// "5A1B2C3D4f000" (timestamp in 8 upper-case digits, size in lower-case) and "GUIDage".
std::string store_key(const ImageKey& key);
std::string store_key(const PdbKey& key);

// Why a file is not the wanted one, as a phrase ("its key is A, and B is wanted"); empty where it
// is.
std::string why_not(base::Bytes file, const PdbKey& key);
std::string why_not(base::Bytes file, const ImageKey& key);

}  // namespace ntstack::store
