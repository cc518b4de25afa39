#include "target/kernel/kdbg.h"

namespace ntstack::target {
namespace {
constexpr std::uint32_t kTagAt = 0x10, kSizeAt = 0x14;
constexpr std::uint32_t kTag = 0x4742444b;    // "KDBG"
constexpr std::uint32_t kLeastSize = 0x208;   // Windows XP's goes to 0x290; shorter says nothing
constexpr std::uint32_t kUnset = 0x45474150;  // "PAGE"
}  // namespace

base::Result<Kdbg> Kdbg::parse(base::Bytes bytes) {
  const auto tag = bytes.get<std::uint32_t>(kTagAt);
  const auto size = bytes.get<std::uint32_t>(kSizeAt);
  if (!tag || !size) return base::fail("KDBG is cut off after {:#x} bytes", bytes.size());
  if (*tag != kTag) return base::fail("KDBG's tag is {:#010x}, not \"KDBG\"", *tag);
  if (*size < kLeastSize) return base::fail("KDBG gives its own size as {:#x} bytes", *size);
  Kdbg kdbg;
  kdbg.bytes_ = bytes.clamp(0, *size);
  kdbg.size_ = *size;
  return kdbg;
}

std::optional<std::uint64_t> Kdbg::address(std::uint32_t at, bool is_64_bit) const {
  const auto value = bytes_.get<std::uint64_t>(at);
  if (!value || *value == 0) return std::nullopt;
  return is_64_bit ? *value : *value & 0xffffffff;
}

std::optional<std::uint32_t> Kdbg::u16(std::uint32_t at) const {
  const auto value = bytes_.get<std::uint16_t>(at);
  if (!value || *value == 0 || *value == 0xffff) return std::nullopt;
  return *value;
}

std::optional<std::uint32_t> Kdbg::u32(std::uint32_t at) const {
  const auto value = bytes_.get<std::uint32_t>(at);
  if (!value || *value == 0 || *value >= 0xffff || *value == kUnset) return std::nullopt;
  return *value;
}

}  // namespace ntstack::target
