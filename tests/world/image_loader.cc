#include "world/image_loader.h"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ntstack::world {
namespace {

std::vector<std::uint8_t> file_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(fmt::format("cannot open {}", path.string()));
  return {std::istreambuf_iterator<char>(in), {}};
}

template <class T>
T at(const std::vector<std::uint8_t>& bytes, std::size_t offset) {
  T value;
  if (offset + sizeof(T) > bytes.size()) throw std::runtime_error("PE image too short");
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::string text_at(const std::vector<std::uint8_t>& bytes, std::size_t offset) {
  std::string text;
  while (const char c = at<char>(bytes, offset++)) text += c;
  return text;
}

void read_sections(LoadedImage& image, const std::vector<std::uint8_t>& file) {
  const auto pe = at<std::uint32_t>(file, 0x3c);
  const auto optional = pe + 24;
  image.timestamp = at<std::uint32_t>(file, pe + 8);
  image.entry_point = at<std::uint32_t>(file, optional + 16);
  image.is_64_bit = at<std::uint16_t>(file, optional) == 0x20b;
  image.base = image.is_64_bit ? at<std::uint64_t>(file, optional + 24)
                               : at<std::uint32_t>(file, optional + 28);
  image.size = at<std::uint32_t>(file, optional + 56);
  image.checksum = at<std::uint32_t>(file, optional + 64);
  image.pages.assign(image.size, 0);
  const auto headers = at<std::uint32_t>(file, optional + 60);
  std::memcpy(image.pages.data(), file.data(), headers);
  const auto count = at<std::uint16_t>(file, pe + 6);
  auto section = optional + at<std::uint16_t>(file, pe + 20);
  for (unsigned i = 0; i < count; i++, section += 40) {
    const auto virtual_size = at<std::uint32_t>(file, section + 8);
    const auto rva = at<std::uint32_t>(file, section + 12);
    const auto raw_size = std::min(virtual_size, at<std::uint32_t>(file, section + 16));
    const auto raw = at<std::uint32_t>(file, section + 20);
    std::memcpy(image.pages.data() + rva, file.data() + raw, raw_size);
    if (text_at(file, section) == ".text") {
      image.text_begin = rva;
      image.text_end = rva + virtual_size;
    }
  }
}

// RVA and size of data directory `index`.
std::pair<std::uint32_t, std::uint32_t> directory(const LoadedImage& image, unsigned index) {
  const auto optional = at<std::uint32_t>(image.pages, 0x3c) + 24;
  const auto entry = optional + (image.is_64_bit ? 112 : 96) + 8 * index;
  return {at<std::uint32_t>(image.pages, entry), at<std::uint32_t>(image.pages, entry + 4)};
}

void read_exports(LoadedImage& image) {
  const auto [rva, size] = directory(image, 0);
  if (size == 0) return;
  const auto count = at<std::uint32_t>(image.pages, rva + 24);
  const auto functions = at<std::uint32_t>(image.pages, rva + 28);
  const auto names = at<std::uint32_t>(image.pages, rva + 32);
  const auto ordinals = at<std::uint32_t>(image.pages, rva + 36);
  for (std::uint32_t i = 0; i < count; i++) {
    const auto ordinal = at<std::uint16_t>(image.pages, ordinals + 2 * i);
    image.exports[text_at(image.pages, at<std::uint32_t>(image.pages, names + 4 * i))] =
        image.base + at<std::uint32_t>(image.pages, functions + 4 * ordinal);
  }
}

void read_imports(LoadedImage& image) {
  auto [descriptor, size] = directory(image, 1);
  if (size == 0) return;
  for (; at<std::uint32_t>(image.pages, descriptor + 12) != 0; descriptor += 20) {
    const auto dll = text_at(image.pages, at<std::uint32_t>(image.pages, descriptor + 12));
    const auto slots = at<std::uint32_t>(image.pages, descriptor + 16);
    const std::uint32_t width = image.is_64_bit ? 8 : 4;
    for (std::uint32_t slot = slots; const auto name = at<std::uint32_t>(image.pages, slot);
         slot += width) {
      image.imports.push_back({image.base + slot, dll, text_at(image.pages, name + 2)});
    }
  }
}

void read_functions(LoadedImage& image) {
  const auto [rva, size] = directory(image, 3);
  for (std::uint32_t i = 0; i < size / 12; i++) {
    image.functions.emplace_back(at<std::uint32_t>(image.pages, rva + 12 * i),
                                 at<std::uint32_t>(image.pages, rva + 12 * i + 4));
  }
}

// The debug directory's CodeView entry: "RSDS", a GUID, an age, the name.
void read_pdb_name(LoadedImage& image) {
  const auto [rva, size] = directory(image, 6);
  for (std::uint32_t entry = rva; entry < rva + size; entry += 28) {
    if (at<std::uint32_t>(image.pages, entry + 12) != 2) continue;
    image.pdb_name = text_at(image.pages, at<std::uint32_t>(image.pages, entry + 20) + 24);
  }
}

// x86: "_name@8" (stdcall), "@name@8" (fastcall), "_name" (cdecl).
std::string without_decoration(const std::string& name) {
  const bool decorated = name.front() == '_' || name.front() == '@';
  return name.substr(decorated ? 1 : 0, name.find('@', 1) - (decorated ? 1 : 0));
}

// Lines of the map that name a symbol: " 0001:00000090  NAME  fffff80002a01090  nt.obj".
void read_map(LoadedImage& image, const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(fmt::format("cannot open {}", path.string()));
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string place, name, address;
    if (!(words >> place >> name >> address) || place.size() != 13 || place[4] != ':') continue;
    if (address.size() != 16) continue;
    image.symbols[image.is_64_bit ? name : without_decoration(name)] =
        std::stoull(address, nullptr, 16);
  }
}

}  // namespace

