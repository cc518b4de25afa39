#include "dump/vmware_tags.h"

#include <algorithm>

#include "dump/vmware.h"

namespace ntstack::dump {

namespace {

// Magic, version, count of groups; then each group: name, its place, its size.
constexpr std::uint32_t magic_old = 0xbed0bed0;  // sizes of blocks have 4 bytes
constexpr std::uint32_t magics[] = {magic_old,  0xbed1bed1, 0xbed2bed2,
                                    0xbed3bed3, 0xbad1bad1, 0xbad2bad2};
constexpr std::uint64_t group_count_at = 8;
constexpr std::uint64_t groups_at = 12;
constexpr std::uint64_t group_name_size = 64;
constexpr std::uint64_t group_size = 80;
constexpr std::uint64_t most_groups = 4096;  // a machine has some dozens

// A tag: sizes in 16 bits (6 of the value's size, 2 of the count of indices, 8 of the name's
// length), the name, the indices, the value. Two sizes stand for blocks, which have a size in the
// file, one in memory and padding before them.
constexpr std::uint32_t size_block_compressed = 62;
constexpr std::uint32_t size_block = 63;

// Reads the tag at `at` and moves behind it; false at the end of the group or of the file.
bool next_tag(base::Bytes state, std::uint64_t size_width, std::uint64_t& at, VmwareTag& tag) {
  const auto head = state.get<std::uint16_t>(at);
  if (!head || *head == 0) return false;
  tag = {};
  const std::uint64_t name_size = *head >> 8;
  tag.name = state.clamp(at + 2, name_size).text(0);
  tag.index_count = *head >> 6 & 3;
  at += 2 + name_size;
  for (std::uint32_t i = 0; i < tag.index_count; ++i, at += 4) {
    tag.index[i] = state.get_or<std::uint32_t>(at, 0);
  }
  std::uint64_t size = *head & 0x3f;
  tag.is_compressed = size == size_block_compressed;
  tag.is_block = size == size_block || tag.is_compressed;
  if (tag.is_block) {
    size = size_width == 8 ? state.get_or<std::uint64_t>(at, UINT64_MAX)
                           : state.get_or<std::uint32_t>(at, UINT32_MAX);
    const std::uint64_t padding = state.get_or<std::uint16_t>(at + 2 * size_width, 0);
    at += 2 * size_width + 2 + padding;
  }
  if (at > state.size()) return false;
  tag.bytes = state.clamp(at, size);
  const bool is_whole = tag.bytes.size() == size;
  at += tag.bytes.size();
  return is_whole || tag.is_block;
}

}  // namespace

bool is_vmware_state(base::Bytes file) {
  const auto magic = file.get<std::uint32_t>(0);
  return magic && std::ranges::find(magics, *magic) != std::end(magics);
}

void for_each_vmware_tag(base::Bytes state, std::string_view group,
                         const std::function<void(const VmwareTag&)>& take) {
  const std::uint64_t width = state.get_or<std::uint32_t>(0, 0) == magic_old ? 4 : 8;
  const std::uint64_t written = state.get_or<std::uint32_t>(group_count_at, 0);
  const std::uint64_t room = state.clamp(groups_at).size() / group_size;
  const std::uint64_t count = std::min({written, room, most_groups});
  // Groups that share their bytes would make a hostile file's reading endless: the first counts.
  for (std::uint64_t i = 0; i < count; ++i) {
    const base::Bytes entry = state.clamp(groups_at + i * group_size, group_size);
    if (entry.text(0, group_name_size) != group) continue;
    std::uint64_t at = entry.get_or<std::uint64_t>(group_name_size, 0);
    VmwareTag tag;
    while (next_tag(state, width, at, tag)) take(tag);
    return;
  }
}

}  // namespace ntstack::dump
