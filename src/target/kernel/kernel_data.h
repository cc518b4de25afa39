// nt's variables without symbols: by its exports, or by looking through its data.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/byte_source.h"
#include "target/kernel/kernel_image.h"

namespace ntstack::target {

// nt's exported names, with their addresses; empty where its export directory is not in memory.
class KernelExports {
 public:
  KernelExports() = default;
  KernelExports(const base::ByteSource& memory, const KernelImage& nt);
  std::optional<std::uint64_t> address_of(std::string_view name) const;

 private:
  std::unordered_map<std::string, std::uint64_t> addresses_;
};

// Calls `take` with each stretch of nt's data that is in memory: first what is writable, then other
// data. A stretch begins at a page and is followed by `overlap` bytes more where they are there; so
// `scan` of its bytes are to be looked at. Until `take` is true; says whether it was.
inline constexpr std::size_t kDataOverlap = 0x40;
using TakeData = std::function<bool(std::uint64_t address, base::Bytes bytes, std::size_t scan)>;
bool for_each_data(const base::ByteSource& memory, const KernelImage& nt, const TakeData& take);

}  // namespace ntstack::target
