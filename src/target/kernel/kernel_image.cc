#include "target/kernel/kernel_image.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "pe/image.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kMostImage = 0x8000000;  // the largest kernel has 20 MB
constexpr std::uint16_t kDosMagic = 0x5a4d;
constexpr std::uint32_t kExportName = 0xc;  // IMAGE_EXPORT_DIRECTORY.Name
constexpr std::size_t kMostName = 64;

// One processor or several, x86 with PAE or without: the name that the linker gave.
constexpr std::string_view kStems[] = {"ntoskrnl", "ntkrnlmp", "ntkrnlpa", "ntkrpamp"};

bool is_kernel_name(std::string_view name) {
  const std::string_view stem = name.substr(0, name.rfind('.'));
  return std::ranges::any_of(
      kStems, [&](std::string_view known) { return base::equals_ignoring_case(stem, known); });
}

std::string text_at(const pe::Image& image, std::uint32_t rva) {
  std::string text(kMostName, '\0');
  text.resize(image.read(rva, std::as_writable_bytes(std::span(text))));
  text.resize(std::min(text.size(), text.find('\0')));
  return text;
}

// What the image calls itself; empty where nothing of that is in memory.
std::string name_of(const pe::Image& image) {
  const pe::DataDirectory exports = image.directory(pe::Directory::exports);
  if (exports.rva != 0 && exports.rva < UINT32_MAX - kExportName) {
    const auto name = image.get<std::uint32_t>(exports.rva + kExportName);
    if (name && *name != 0) {
      if (std::string text = text_at(image, *name); !text.empty()) return text;
    }
  }
  const auto codeview = image.codeview();
  return codeview ? std::string(base::file_name_of(codeview->pdb_path)) : std::string();
}

}  // namespace

std::optional<KernelImage> kernel_image_at(const base::ByteSource& memory, std::uint64_t base,
                                           base::Architecture architecture, bool name_needed) {
  if (memory.get<std::uint16_t>(base) != kDosMagic) return std::nullopt;
  const auto image = pe::Image::from_memory(memory, base);
  if (!image || image->architecture() != architecture) return std::nullopt;
  if (image->size_of_image() < kPage || image->size_of_image() > kMostImage) return std::nullopt;
  KernelImage found{base, image->size_of_image(), name_of(*image)};
  if (found.name.empty() ? name_needed : !is_kernel_name(found.name)) return std::nullopt;
  return found;
}

std::optional<KernelImage> kernel_image_around(const base::ByteSource& memory,
                                               std::uint64_t address,
                                               base::Architecture architecture, bool name_needed) {
  const std::uint64_t first = address & ~(kPage - 1);
  for (std::uint64_t down = 0; down < kMostImage && down <= first; down += kPage) {
    if (memory.get<std::uint16_t>(first - down) != kDosMagic) continue;
    auto found = kernel_image_at(memory, first - down, architecture, name_needed);
    if (found && found->contains(address)) return found;
  }
  return std::nullopt;
}

}  // namespace ntstack::target
