#include "memory/address_space.h"

namespace ntstack::memory {

void AddressSpace::place(std::uint64_t address, base::Bytes bytes) {
  std::vector<base::SegmentSource::Segment> pieces(placed_.segments().begin(),
                                                   placed_.segments().end());
  pieces.push_back({address, bytes});
  placed_ = base::SegmentSource(std::move(pieces));
}

std::size_t AddressSpace::read(std::uint64_t address, std::span<std::byte> out) const {
  return base::LayeredSource(own_, &placed_).read(address, out);
}

base::Bytes AddressSpace::view(std::uint64_t address, std::size_t size) const {
  return base::LayeredSource(own_, &placed_).view(address, size);
}

std::uint64_t AddressSpace::hole_end(std::uint64_t address) const {
  return base::LayeredSource(own_, &placed_).hole_end(address);
}

}  // namespace ntstack::memory
