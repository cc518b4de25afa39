#include "dump/summary.h"

namespace ntstack::dump {

namespace {

// SUMMARY_DUMP of the WDK, offsets behind the kernel dump's header: 32-bit values, then an
// RTL_BITMAP, whose pointer has the target's width, and the bits.
constexpr std::uint64_t header_size_at = 0xc;  // the first page's offset in the file
constexpr std::uint64_t bit_count_at = 0x18;   // SizeOfBitMap of the RTL_BITMAP
constexpr std::uint64_t bits_at32 = 0x20;
constexpr std::uint64_t bits_at64 = 0x28;

}  // namespace

std::optional<BitmapPlace> summary_place(base::Bytes file, const KernelHeader& header) {
  const base::Bytes own = file.clamp(header.size);
  const auto first_page = own.get<std::uint32_t>(header_size_at);
  const auto bit_count = own.get<std::uint32_t>(bit_count_at);
  if (!first_page || !bit_count || *bit_count == 0) return std::nullopt;
  const std::uint64_t bits = header.size + (header.is_64_bit ? bits_at64 : bits_at32);
  const std::uint64_t end = bits + (std::uint64_t{*bit_count} + 7) / 8;
  if (*first_page % page_size != 0 || *first_page < end) return std::nullopt;
  return BitmapPlace{bits, *bit_count, *first_page};
}

}  // namespace ntstack::dump
