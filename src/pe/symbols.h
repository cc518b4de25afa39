// The names that an image itself holds: its exports, and the COFF symbols that MinGW's linker
// leaves.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "pe/image.h"

namespace ntstack::pe {

struct ImageSymbol {
  std::string name;
  std::uint32_t rva = 0;
};

// What the export directory names, code and data, sorted by RVA and then by name. Forwarders have
// no RVA here and are left out. An export that has no name, or whose name is not there, is
// "Ordinal17". An image without exports gives an empty list.
base::Result<std::vector<ImageSymbol>> exports(const Image& image);

// The functions of the COFF symbol table, sorted by RVA and then by name. Names are as in the table
// (x86 has its leading '_'). Files alone have the table; without it the list is empty.
base::Result<std::vector<ImageSymbol>> coff_symbols(const Image& image);

}  // namespace ntstack::pe
