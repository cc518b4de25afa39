#include "target/kernel/kernel_data.h"

#include <algorithm>
#include <vector>

#include "pe/image.h"
#include "pe/symbols.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::size_t kStretch = 0x10000;
constexpr std::uint32_t kWritable = 0x80000000;
constexpr std::uint64_t kMostData = 0x4000000;  // of all sections together

struct Part {
  std::uint64_t begin, end;
};

// Sections in that order; the whole image where its headers list none.
std::vector<Part> data_parts(const base::ByteSource& memory, const KernelImage& nt) {
  std::vector<Part> parts;
  const auto image = pe::Image::from_memory(memory, nt.base);
  const auto add = [&](const pe::Section& section) {
    const std::uint64_t size = std::max(section.virtual_size, section.file_size);
    if (section.rva >= nt.size) return;
    parts.push_back({nt.base + section.rva, nt.base + std::min(section.rva + size, nt.size)});
  };
  if (image) {
    for (const pe::Section& section : image->sections())
      if ((section.characteristics & kWritable) != 0) add(section);
    for (const pe::Section& section : image->sections())
      if ((section.characteristics & kWritable) == 0 && !section.executable()) add(section);
  }
  if (parts.empty()) parts.push_back({nt.base, nt.base + nt.size});
  return parts;
}

}  // namespace

KernelExports::KernelExports(const base::ByteSource& memory, const KernelImage& nt) {
  const auto image = pe::Image::from_memory(memory, nt.base);
  if (!image) return;
  auto exports = pe::exports(*image);
  if (!exports) return;
  for (pe::ImageSymbol& symbol : *exports)
    addresses_.emplace(std::move(symbol.name), nt.base + symbol.rva);
}

std::optional<std::uint64_t> KernelExports::address_of(std::string_view name) const {
  const auto found = addresses_.find(std::string(name));
  return found == addresses_.end() ? std::nullopt : std::optional(found->second);
}

bool for_each_data(const base::ByteSource& memory, const KernelImage& nt, const TakeData& take) {
  std::uint64_t left = kMostData;
  for (const Part& part : data_parts(memory, nt)) {
    std::uint64_t at = part.begin & ~(kPage - 1);
    while (at < part.end && left != 0) {
      const std::size_t wanted = std::min<std::uint64_t>({kStretch, part.end - at, left});
      const std::vector<std::byte> bytes = memory.copy(at, wanted + kDataOverlap);
      const std::size_t scan = std::min(bytes.size(), wanted);
      if (scan != 0 && take(at, base::Bytes(std::span(bytes)), scan)) return true;
      left -= wanted;
      // Past the hole, if one ended the stretch.
      at = scan < wanted ? ((at + scan) & ~(kPage - 1)) + kPage : at + wanted;
    }
  }
  return false;
}

}  // namespace ntstack::target
