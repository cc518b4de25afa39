#include "dump/bitmap.h"

#include <algorithm>

#include "dump/page_bitmap.h"
#include "dump/page_runs.h"
#include "dump/secondary.h"
#include "dump/sniff.h"
#include "dump/summary.h"

namespace ntstack::dump {

namespace {

// Offsets behind the kernel dump's header, of 64-bit values; as volatility's crash_common.json and
// kdmp-parser have them.
constexpr std::uint64_t first_page_at = 0x20;
constexpr std::uint64_t bit_count_at = 0x30;
constexpr std::uint64_t bits_at = 0x38;

// 64 TB of physical memory; Windows takes less, and an index is made of what a file claims.
constexpr std::uint64_t most_pages = std::uint64_t{1} << 34;

}  // namespace

bool has_bitmap(base::Bytes file, const KernelHeader& header) {
  const std::string_view magic = file.clamp(header.size, 8).text(0, 8);
  return magic == "SDMPDUMP" || magic == "FDMPDUMP";
}

std::optional<BitmapPlace> bitmap_place(base::Bytes file, const KernelHeader& header) {
  const base::Bytes own = file.clamp(header.size);
  const auto first_page = own.get<std::uint64_t>(first_page_at);
  const auto bit_count = own.get<std::uint64_t>(bit_count_at);
  if (!first_page || !bit_count || *bit_count == 0 || *bit_count > most_pages) return std::nullopt;
  const std::uint64_t end = header.size + bits_at + (*bit_count + 7) / 8;
  if (*first_page < end) return std::nullopt;
  return BitmapPlace{header.size + bits_at, *bit_count, *first_page};
}

Dump read_bitmap(base::Bytes file, const KernelHeader& header, Kind kind,
                 const BitmapPlace& place) {
  Dump dump;
  dump.kind = kind;
  take_header(header, dump);
  const std::uint64_t size = (place.bit_count + 7) / 8;
  const base::Bytes bits = file.clamp(place.bits, std::min(size, place.first_page - place.bits));
  if (bits.size() < size) {
    dump.warnings.push_back(
        fmt::format("the file was cut off inside its list of pages: {:#x} of {:#x} bytes are there",
                    bits.size(), size));
  }
  PageBitmap bitmap(bits, place.bit_count);
  const base::Bytes pages = file.clamp(place.first_page);
  const std::uint64_t listed = bitmap.count();
  const std::uint64_t present = std::min(listed, std::uint64_t{pages.size()} / page_size);
  if (present < listed) {
    dump.warnings.push_back(text_of_missing_pages(listed - present, listed));
  }
  dump.physical_bytes = std::min(listed * page_size, std::uint64_t{pages.size()});
  dump.physical = std::make_unique<BitmapSource>(std::move(bitmap), pages);
  if (present == listed) {
    dump.secondary = read_secondary(file, place.first_page + listed * page_size, dump.warnings);
  }
  return dump;
}

base::Result<Dump> parse_bitmap(base::Bytes file, const KernelHeader& header) {
  const base::Bytes own = file.clamp(header.size);
  const std::string kind = text_of_dump_type(header.dump_type);
  if (own.size() < bits_at) {
    return base::fail(
        "{} that was cut off inside its header: copy it again from where it was written", kind);
  }
  if (!has_bitmap(file, header)) {
    return base::fail("{}, but behind its header stands {} and not SDMP or FDMP: it is damaged",
                      kind, first_bytes(own));
  }
  // A type-2 dump may have either; what the fields say decides, the type where both make sense.
  const auto old_place = summary_place(file, header);
  const auto new_place = bitmap_place(file, header);
  const bool is_old = header.dump_type == static_cast<std::uint32_t>(DumpType::summary);
  if (old_place && (is_old || !new_place)) {
    return read_bitmap(file, header, Kind::summary, *old_place);
  }
  if (new_place) return read_bitmap(file, header, Kind::bitmap, *new_place);
  return base::fail(
      "{} whose list of pages makes no sense: the first page is said to lie at {:#x}, behind a "
      "bitmap for {} pages; the file is damaged",
      kind, own.get_or<std::uint64_t>(first_page_at, 0),
      own.get_or<std::uint64_t>(bit_count_at, 0));
}

}  // namespace ntstack::dump
