// Finds KDDEBUGGER_DATA64 where no header says where it is: by KdVersionBlock's list, else by what
// it looks like in nt's data, plain or encoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "target/kernel/kernel_image.h"

namespace ntstack::target {

struct KdbgFound {
  std::uint64_t address = 0;
  std::vector<std::byte> bytes;  // decoded
  bool encoded = false;
  std::string found_by;
};

// True where a decoded block is this kernel's: it names nt's base, and its lists lie in nt.
bool is_kdbg_of(base::Bytes block, const KernelImage& nt, bool is_64_bit);

// `version_block`: KdVersionBlock, 0 unknown.
std::optional<KdbgFound> find_kdbg(const base::ByteSource& memory, const KernelImage& nt,
                                   std::uint64_t version_block, bool is_64_bit);

}  // namespace ntstack::target
