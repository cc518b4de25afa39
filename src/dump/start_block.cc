#include "dump/start_block.h"

namespace ntstack::dump {
namespace {

constexpr std::uint64_t kPage = 0x1000, kEnd = 0x100000;
// A jump over the header, a completion flag, the block's version.
constexpr std::uint64_t kSignature = 0x00000001'000600e9, kSignatureMask = 0xffffffff'ffff00ff;
constexpr std::uint64_t kEntryAt = 0x70, kTablesAt = 0xa0;

}  // namespace

std::optional<StartBlock> find_start_block(const base::ByteSource& physical) {
  for (std::uint64_t page = kPage; page < kEnd; page += kPage) {
    const auto head = physical.get<std::uint64_t>(page);
    if (!head || (*head & kSignatureMask) != kSignature) continue;
    const auto entry = physical.get<std::uint64_t>(page + kEntryAt);
    const auto tables = physical.get<std::uint64_t>(page + kTablesAt);
    if (!entry || *entry >> 43 != 0x1fffff || !tables || *tables == 0) continue;
    if ((*tables & 0xffffff00'00000fff) != 0) continue;
    return StartBlock{page, *entry, *tables};
  }
  return std::nullopt;
}

}  // namespace ntstack::dump
