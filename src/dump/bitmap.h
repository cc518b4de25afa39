// Dumps that list their pages by a bitmap with 64-bit counts: complete, kernel, automatic and live
// dumps since Windows 8 (DumpType 5, 6 and 7): "FDMP" or "SDMP", "DUMP", and the bits.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"
#include "dump/header.h"

namespace ntstack::dump {

// Where a bitmap lies: the parts that bitmap dumps and old summary dumps have in common.
struct BitmapPlace {
  std::uint64_t bits = 0;        // offset of the bitmap in the file
  std::uint64_t bit_count = 0;   // pages that it speaks of
  std::uint64_t first_page = 0;  // offset of the first page that is there
};

// "SDMP" or "FDMP", and "DUMP", behind the header.
bool has_bitmap(base::Bytes file, const KernelHeader& header);

// Where the 64-bit counts behind the header make sense together; nothing where they don't.
std::optional<BitmapPlace> bitmap_place(base::Bytes file, const KernelHeader& header);

// A dump of this kind over the bitmap there. Never fails: what the file lacks becomes a warning.
Dump read_bitmap(base::Bytes file, const KernelHeader& header, Kind kind, const BitmapPlace& place);

// Any dump with a bitmap, an old summary dump too: by what stands behind the header. Fails where
// neither layout makes sense of it.
base::Result<Dump> parse_bitmap(base::Bytes file, const KernelHeader& header);

}  // namespace ntstack::dump
