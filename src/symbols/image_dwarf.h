// The DWARF of an image file: in the image itself, or in the file beside it that strip or objcopy
// put it into (.gnu_debuglink).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/mapped_file.h"
#include "dwarf/dwarf.h"
#include "pe/image.h"

namespace ntstack::symbols {

struct ImageDwarf {
  std::optional<base::MappedFile> debug_file;  // where the DWARF is not in the image
  std::optional<dwarf::Dwarf> dwarf;
  // Why there is none, where the image says that there is some; a sentence, and what is missing.
  std::string remedy, what;
};

// `path` is the image's. A file of its own is taken if its CRC is the one that the image names.
ImageDwarf dwarf_of(const pe::Image& image, const std::filesystem::path& path);

}  // namespace ntstack::symbols
