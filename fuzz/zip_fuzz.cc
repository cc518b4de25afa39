// Any bytes as a zip file: its directory and each entry, read to an end that is an error or exactly
// what the entry declares.
#include <cstdint>
#include <cstdlib>

#include "base/zip_reader.h"
#include "mutate_archive.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = 1 << 20;
  const base::Bytes zip = base::Bytes::of({data, size});
  const auto entries = base::zip_entries(zip);
  if (!entries) {
    if (entries.error().text().empty()) std::abort();
    return 0;
  }
  // Entries don't lie on each other, so that all of them are no longer than the file.
  std::uint64_t compressed = 0;
  for (const base::ZipEntry& entry : *entries) {
    compressed += entry.compressed_size;
    std::uint64_t taken = 0;
    const auto take = [&](base::Bytes piece) -> base::Result<void> {
      taken += piece.size();
      if (taken > kMost || taken > entry.size) std::abort();
      return {};
    };
    const auto expanded = base::expand_entry(zip, entry, kMost, take);
    if (expanded && taken != entry.size) std::abort();
    if (!expanded && expanded.error().text().empty()) std::abort();
  }
  if (compressed > size) std::abort();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_zip(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::base::zip_entries(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
