#include "pe/relocated_pages.h"

#include <algorithm>
#include <cstring>

namespace ntstack::pe {
namespace {

constexpr std::uint32_t kLargestTable = 64 << 20;  // bytes
constexpr std::uint16_t kHighLow = 3, kDir64 = 10;

}  // namespace

RelocatedPages::RelocatedPages(const Image& image, std::uint64_t base)
    : image_(&image), base_(base), moved_by_(base - image.preferred_base()) {
  if (moved_by_ != 0) read_table();
}

// Blocks of a page each: its RVA, the block's size, then a type and an offset in each two bytes.
void RelocatedPages::read_table() {
  const DataDirectory table = image_->directory(Directory::base_relocations);
  const std::uint32_t size = std::min(table.size, kLargestTable);
  for (std::uint32_t at = 0; table.rva <= UINT32_MAX - size && size - at > 8;) {
    const auto page = image_->get<std::uint32_t>(table.rva + at);
    const auto block = image_->get<std::uint32_t>(table.rva + at + 4);
    if (!page || !block || *block < 8 || *block > size - at) break;
    for (std::uint32_t entry = 8; entry + 2 <= *block; entry += 2) {
      const auto word = image_->get<std::uint16_t>(table.rva + at + entry);
      if (!word) break;
      const std::uint16_t type = *word >> 12;
      const std::uint64_t rva = std::uint64_t{*page} + (*word & 0xfff);
      if ((type == kHighLow || type == kDir64) && rva < image_->size_of_image())
        relocations_.push_back(
            {static_cast<std::uint32_t>(rva), static_cast<std::uint8_t>(type == kDir64 ? 8 : 4)});
    }
    at += *block;
  }
  std::ranges::sort(relocations_, {}, &Relocation::rva);
}

void RelocatedPages::relocate(std::uint32_t rva, std::span<std::byte> bytes) const {
  const std::uint64_t end = std::uint64_t{rva} + bytes.size();
  auto each = std::ranges::lower_bound(relocations_, rva > 7 ? rva - 7 : 0, {}, &Relocation::rva);
  for (; each != relocations_.end() && each->rva < end; ++each) {
    // The whole value, for its carries, though only part of it may be wanted.
    std::uint64_t value = 0;
    if (image_->read(each->rva, std::as_writable_bytes(std::span(&value, 1)).first(each->size)) !=
        each->size)
      continue;
    value += moved_by_;
    const auto whole = std::as_bytes(std::span(&value, 1));
    for (std::uint64_t i = 0; i < each->size; ++i) {
      const std::uint64_t at = each->rva + i;
      if (at >= rva && at < end) bytes[at - rva] = whole[i];
    }
  }
}

std::size_t RelocatedPages::read(std::uint64_t address, std::span<std::byte> out) const {
  if (address < base_ || address - base_ >= image_->size_of_image()) return 0;
  const auto rva = static_cast<std::uint32_t>(address - base_);
  const std::size_t size = image_->read(rva, out);
  relocate(rva, out.first(size));
  return size;
}

base::Bytes RelocatedPages::view(std::uint64_t address, std::size_t size) const {
  if (address < base_ || address - base_ >= image_->size_of_image()) return {};
  const auto rva = static_cast<std::uint32_t>(address - base_);
  const auto near =
      std::ranges::lower_bound(relocations_, rva > 7 ? rva - 7 : 0, {}, &Relocation::rva);
  if (near != relocations_.end() && near->rva < std::uint64_t{rva} + size) return {};
  return image_->view(rva, size);
}

}  // namespace ntstack::pe
