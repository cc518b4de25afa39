// Any bytes as an image with x64 unwind data: the table's look-up, and each way to decode an info.
// Bytes that are no image are taken as the unwind info itself.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "image_builder.h"
#include "pe/unwind_x64.h"

using namespace ntstack;
using namespace ntstack::pe;

namespace {

std::size_t count_of(const x64::RawWindings& raw) {
  x64::WindingReader reader(raw);
  std::size_t count = 0;
  while (const auto winding = reader.next()) {
    if (winding->second > 31) std::abort();
    ++count;
  }
  if (count > 31 || (count != raw.count && !reader.error())) std::abort();
  return count;
}

// The same of version 3.
void check_windings(const x64::RawUnwindInfo& raw, const base::Result<x64::UnwindInfo>& info) {
  const auto payload = x64::windings_of(raw);
  if (!payload) {
    if (info) std::abort();
    return;
  }
  const std::size_t count = count_of(payload->prolog);
  if (info && info->windings.size() != count) std::abort();
  if (info && info->winding_epilogs.size() != payload->epilogs().size()) std::abort();
  for (const x64::RawWindingEpilog& epilog : payload->epilogs()) {
    if (epilog.start < raw.function.begin || epilog.last >= raw.function.end) std::abort();
    if (!payload->epilog_at(epilog.start) || !payload->epilog_at(epilog.last)) std::abort();
    static_cast<void>(count_of(epilog.windings));
  }
}

// The raw view and the decoded info agree.
void check_info(const Image& image, const x64::RuntimeFunction& function) {
  const auto info = x64::decode(image, function);
  x64::UnwindScratch scratch;
  const auto raw = x64::raw_unwind_info(image, function, scratch);
  if (!raw) {
    if (info) std::abort();
    return;
  }
  if (raw->version == 3) check_windings(*raw, info);
  x64::CodeReader codes(*raw);
  std::size_t count = 0;
  while (codes.next()) ++count;
  if (count > 255 || (info && (codes.error() || count != info->codes.size()))) std::abort();
  x64::EpilogReader epilogs(*raw);
  while (const auto epilog = epilogs.next()) {
    if (epilog->start < raw->function.begin || epilog->start > raw->function.end) std::abort();
    if (epilog->size && !x64::epilog_at(*raw, epilog->start)) std::abort();
  }
}

void look_at(const Image& image) {
  const x64::FunctionTable table(image);
  const std::size_t count = std::min<std::size_t>(table.size(), 200);
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = table.at(i);
    if (!entry) continue;
    static_cast<void>(table.find(entry->begin));
    static_cast<void>(table.find(entry->end - 1));
    check_info(image, *entry);
  }
  static_cast<void>(table.find(0));
  static_cast<void>(table.find(UINT32_MAX));
}

void look_at_info(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return;
  tests::ByteWriter raw;
  raw.append(std::as_bytes(std::span(data + 8, size - 8)));
  tests::ImageBuilder builder;
  builder.section(".xdata", 0x1000, raw);
  const auto file = builder.file();
  const auto image = Image::from_file(base::Bytes(std::span<const std::byte>(file)));
  if (!image) std::abort();
  const base::Bytes head = base::Bytes::of(std::span(data, 8));
  check_info(*image, {head.get_or<std::uint32_t>(0, 0), head.get_or<std::uint32_t>(4, 0), 0x1000});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes = base::Bytes::of(std::span(data, size));
  const auto image = Image::from_file(bytes);
  if (!image) {
    look_at_info(data, size);
    return 0;
  }
  look_at(*image);
  constexpr std::uint64_t at = 0xfffff80000000000;
  const ImagePages pages(*image, at);
  if (const auto again = Image::from_memory(pages, at)) look_at(*again);
  return 0;
}
