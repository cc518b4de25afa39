// Reads the fields of a record one after another. A read past the end gives zero and marks the
// cursor, so that a record is decoded straight through and asked once at its end whether it was all
// there.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/bytes.h"

namespace ntstack::pdb {

class Cursor {
 public:
  explicit Cursor(base::Bytes bytes, std::uint64_t at = 0) : bytes_(bytes), at_(at) {}

  template <class T>
    requires std::is_trivially_copyable_v<T>
  T take() {
    const auto value = bytes_.get<T>(at_);
    if (!value) {
      fail();
      return T{};
    }
    at_ += sizeof(T);
    return *value;
  }
  std::uint8_t u8() { return take<std::uint8_t>(); }
  std::uint16_t u16() { return take<std::uint16_t>(); }
  std::uint32_t u32() { return take<std::uint32_t>(); }
  std::int32_t i32() { return take<std::int32_t>(); }

  // Text up to its NUL, which is passed too.
  std::string_view text() {
    const auto found = bytes_.terminated_text(at_);
    if (!found) {
      fail();
      return {};
    }
    at_ += found->size() + 1;
    return *found;
  }

  base::Bytes bytes(std::uint64_t length) {
    const auto found = bytes_.slice(at_, length);
    if (!found) {
      fail();
      return {};
    }
    at_ += length;
    return *found;
  }

  void skip(std::uint64_t length) { bytes(length); }
  void align(std::uint64_t to) { at_ = (at_ + to - 1) / to * to; }

  std::uint64_t at() const { return at_; }
  bool ok() const { return ok_; }
  bool at_end() const { return at_ >= bytes_.size(); }
  base::Bytes rest() const { return bytes_.clamp(at_); }

 private:
  void fail() {
    ok_ = false;
    at_ = bytes_.size();
  }

  base::Bytes bytes_;
  std::uint64_t at_;
  bool ok_ = true;
};

}  // namespace ntstack::pdb
