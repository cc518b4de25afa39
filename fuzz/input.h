// An input taken apart from its front, for targets that need several things of it. Past its end
// everything is zero or empty.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace ntstack::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : bytes_(base::Bytes::of(std::span(data, size))) {}

  template <class T>
  T take() {
    const T value = bytes_.get_or<T>(at_, T{});
    at_ += sizeof(T);
    return value;
  }
  std::uint8_t u8() { return take<std::uint8_t>(); }
  std::uint16_t u16() { return take<std::uint16_t>(); }
  std::uint32_t u32() { return take<std::uint32_t>(); }
  std::uint64_t u64() { return take<std::uint64_t>(); }
  base::Bytes bytes(std::size_t size) {
    const base::Bytes taken = bytes_.clamp(at_, size);
    at_ += size;
    return taken;
  }
  base::Bytes rest() { return bytes(bytes_.size()); }
  std::string_view text() { return view(rest()); }
  // Up to a line feed, which is passed.
  std::string_view line() {
    const std::string_view left = view(bytes_.clamp(at_));
    const std::string_view found = left.substr(0, left.find('\n'));
    at_ += found.size() + 1;
    return found;
  }

 private:
  static std::string_view view(base::Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  base::Bytes bytes_;
  std::size_t at_ = 0;
};

// Ends the program, and says where, unless it holds.
inline void require(bool holds, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: what must hold does not\n", where.file_name(), where.line());
  std::abort();
}

}  // namespace ntstack::fuzz
