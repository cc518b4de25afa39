#include "base/byte_source.h"

#include <algorithm>

namespace ntstack::base {

std::vector<std::byte> ByteSource::copy(std::uint64_t address, std::size_t size) const {
  std::vector<std::byte> out(size);
  out.resize(read(address, out));
  return out;
}

SegmentSource::SegmentSource(std::vector<Segment> segments) : segments_(std::move(segments)) {
  if (!std::ranges::is_sorted(segments_, {}, &Segment::address)) {
    std::ranges::stable_sort(segments_, {}, &Segment::address);
  }
  std::size_t taken = 0;  // pieces, which move up over those that are left out
  std::uint64_t end = 0;  // one past the last address taken
  bool full = false;      // a piece reached 2^64
  for (Segment piece : segments_) {
    if (full || piece.bytes.empty()) continue;
    if (taken != 0 && piece.address < end) {
      const std::uint64_t cut = end - piece.address;
      if (cut >= piece.bytes.size()) continue;
      piece = {end, piece.bytes.clamp(cut)};
    }
    const std::uint64_t room = UINT64_MAX - piece.address;  // bytes after the first
    if (piece.bytes.size() - 1 >= room) {
      piece.bytes = piece.bytes.clamp(0, room + (room == UINT64_MAX ? 0 : 1));
      full = true;
    }
    end = piece.address + piece.bytes.size();
    segments_[taken++] = piece;
  }
  segments_.resize(taken);
}

const SegmentSource::Segment* SegmentSource::find(std::uint64_t address) const {
  auto after = std::ranges::upper_bound(segments_, address, {}, &Segment::address);
  if (after == segments_.begin()) return nullptr;
  const Segment& piece = *std::prev(after);
  return address - piece.address < piece.bytes.size() ? &piece : nullptr;
}

std::size_t SegmentSource::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const Segment* piece = find(address + done);
    if (!piece) break;
    const Bytes part = piece->bytes.clamp(address + done - piece->address, out.size() - done);
    std::memcpy(out.data() + done, part.data(), part.size());
    done += part.size();
    if (address + done < address) break;  // the end of the address space
  }
  return done;
}

Bytes SegmentSource::view(std::uint64_t address, std::size_t size) const {
  const Segment* piece = find(address);
  return piece ? piece->bytes.clamp(address - piece->address, size) : Bytes();
}

std::uint64_t SegmentSource::hole_end(std::uint64_t address) const {
  const auto after = std::ranges::upper_bound(segments_, address, {}, &Segment::address);
  return after == segments_.end() ? UINT64_MAX : after->address;
}

std::size_t LayeredSource::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const std::uint64_t at = address + done;
    if (at < address) break;  // the end of the address space
    std::size_t got = first_ ? first_->read(at, out.subspan(done)) : 0;
    if (got == 0 && second_) {
      got = second_->read(at, out.subspan(done));
      // Where a hole of the first ends costs much to say, and most of what is asked for in vain is
      // in neither.
      if (got > 1 && first_)
        got = static_cast<std::size_t>(std::min<std::uint64_t>(got, first_->hole_end(at) - at));
    }
    if (got == 0) break;
    done += got;
  }
  return done;
}

Bytes LayeredSource::view(std::uint64_t address, std::size_t size) const {
  if (first_) {
    if (const Bytes found = first_->view(address, size); !found.empty()) return found;
    std::byte probe;
    if (first_->read(address, std::span(&probe, 1)) == 1) return {};  // there, but not together
  }
  const Bytes found = second_ ? second_->view(address, size) : Bytes();
  return found.size() > 1 && first_ ? found.clamp(0, first_->hole_end(address) - address) : found;
}

std::uint64_t LayeredSource::hole_end(std::uint64_t address) const {
  const std::uint64_t first = first_ ? first_->hole_end(address) : UINT64_MAX;
  const std::uint64_t second = second_ ? second_->hole_end(address) : UINT64_MAX;
  return std::min(first, second);
}

}  // namespace ntstack::base
