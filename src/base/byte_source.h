// Bytes at an address, with holes: the memory of a dump, of an image, of both together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/bytes.h"

namespace ntstack::base {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Copies bytes from `address` on, up to the first that is not there; returns how many.
  // Addresses do not wrap past 2^64.
  virtual std::size_t read(std::uint64_t address, std::span<std::byte> out) const = 0;

  // The bytes from `address` on without a copy, at most `size`. May be shorter than what read()
  // would give, or empty, where they do not lie together. Valid as long as the source.
  virtual Bytes view(std::uint64_t /*address*/, std::size_t /*size*/) const { return {}; }

  // For an address that read() gives nothing for: an address above it below which nothing is there
  // either. UINT64_MAX: nothing follows. The default knows of the one byte alone.
  virtual std::uint64_t hole_end(std::uint64_t address) const {
    return address == UINT64_MAX ? UINT64_MAX : address + 1;
  }

  // The value at `address`, or nothing where any byte of it is missing.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> get(std::uint64_t address) const {
    T value;
    if (const Bytes direct = view(address, sizeof(T)); direct.size() == sizeof(T)) {
      std::memcpy(&value, direct.data(), sizeof(T));
      return value;
    }
    if (read(address, std::as_writable_bytes(std::span(&value, 1))) != sizeof(T)) return {};
    return value;
  }

  // A pointer of the target: 4 bytes (zero-extended) or 8.
  std::optional<std::uint64_t> pointer(std::uint64_t address, bool is_64_bit) const {
    if (is_64_bit) return get<std::uint64_t>(address);
    const auto value = get<std::uint32_t>(address);
    return value ? std::optional<std::uint64_t>(*value) : std::nullopt;
  }

  // Up to `size` bytes as a copy, shorter at the first hole. `size` is the caller's, never a
  // file's.
  std::vector<std::byte> copy(std::uint64_t address, std::size_t size) const;
};

// Sorted pieces of memory, each at its address: a triage dump's data blocks, a minidump's ranges.
// Where pieces overlap, the one with the lower address (then the one added first) wins.
class SegmentSource : public ByteSource {
 public:
  struct Segment {
    std::uint64_t address;
    Bytes bytes;
  };

  SegmentSource() = default;
  explicit SegmentSource(std::vector<Segment> segments);

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

  // Ordered by address, without overlaps.
  std::span<const Segment> segments() const { return segments_; }

 private:
  const Segment* find(std::uint64_t address) const;
  std::vector<Segment> segments_;
};

// One source behind another: what the first lacks is asked of the second. Either may be null.
class LayeredSource : public ByteSource {
 public:
  LayeredSource(const ByteSource* first, const ByteSource* second)
      : first_(first), second_(second) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

 private:
  const ByteSource* first_;
  const ByteSource* second_;
};

}  // namespace ntstack::base
