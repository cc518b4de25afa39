// The hash by which PDBs file symbol and type names (LLVM: hashStringV1; Microsoft: HashPbCb).
// ASCII letters' case does not matter to it.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace ntstack::pdb {

inline std::uint32_t name_hash(std::string_view name) {
  const base::Bytes bytes = base::Bytes::of(name);
  std::uint32_t hash = 0;
  std::uint64_t at = 0;
  for (; bytes.contains(at, 4); at += 4) hash ^= bytes.get_or<std::uint32_t>(at, 0);
  if (bytes.contains(at, 2)) {
    hash ^= bytes.get_or<std::uint16_t>(at, 0);
    at += 2;
  }
  if (bytes.contains(at, 1)) hash ^= bytes.get_or<std::uint8_t>(at, 0);
  hash |= 0x20202020;
  hash ^= hash >> 11;
  return hash ^ (hash >> 16);
}

}  // namespace ntstack::pdb
