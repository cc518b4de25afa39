// Mutates zip files and cabinets and computes their checksums anew, where readers would otherwise
// stop.
#pragma once

#include <zlib.h>

#include "base/zip_format.h"
#include "base/zip_reader.h"
#include "mutate.h"

namespace ntstack::fuzz {

// CRC and size of an entry's contents as they are now, into its header.
inline void mend_zip_entry(Data& file, std::size_t central) {
  namespace zip = base::zip;
  const auto local = get<std::uint32_t>(file, central + zip::kCentralLocal);
  const std::size_t begin = std::size_t{local} + zip::kLocalSize +
                            get<std::uint16_t>(file, local + zip::kLocalNameLength) +
                            get<std::uint16_t>(file, local + zip::kLocalExtraLength);
  const auto packed = get<std::uint32_t>(file, central + zip::kCentralCompressed);
  if (begin > file.size() || packed > file.size() - begin) return;
  Data contents(1 << 16);
  if (get<std::uint16_t>(file, central + zip::kCentralMethod) == zip::kDeflated) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return;
    stream.next_in = file.data() + begin;
    stream.avail_in = packed;
    stream.next_out = contents.data();
    stream.avail_out = static_cast<unsigned>(contents.size());
    inflate(&stream, Z_FINISH);
    contents.resize(stream.total_out);
    inflateEnd(&stream);
  } else {
    const auto from = file.begin() + static_cast<std::ptrdiff_t>(begin);
    contents.assign(from, from + packed);
  }
  const auto size = static_cast<std::uint32_t>(contents.size());
  const auto crc = static_cast<std::uint32_t>(crc32(0, contents.data(), size));
  put(file, central + zip::kCentralCrc, crc);
  put(file, central + zip::kCentralLength, size);
}

inline std::size_t mutate_zip(std::uint8_t* data, std::size_t size, std::size_t most,
                              unsigned seed) {
  namespace zip = base::zip;
  Chance chance(seed);
  if (size < zip::kEndSize || chance.one_in(16)) return LLVMFuzzerMutate(data, size, most);
  Data file(data, data + size);
  mutate_in_place(file, chance.one_in(2) ? 0 : chance.below(size), chance.one_in(2) ? 48 : size);
  const std::size_t end = size - zip::kEndSize;
  put(file, end, zip::kEnd);
  put(file, end + zip::kEndCommentLength, std::uint16_t{0});
  put(file, end + zip::kEndDisk, std::uint32_t{0});
  std::size_t at = get<std::uint32_t>(std::span(data, size), end + zip::kEndDirectory);
  put(file, end + zip::kEndDirectory, static_cast<std::uint32_t>(at));
  // Mostly the contents change, and the directory stays.
  constexpr std::uint8_t kFirst[] = {'P', 'K', 1, 2}, kNone[] = {'P', 'K', 5, 6};
  std::uint8_t* tail = std::search(data, data + size, std::begin(kFirst), std::end(kFirst));
  if (tail == data + size)
    tail = std::search(data, data + size, std::begin(kNone), std::end(kNone));
  if (!chance.one_in(4)) std::copy(tail, data + size, file.begin() + (tail - data));
  const std::size_t count =
      std::min<std::size_t>(get<std::uint16_t>(file, end + zip::kEndCount), 16);
  for (std::size_t i = 0; i < count && at + zip::kCentralSize < file.size(); ++i) {
    put(file, at, zip::kCentral);
    const auto method = get<std::uint16_t>(file, at + zip::kCentralMethod);
    if (method != zip::kStored && method != zip::kDeflated && !chance.one_in(8))
      put(file, at + zip::kCentralMethod, zip::kDeflated);
    mend_zip_entry(file, at);
    at += zip::kCentralSize + get<std::uint16_t>(file, at + zip::kCentralNameLength) +
          get<std::uint16_t>(file, at + zip::kCentralExtraLength) +
          get<std::uint16_t>(file, at + zip::kCentralCommentLength);
  }
  return give(file, data, most);
}

// Microsoft's cabinet format, CSUMCompute: the words one upon another, the last bytes backwards.
inline std::uint32_t cabinet_checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
  std::size_t at = 0;
  for (; at + 4 <= bytes.size(); at += 4) sum ^= get<std::uint32_t>(bytes, at);
  std::uint32_t last = 0;
  for (; at < bytes.size(); ++at) last = last << 8 | bytes[at];
  return sum ^ last;
}

inline void mend_cabinet_blocks(Data& file, std::size_t folder) {
  std::size_t at = get<std::uint32_t>(file, folder);
  const std::size_t count = std::min<std::size_t>(get<std::uint16_t>(file, folder + 4), 64);
  for (std::size_t i = 0; i < count && at + 8 <= file.size(); ++i) {
    const std::size_t size =
        std::min<std::size_t>(get<std::uint16_t>(file, at + 4), file.size() - at - 8);
    put(file, at + 4, static_cast<std::uint16_t>(size));
    const std::span<const std::uint8_t> all(file);
    put(file, at,
        cabinet_checksum(all.subspan(at + 4, 4), cabinet_checksum(all.subspan(at + 8, size), 0)));
    at += 8 + size;
  }
}

inline std::size_t mutate_cabinet(std::uint8_t* data, std::size_t size, std::size_t most,
                                  unsigned seed) {
  Chance chance(seed);
  if (size < 44 || chance.one_in(16)) return LLVMFuzzerMutate(data, size, most);
  Data file(data, data + size);
  const std::size_t begin = chance.one_in(3) ? 0 : 36 + chance.below(size - 36);
  mutate_in_place(file, begin, chance.one_in(2) ? 48 : size);
  put(file, 0, std::uint32_t{0x4643534d});
  put(file, 8, static_cast<std::uint32_t>(size));
  std::copy_n(data + 24, 8, file.begin() + 24);  // version, counts and flags
  const std::size_t folders = std::min<std::size_t>(get<std::uint16_t>(file, 26), 8);
  for (std::size_t i = 0; i < folders; ++i) mend_cabinet_blocks(file, 36 + i * 8);
  return give(file, data, most);
}

}  // namespace ntstack::fuzz
