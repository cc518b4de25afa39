// A stranger's zip file: what is in it, and one entry at a time unpacked. Nothing is allocated by
// what it claims, names are never used as paths. The format is PKWARE's (APPNOTE.TXT).
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::base {

// Views point into the zip's bytes.
struct ZipEntry {
  std::string_view name;  // as stored: any bytes, of any length up to 65535
  std::uint64_t size = 0, compressed_size = 0;
  std::uint64_t local = 0;  // where its local header lies
  std::uint32_t crc = 0;
  std::uint16_t method = 0, flags = 0;
};

// Whether it begins as a zip does: with an entry, or as one without any.
bool is_zip(Bytes bytes);

// The central directory. Fails where that is not wholly there, where entries lie outside the file
// or on each other, are more than 100,000, or where other files ("disks") belong to it.
Result<std::vector<ZipEntry>> zip_entries(Bytes zip);

// Gives the entry's contents to `take` in pieces, `limit` bytes at most, and never more than it
// declares. Fails where it is encrypted, of another method than stored or deflated, declares more
// than the limit, is damaged (size and CRC are checked at its end), or where `take` fails.
using ZipTaker = std::function<Result<void>(Bytes piece)>;
Result<void> expand_entry(Bytes zip, const ZipEntry& entry, std::uint64_t limit,
                          const ZipTaker& take);

// The same into a file; `cancel`, where not null, is looked at before each piece. What an error
// leaves of the file is the caller's to take away.
Result<void> extract_entry(Bytes zip, const ZipEntry& entry, std::uint64_t limit,
                           const std::filesystem::path& to,
                           const std::atomic<bool>* cancel = nullptr);

}  // namespace ntstack::base
