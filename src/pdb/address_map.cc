#include "pdb/address_map.h"

#include <algorithm>

namespace ntstack::pdb {
namespace {

// IMAGE_SECTION_HEADER (winnt.h)
constexpr std::uint64_t kHeaderSize = 40, kVirtualSize = 8, kVirtualAddress = 12, kRawSize = 16;
constexpr std::uint64_t kMostSections = 0xffff;

}  // namespace

Omap::Omap(base::Bytes stream) {
  entries_.reserve(stream.size() / sizeof(Entry));
  for (std::uint64_t at = 0; stream.contains(at, sizeof(Entry)); at += sizeof(Entry))
    entries_.push_back(stream.get_or<Entry>(at, {}));
  if (!std::ranges::is_sorted(entries_, {}, &Entry::from))
    std::ranges::stable_sort(entries_, {}, &Entry::from);
}

std::optional<std::uint32_t> Omap::map(std::uint32_t rva) const {
  auto after = std::ranges::upper_bound(entries_, rva, {}, &Entry::from);
  if (after == entries_.begin()) return std::nullopt;
  --after;
  if (after->to == 0) return std::nullopt;
  const std::uint64_t mapped = std::uint64_t{after->to} + (rva - after->from);
  if (mapped > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(mapped);
}

AddressMap::AddressMap(base::Bytes section_headers, Omap to_source, Omap from_source)
    : to_source_(std::move(to_source)), from_source_(std::move(from_source)) {
  const std::uint64_t count = std::min(section_headers.size() / kHeaderSize, kMostSections);
  for (std::uint64_t i = 0; i < count; ++i) {
    const base::Bytes header = section_headers.clamp(i * kHeaderSize, kHeaderSize);
    by_number_.push_back({header.get_or<std::uint32_t>(kVirtualAddress, 0),
                          std::max(header.get_or<std::uint32_t>(kVirtualSize, 0),
                                   header.get_or<std::uint32_t>(kRawSize, 0)),
                          static_cast<std::uint16_t>(i + 1)});
  }
  by_rva_ = by_number_;
  std::ranges::stable_sort(by_rva_, {}, &Section::rva);
}

std::optional<std::uint32_t> AddressMap::source_of(std::uint32_t rva) const {
  return to_source_.empty() ? rva : to_source_.map(rva);
}

std::optional<std::uint32_t> AddressMap::image_of(std::uint32_t source_rva) const {
  return from_source_.empty() ? source_rva : from_source_.map(source_rva);
}

std::optional<SectionOffset> AddressMap::locate(std::uint32_t source_rva) const {
  auto after = std::ranges::upper_bound(by_rva_, source_rva, {}, &Section::rva);
  if (after == by_rva_.begin()) return std::nullopt;
  --after;
  if (source_rva - after->rva >= after->size) return std::nullopt;
  return SectionOffset{after->number, source_rva - after->rva};
}

std::optional<std::uint32_t> AddressMap::source_rva(SectionOffset place) const {
  if (place.section == 0 || place.section > by_number_.size()) return std::nullopt;
  const std::uint64_t rva = std::uint64_t{by_number_[place.section - 1].rva} + place.offset;
  if (rva > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(rva);
}

std::optional<std::uint32_t> AddressMap::rva(SectionOffset place) const {
  const auto source = source_rva(place);
  return source ? image_of(*source) : std::nullopt;
}

}  // namespace ntstack::pdb
