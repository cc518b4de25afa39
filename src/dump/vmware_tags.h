// The tagged values of a VMware state file, as VMware's own reader in the crash utility and
// volatility's describe them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/bytes.h"

namespace ntstack::dump {

struct VmwareTag {
  std::string_view name;
  std::array<std::uint32_t, 3> index{};
  std::uint32_t index_count = 0;
  bool is_block = false;       // with a size of its own
  bool is_compressed = false;  // the same, compressed
  base::Bytes bytes;           // the value; as much of it as is in the file

  // The first 8 bytes, or as many as there are, as a number.
  std::uint64_t value() const {
    std::uint64_t number = 0;
    const base::Bytes first = bytes.clamp(0, sizeof number);
    if (!first.empty()) std::memcpy(&number, first.data(), first.size());
    return number;
  }
};

// Calls `take` with each tag of the first group with this name.
void for_each_vmware_tag(base::Bytes state, std::string_view group,
                         const std::function<void(const VmwareTag&)>& take);

}  // namespace ntstack::dump
