#include "world/image_map.h"

#include <stdexcept>

namespace ntstack::world {

const Exemption* find_exemption(const std::vector<Exemption>& list, std::uint64_t address) {
  for (const Exemption& exemption : list) {
    if (address >= exemption.begin && address < exemption.end) return &exemption;
  }
  return nullptr;
}

std::size_t MachineMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  if (memory_->try_read(address, out)) return out.size();
  std::size_t size = 0;  // as far as it goes
  while (size < out.size() && memory_->try_read(address + size, out.subspan(size, 1))) size++;
  return size;
}

ImageMap::ImageMap(const std::filesystem::path& folder, std::span<const LoadedImage> images) {
  for (const LoadedImage& each : images) {
    auto file = base::MappedFile::open(folder / each.file_name);
    if (!file) throw std::runtime_error(file.error().text());
    File entry{std::move(*file), nullptr, {}};
    auto image = pe::Image::from_file(entry.file.bytes());
    if (!image) throw std::runtime_error(image.error().text());
    entry.image = std::make_unique<pe::Image>(std::move(*image));
    entry.module.base = each.base;
    entry.module.size = each.size;
    entry.module.image = entry.image.get();
    if (entry.image->architecture() == base::Architecture::arm64)
      entry.module.functions.emplace<pe::arm64::FunctionTable>(*entry.image);
    else
      entry.module.functions.emplace<pe::x64::FunctionTable>(*entry.image);
    files_.push_back(std::move(entry));
  }
}

const unwind::Module* ImageMap::find(std::uint64_t address) const {
  for (const File& each : files_) {
    if (address - each.module.base < each.module.size) return &each.module;
  }
  return nullptr;
}

}  // namespace ntstack::world
