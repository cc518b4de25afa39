#include "symbols/image_dwarf.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ntstack::symbols {
namespace {

namespace fs = std::filesystem;

// A name alone: a path in it would lead out of the image's folder.
bool is_plain_name(const std::string& name) {
  return name != "." && name != ".." && name.find_first_of("/\\:") == std::string::npos;
}

// Beside the image and in its folder .debug, as GDB looks.
std::optional<base::MappedFile> find_debug_file(const dwarf::DebugLink& link,
                                                const fs::path& image) {
  if (!is_plain_name(link.file_name)) return std::nullopt;
  const fs::path name = base::path_from_utf8(link.file_name);
  for (const fs::path& folder : {image.parent_path(), image.parent_path() / ".debug"}) {
    std::error_code error;
    if (!fs::is_regular_file(folder / name, error)) continue;
    auto file = base::MappedFile::open(folder / name);
    if (file && dwarf::crc32_of(file->bytes()) == link.crc) return std::move(*file);
  }
  return std::nullopt;
}

void open(ImageDwarf& found, const pe::Image& image) {
  if (!dwarf::can_read_dwarf()) {
    found.what = "DWARF";
    found.remedy =
        "this build of ntstack does not read DWARF, which has its lines and structures: use the "
        "build for Linux";
    return;
  }
  if (auto opened = dwarf::Dwarf::open(image)) found.dwarf.emplace(std::move(*opened));
}

}  // namespace

ImageDwarf dwarf_of(const pe::Image& image, const fs::path& path) {
  ImageDwarf found;
  if (dwarf::has_dwarf(image)) {
    open(found, image);
    return found;
  }
  const auto link = dwarf::debug_link(image);
  if (!link) return found;
  found.debug_file = find_debug_file(*link, path);
  const auto debug_image =
      found.debug_file ? pe::Image::from_file(found.debug_file->bytes()) : base::fail("none");
  if (debug_image && dwarf::has_dwarf(*debug_image)) {
    open(found, *debug_image);
  } else {
    found.what = "debug file";
    found.remedy = base::printable(fmt::format("put the {} that was made with the image beside it",
                                               base::file_name_of(link->file_name)));
  }
  return found;
}

}  // namespace ntstack::symbols
