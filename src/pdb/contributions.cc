#include "pdb/contributions.h"

#include <algorithm>
#include <numeric>

namespace ntstack::pdb {
namespace {

constexpr std::uint32_t kVersion60 = 0xeffe0000 + 19970605;
constexpr std::uint32_t kVersion2 = 0xeffe0000 + 20140516;

// Where parts of an entry lie; version 2 adds the section of the object file at its end.
constexpr std::uint32_t kEntrySize = 28;
constexpr std::uint32_t kEntrySize2 = 32;
constexpr std::uint64_t kSection = 0, kOffset = 4, kSize = 8, kModule = 16;

// Empty contributions may stand at the address of the one that holds it.
constexpr std::uint32_t kStepsBack = 16;

std::uint64_t address(const Contribution& each) {
  return std::uint64_t{each.section} << 32 | each.offset;
}

}  // namespace

Contributions::Contributions(base::Bytes substream) {
  const std::uint32_t version = substream.get_or<std::uint32_t>(0, 0);
  if (version != kVersion60 && version != kVersion2) return;
  entry_size_ = version == kVersion2 ? kEntrySize2 : kEntrySize;
  entries_ = substream.clamp(4);
  count_ = static_cast<std::uint32_t>(entries_.size() / entry_size_);

  bool sorted = true;
  for (std::uint32_t i = 1; i < count_ && sorted; ++i)
    sorted = address(at(i - 1)) <= address(at(i));
  if (sorted) return;
  std::vector<std::uint32_t> order(count_);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, [this](std::uint32_t i) { return address(at(i)); });
  order_ = std::move(order);
}

Contribution Contributions::at(std::uint32_t index) const {
  const std::uint32_t place = order_.empty() ? index : order_[index];
  const base::Bytes entry = entries_.clamp(std::uint64_t{place} * entry_size_, entry_size_);
  return {entry.get_or<std::uint16_t>(kSection, 0), entry.get_or<std::uint32_t>(kOffset, 0),
          entry.get_or<std::uint32_t>(kSize, 0), entry.get_or<std::uint16_t>(kModule, 0)};
}

std::optional<Contribution> Contributions::find(std::uint16_t section, std::uint32_t offset) const {
  const std::uint64_t wanted = std::uint64_t{section} << 32 | offset;
  std::uint32_t low = 0, high = count_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (address(at(middle)) <= wanted)
      low = middle + 1;
    else
      high = middle;
  }
  for (std::uint32_t step = 0; step < kStepsBack && step < low; ++step) {
    const Contribution each = at(low - 1 - step);
    if (each.section != section) break;
    if (offset - each.offset < each.size) return each;
  }
  return std::nullopt;
}

}  // namespace ntstack::pdb
