// The tables behind an image's headers, which are sound here: exports, imports, delay-loaded
// imports, the debug directory, base relocations, COFF symbols. The first byte says which directory
// the rest, the image's one section, begins with.
#include "image_builder.h"
#include "input.h"
#include "pe/image.h"
#include "pe/imports.h"
#include "pe/relocated_pages.h"
#include "pe/symbols.h"

using namespace ntstack;

namespace {

constexpr std::uint32_t kSection = 0x1000;

tests::ImageBuilder around(base::Bytes content, std::uint8_t which) {
  constexpr std::uint8_t kDirectories[] = {0, 1, 5, 6, 13, 12};
  tests::ByteWriter raw;
  raw.append(content.span());
  tests::ImageBuilder builder;
  builder.is_64_bit = (which & 0x80) == 0;
  if (!builder.is_64_bit) builder.machine = 0x14c, builder.image_base = 0x400000;
  const auto size = static_cast<std::uint32_t>(content.size());
  builder.section(".data", kSection, raw, size + 0x40);
  builder.directory(kDirectories[which % 6u], kSection, size);
  builder.symbol_table_offset = builder.size_of_headers;
  builder.symbol_count = size / 18;
  return builder;
}

void look_at(const pe::Image& image) {
  if (const auto found = pe::exports(image)) fuzz::require(found->size() <= 0x10000);
  if (const auto found = pe::imports(image)) {
    fuzz::require(found->size() <= 0x10000);
    for (std::size_t i = 1; i < found->size(); ++i)
      fuzz::require((*found)[i - 1].rva <= (*found)[i].rva);
  }
  (void)image.codeview();
  (void)pe::coff_symbols(image);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0x8000) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t which = input.u8();
  const base::Bytes content = input.rest();
  const tests::ImageBuilder builder = around(content, which);
  const std::vector<std::byte> file = builder.file();
  const auto image = pe::Image::from_file(base::Bytes(std::span(file)));
  fuzz::require(image.has_value());
  look_at(*image);
  const pe::RelocatedPages moved(*image, builder.image_base + 0x10000);
  const std::uint64_t base = builder.image_base + 0x10000;
  std::vector<std::byte> page(0x1000);
  for (const std::uint64_t at : {base, base + kSection - 4, base + kSection + size / 2}) {
    (void)moved.read(at, page);
    fuzz::require(moved.view(at, page.size()).size() <= page.size());
  }
  const pe::ImagePages pages(*image, base);
  if (const auto again = pe::Image::from_memory(pages, base)) look_at(*again);
  return 0;
}
