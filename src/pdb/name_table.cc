#include "pdb/name_table.h"

namespace ntstack::pdb {

constexpr std::uint32_t kSignature = 0xeffeeffe;
constexpr std::uint64_t kHeaderSize = 12;  // signature, hash version, size of the strings

NameTable::NameTable(base::Bytes stream) {
  if (stream.get_or<std::uint32_t>(0, 0) != kSignature) return;
  strings_ = stream.clamp(kHeaderSize, stream.get_or<std::uint32_t>(8, 0));
}

}  // namespace ntstack::pdb
