// Mutates one stream of a PDB and lays the file out anew: superblock and directory stay sound,
// whatever became of the streams.
#pragma once

#include <string_view>

#include "mutate.h"
#include "pdb/msf.h"

namespace ntstack::fuzz {

inline std::vector<Data> msf_streams(std::span<const std::uint8_t> file) {
  std::vector<Data> streams;
  const auto msf = pdb::Msf::open(base::Bytes::of(file));
  if (!msf || msf->stream_count() > 256) return streams;
  for (std::uint32_t i = 0; i < msf->stream_count(); ++i) {
    Data& stream = streams.emplace_back();
    const auto found = msf->stream(i);
    if (!found) continue;
    const base::Bytes bytes = found->bytes();
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    stream.assign(from, from + bytes.size());
  }
  return streams;
}

// One block each for the superblock and the two maps of free blocks; then the streams, the
// directory, and the list of its blocks. `gap`: a block is left out between two of a stream.
inline Data msf_of(const std::vector<Data>& streams, std::size_t block, bool gap) {
  Data file(3 * block);
  const auto put_blocks = [&](const Data& bytes) {
    Data numbers;
    for (std::size_t at = 0; at < bytes.size(); at += block) {
      if (gap) file.resize(file.size() + block);
      numbers.resize(numbers.size() + 4);
      put(numbers, numbers.size() - 4, static_cast<std::uint32_t>(file.size() / block));
      const std::size_t size = std::min(block, bytes.size() - at);
      const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(at);
      file.insert(file.end(), from, from + static_cast<std::ptrdiff_t>(size));
      file.resize((file.size() + block - 1) / block * block);
    }
    return numbers;
  };
  Data directory(4 + streams.size() * 4), lists;
  put(directory, 0, static_cast<std::uint32_t>(streams.size()));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    put(directory, 4 + i * 4, static_cast<std::uint32_t>(streams[i].size()));
    const Data numbers = put_blocks(streams[i]);
    lists.insert(lists.end(), numbers.begin(), numbers.end());
  }
  directory.insert(directory.end(), lists.begin(), lists.end());
  const Data directory_blocks = put_blocks(directory);
  const Data list_blocks = put_blocks(directory_blocks);
  constexpr std::string_view kMagic(
      "Microsoft C/C++ MSF 7.00\r\n\x1a"
      "DS\0\0\0",
      32);
  std::copy(kMagic.begin(), kMagic.end(), file.begin());
  put(file, 32, static_cast<std::uint32_t>(block));
  put(file, 36, std::uint32_t{1});
  put(file, 40, static_cast<std::uint32_t>(file.size() / block));
  put(file, 44, static_cast<std::uint32_t>(directory.size()));
  put(file, 52, get<std::uint32_t>(list_blocks, 0));
  return file;
}

inline std::size_t mutate_msf(std::uint8_t* data, std::size_t size, std::size_t most,
                              unsigned seed) {
  Chance chance(seed);
  std::vector<Data> streams = msf_streams({data, size});
  if (streams.empty() || chance.one_in(16)) return LLVMFuzzerMutate(data, size, most);
  Data& stream = streams[chance.below(streams.size())];
  if (stream.empty() || !chance.one_in(4)) {
    // Near its front, where the headers are, or anywhere.
    const std::size_t from = chance.one_in(2) ? 0 : chance.below(stream.size());
    mutate_in_place(stream, from, chance.one_in(2) ? 64 : stream.size());
  } else {
    mutate_all(stream, stream.size() + 64);
  }
  const Data made = msf_of(streams, 512, chance.one_in(8));
  return made.size() <= most ? give(made, data, most) : LLVMFuzzerMutate(data, size, most);
}

// One stream of the second PDB in the place of the first's.
inline std::size_t cross_msf(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                             std::uint8_t* out, std::size_t most, unsigned seed) {
  Chance chance(seed);
  std::vector<Data> streams = msf_streams(a);
  const std::vector<Data> others = msf_streams(b);
  const std::size_t both = std::min(streams.size(), others.size());
  if (both == 0) return 0;
  const std::size_t which = chance.below(both);
  streams[which] = others[which];
  const Data made = msf_of(streams, 512, false);
  return made.size() <= most ? give(made, out, most) : 0;
}

}  // namespace ntstack::fuzz
