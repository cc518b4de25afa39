// Loads the world's PE images as a loader does: sections at their places, imports bound. It reads
// PE on its own, not with the project's reader, so that what is built here can judge that reader.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace ntstack::world {

struct LoadedImage {
  std::string file_name;  // "rdbss.sys"
  std::string pdb_name;   // as its debug directory has it
  std::uint64_t base = 0;
  std::uint32_t size = 0;
  std::uint32_t timestamp = 0;
  std::uint32_t checksum = 0;
  std::uint32_t entry_point = 0;               // RVA
  std::uint32_t text_begin = 0, text_end = 0;  // RVAs of .text
  std::vector<std::uint8_t> pages;             // as in memory, imports not bound yet
  std::map<std::string, std::uint64_t> exports;
  // Every name of the linker's map, in x86 without what C decorates it with.
  std::map<std::string, std::uint64_t> symbols;
  struct Import {
    std::uint64_t slot;
    std::string dll, name;
  };
  std::vector<Import> imports;
  // .pdata's [begin, end) of each function, RVAs; chained parts are entries of their own.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> functions;

  std::uint64_t symbol(const std::string& name) const;  // throws where there is none
  bool holds(std::uint64_t address) const { return address - base < size; }
  bool is_64_bit = true;
};

// `folder` has FILE and FILE.map, as build_modules.sh makes them. Throws std::runtime_error.
LoadedImage load_image(const std::filesystem::path& folder, const std::string& file_name);

// Writes the addresses of what each image imports into its pages.
void bind_imports(std::span<LoadedImage> images);

// "mup!MupCreate+0x31d" from the maps; the nearest name at or below. "nt" for ntoskrnl.exe.
std::string name_of_address(std::span<const LoadedImage> images, std::uint64_t address);

}  // namespace ntstack::world
