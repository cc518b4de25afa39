// Any bytes as an image's file and as its memory: headers, sections, CodeView key, exports,
// symbols.
#include <array>
#include <cstdint>
#include <cstdlib>

#include "base/byte_source.h"
#include "mutate_pe.h"
#include "pe/image.h"
#include "pe/symbols.h"

using namespace ntstack;

namespace {

constexpr std::uint64_t base_address = 0xfffff80000000000;

// A view may be shorter than a read, but never says anything else.
void check_bytes(const pe::Image& image, std::uint32_t rva) {
  std::array<std::byte, 300> copy;
  const std::size_t count = image.read(rva, copy);
  const base::Bytes direct = image.view(rva, copy.size());
  if (direct.size() > count) std::abort();
  if (!direct.empty() && std::memcmp(direct.data(), copy.data(), direct.size()) != 0) std::abort();
}

void look_at(const pe::Image& image) {
  for (const pe::Section& section : image.sections()) {
    check_bytes(image, section.rva);
    check_bytes(image, section.rva + section.file_size - 1);
    check_bytes(image, section.rva + section.virtual_size - 100);
    if (const pe::Section* found = image.section_of(section.rva);
        found && found->rva > section.rva) {
      std::abort();
    }
  }
  check_bytes(image, 0);
  check_bytes(image, image.size_of_image() - 10);
  check_bytes(image, UINT32_MAX);
  static_cast<void>(image.codeview());
  static_cast<void>(pe::exports(image));
  static_cast<void>(pe::coff_symbols(image));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes bytes = base::Bytes::of(std::span(data, size));
  if (const auto image = pe::Image::from_file(bytes)) {
    look_at(*image);
    const pe::ImagePages pages(*image, base_address);
    if (const auto again = pe::Image::from_memory(pages, base_address)) look_at(*again);
  }
  // Memory in two pieces with a hole between.
  const base::SegmentSource memory({{base_address, bytes.clamp(0, size / 2)},
                                    {base_address + size / 2 + 16, bytes.clamp(size / 2 + 16)}});
  if (const auto image = pe::Image::from_memory(memory, base_address)) look_at(*image);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_pe(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::pe::Image::from_file(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
