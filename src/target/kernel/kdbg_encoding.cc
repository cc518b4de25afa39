#include "target/kernel/kdbg_encoding.h"

#include <algorithm>
#include <bit>

namespace ntstack::target {
namespace {

constexpr std::size_t kHeader = 0x20;  // List, OwnerTag, Size, KernBase
constexpr std::uint32_t kTag = 0x4742444b;
constexpr std::uint32_t kLeast = 0x208, kMost = 0x1000;
// The sizes that encoded kernels have had, and room for what comes.
constexpr std::uint32_t kFirstEncodedSize = 0x340, kLastEncodedSize = 0x400;

std::uint64_t swap_bytes(std::uint64_t value) { return __builtin_bswap64(value); }

std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t at) {
  return base::Bytes(bytes).get_or<std::uint64_t>(at, 0);
}

template <class Decode>
std::optional<std::vector<std::byte>> read_with(const base::ByteSource& memory,
                                                std::uint64_t address, Decode decode) {
  std::vector<std::byte> bytes = memory.copy(address, kMost);
  bytes.resize(bytes.size() & ~std::size_t{7});
  if (bytes.size() < kHeader) return std::nullopt;
  const std::uint64_t tag_and_size = decode(word_at(bytes, 0x10));
  const auto size = static_cast<std::uint32_t>(tag_and_size >> 32);
  if (static_cast<std::uint32_t>(tag_and_size) != kTag || size < kLeast || size > kMost)
    return std::nullopt;
  bytes.resize(std::min<std::size_t>(bytes.size(), size));
  for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    const std::uint64_t plain = decode(word_at(bytes, at));
    std::memcpy(&bytes[at], &plain, sizeof plain);
  }
  return bytes;
}

}  // namespace

std::uint64_t decode_kdbg_word(std::uint64_t word, const KdbgKey& key) {
  return swap_bytes(std::rotl(word ^ key.wait_never, static_cast<int>(key.wait_never & 0xff) & 63) ^
                    key.encoded_flag) ^
         key.wait_always;
}

std::optional<std::vector<std::byte>> read_kdbg(const base::ByteSource& memory,
                                                std::uint64_t address, const KdbgKey* key) {
  auto plain = read_with(memory, address, [](std::uint64_t word) { return word; });
  if (plain || !key) return plain;
  return read_with(memory, address,
                   [&](std::uint64_t word) { return decode_kdbg_word(word, *key); });
}

std::optional<std::vector<std::byte>> read_kdbg_without_key(const base::ByteSource& memory,
                                                            std::uint64_t address,
                                                            std::uint64_t kernel_base) {
  const auto header = memory.get<std::array<std::uint64_t, 4>>(address);
  if (!header) return std::nullopt;
  const std::uint64_t known = (*header)[3];
  for (int rotation = 0; rotation < 64; ++rotation) {
    const auto decode = [=](std::uint64_t word) {
      return swap_bytes(std::rotl(word ^ known, rotation)) ^ kernel_base;
    };
    const std::uint64_t tag_and_size = decode((*header)[2]);
    const auto size = static_cast<std::uint32_t>(tag_and_size >> 32);
    if (static_cast<std::uint32_t>(tag_and_size) == kTag && size >= kFirstEncodedSize &&
        size <= kLastEncodedSize)
      return read_with(memory, address, decode);
  }
  return std::nullopt;
}

}  // namespace ntstack::target
