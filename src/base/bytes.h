// A bounds-checked view of bytes from a stranger's file. Every read says whether the bytes are
// there; no pointer is ever cast over them. Values are little-endian, as in every Windows file.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace ntstack::base {

static_assert(std::endian::native == std::endian::little, "files are laid over memory as they are");

class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr Bytes(const std::byte* data, std::size_t size) : data_(data), size_(size) {}
  constexpr Bytes(std::span<const std::byte> span) : data_(span.data()), size_(span.size()) {}

  static Bytes of(std::string_view text) { return Bytes(std::as_bytes(std::span(text))); }
  static Bytes of(std::span<const std::uint8_t> bytes) { return Bytes(std::as_bytes(bytes)); }

  constexpr const std::byte* data() const { return data_; }
  constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr std::span<const std::byte> span() const { return {data_, size_}; }

  constexpr bool contains(std::uint64_t offset, std::uint64_t length) const {
    return offset <= size_ && length <= size_ - offset;
  }

  // The value at `offset`, or nothing where it does not lie wholly inside.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> get(std::uint64_t offset) const {
    if (!contains(offset, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, data_ + offset, sizeof(T));
    return value;
  }

  // The same with a stand-in where the bytes are not there.
  template <class T>
  T get_or(std::uint64_t offset, T otherwise) const {
    return get<T>(offset).value_or(otherwise);
  }

  // Exactly [offset, offset + length), or nothing.
  std::optional<Bytes> slice(std::uint64_t offset, std::uint64_t length) const {
    if (!contains(offset, length)) return std::nullopt;
    return Bytes(data_ + offset, static_cast<std::size_t>(length));
  }

  // As much of [offset, offset + length) as there is; empty where nothing is.
  Bytes clamp(std::uint64_t offset, std::uint64_t length = UINT64_MAX) const {
    if (offset >= size_) return {};
    const std::uint64_t rest = size_ - offset;
    return Bytes(data_ + offset, static_cast<std::size_t>(length < rest ? length : rest));
  }

  // The characters from `offset` up to a NUL, the end of the bytes or `limit`; without the NUL.
  std::string_view text(std::uint64_t offset, std::size_t limit = SIZE_MAX) const {
    const Bytes rest = clamp(offset, limit);
    if (rest.empty()) return {};
    const char* begin = reinterpret_cast<const char*>(rest.data());
    const void* nul = std::memchr(begin, 0, rest.size());
    const std::size_t length =
        nul ? static_cast<std::size_t>(static_cast<const char*>(nul) - begin) : rest.size();
    return {begin, length};
  }

  // The same text, or nothing where no NUL ends it inside the bytes.
  std::optional<std::string_view> terminated_text(std::uint64_t offset) const {
    const std::string_view found = text(offset);
    if (!contains(offset, found.size() + 1)) return std::nullopt;
    return found;
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace ntstack::base