std::uint64_t LoadedImage::symbol(const std::string& name) const {
  const auto found = symbols.find(name);
  if (found == symbols.end())
    throw std::runtime_error(fmt::format("{} has no {}", file_name, name));
  return found->second;
}

LoadedImage load_image(const std::filesystem::path& folder, const std::string& file_name) {
  LoadedImage image;
  image.file_name = file_name;
  read_sections(image, file_bytes(folder / file_name));
  read_exports(image);
  read_imports(image);
  read_functions(image);
  read_pdb_name(image);
  read_map(image, folder / (file_name + ".map"));
  return image;
}

void bind_imports(std::span<LoadedImage> images) {
  std::map<std::string, const LoadedImage*> by_name;
  for (const LoadedImage& image : images) by_name[image.file_name] = &image;
  for (LoadedImage& image : images) {
    for (const LoadedImage::Import& import : image.imports) {
      const std::uint64_t target = by_name.at(import.dll)->exports.at(import.name);
      std::memcpy(image.pages.data() + (import.slot - image.base), &target,
                  image.is_64_bit ? 8 : 4);
    }
  }
}

std::string name_of_address(std::span<const LoadedImage> images, std::uint64_t address) {
  for (const LoadedImage& image : images) {
    if (!image.holds(address)) continue;
    const std::string* best = nullptr;
    std::uint64_t best_address = 0;
    for (const auto& [name, start] : image.symbols) {
      if (start <= address && start >= best_address) best = &name, best_address = start;
    }
    const std::string module = image.file_name == "ntoskrnl.exe"
                                   ? "nt"
                                   : image.file_name.substr(0, image.file_name.find('.'));
    if (best == nullptr) return fmt::format("{}+{:#x}", module, address - image.base);
    if (address == best_address) return fmt::format("{}!{}", module, *best);
    return fmt::format("{}!{}+{:#x}", module, *best, address - best_address);
  }
  return fmt::format("{:#x}", address);
}

}  // namespace ntstack::world
