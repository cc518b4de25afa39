#include "memory/address_space.h"

#include <algorithm>

namespace ntstack::memory {

void AddressSpace::place(std::uint64_t address, base::Bytes bytes) {
  std::vector<base::SegmentSource::Segment> pieces(placed_.segments().begin(),
                                                   placed_.segments().end());
  pieces.push_back({address, bytes});
  placed_ = base::SegmentSource(std::move(pieces));
}

void AddressSpace::put_behind(std::unique_ptr<base::ByteSource> source, std::uint64_t from) {
  behind_ = std::move(source);
  behind_from_ = from;
}

std::size_t AddressSpace::read(std::uint64_t address, std::span<std::byte> out) const {
  const base::LayeredSource known(own_, &placed_);
  if (!behind_ || address < behind_from_) return known.read(address, out);
  return base::LayeredSource(&known, behind_.get()).read(address, out);
}

base::Bytes AddressSpace::view(std::uint64_t address, std::size_t size) const {
  const base::LayeredSource known(own_, &placed_);
  if (!behind_ || address < behind_from_) return known.view(address, size);
  return base::LayeredSource(&known, behind_.get()).view(address, size);
}

std::uint64_t AddressSpace::hole_end(std::uint64_t address) const {
  const std::uint64_t known = base::LayeredSource(own_, &placed_).hole_end(address);
  if (!behind_ || known < behind_from_) return known;
  const std::uint64_t from = std::max(address, behind_from_);
  std::byte byte;
  if (from != address && behind_->read(from, std::span(&byte, 1)) == 1) return from;
  return std::min(known, behind_->hole_end(from));
}

}  // namespace ntstack::memory
