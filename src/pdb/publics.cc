#include "pdb/publics.h"

#include <algorithm>
#include <compare>

namespace ntstack::pdb {
namespace {

constexpr std::uint32_t kHeaderSize = 28;  // begins with the sizes of the hash and the address map
constexpr std::uint32_t kFunction = 2;     // a public's flag
constexpr std::uint32_t kMostAtOneAddress = 64;

constexpr std::uint64_t in_order(SectionOffset place) {
  return std::uint64_t{place.section} << 32 | place.offset;
}

}  // namespace

Publics::Publics(Stream stream, Stream symbols) : stream_(stream), symbols_(symbols) {
  const std::uint64_t hash_size = stream_.get<std::uint32_t>(0).value_or(0);
  const std::uint64_t addresses_size = stream_.get<std::uint32_t>(4).value_or(0);
  hash_ = GlobalHash(stream_, kHeaderSize, symbols_);
  addresses_at_ = kHeaderSize + hash_size;
  if (addresses_at_ > stream_.size()) return;
  count_ = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(addresses_size, stream_.size() - addresses_at_) / 4);
}

std::optional<NamedPlace> Publics::at(std::uint32_t index) const {
  const auto offset = stream_.get<std::uint32_t>(addresses_at_ + std::uint64_t{index} * 4);
  const auto record = offset ? global_at(symbols_, *offset) : std::nullopt;
  return record ? public_of(*record) : std::nullopt;
}

// The place alone, without the name: what the search reads.
std::optional<SectionOffset> Publics::place_at(std::uint32_t index) const {
  const auto offset = stream_.get<std::uint32_t>(addresses_at_ + std::uint64_t{index} * 4);
  if (!offset || symbols_.get<std::uint16_t>(*offset + std::uint64_t{2}) != S_PUB32) return {};
  const auto in_section = symbols_.get<std::uint32_t>(*offset + std::uint64_t{8});
  const auto section = symbols_.get<std::uint16_t>(*offset + std::uint64_t{12});
  if (!in_section || !section) return {};
  return SectionOffset{*section, *in_section};
}

std::optional<NamedPlace> Publics::nearest(SectionOffset wanted) const {
  std::uint32_t low = 0, high = count_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const auto place = place_at(middle);
    if (place && in_order(*place) <= in_order(wanted))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return std::nullopt;
  const auto last = place_at(low - 1);
  if (!last || last->section != wanted.section || last->offset > wanted.offset) return std::nullopt;

  std::optional<NamedPlace> best = at(low - 1);
  for (std::uint32_t i = low - 1; i-- > 0 && low - i < kMostAtOneAddress;) {
    const auto other = at(i);
    if (!other || in_order(other->place) != in_order(*last)) break;
    if (!best || (other->flags & kFunction) || !(best->flags & kFunction)) best = other;
  }
  return best;
}

std::optional<NamedPlace> Publics::named(std::string_view name) const {
  std::optional<NamedPlace> found;
  hash_.look_up(name, [&](const SymbolRecord& record) {
    const auto each = public_of(record);
    if (!each || each->name != name) return false;
    found = each;
    return true;
  });
  return found;
}

}  // namespace ntstack::pdb
