// The sections of a PE file that DWARF lies in.
#pragma once

#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "pe/image.h"

namespace ntstack::dwarf {

struct DebugSection {
  std::string_view name;  // "debug_info": without the dot
  base::Bytes bytes;
};

// Those that are there, each cut to the file. An error names one that is absurdly long.
base::Result<std::vector<DebugSection>> debug_sections(const pe::Image& image);

// The bytes of the first section of a name, without the padding behind them; empty without one.
base::Bytes section_bytes(const pe::Image& image, std::string_view name);

}  // namespace ntstack::dwarf
