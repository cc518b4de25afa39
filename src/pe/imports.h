// The slots of an image's import table: which function of which other image the loader puts there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "pe/image.h"

namespace ntstack::pe {

struct ImportSlot {
  std::uint32_t rva = 0;  // of the slot, as wide as a pointer
  std::string dll;        // "ntoskrnl.exe"
  std::string name;       // "ZwClose", or "Ordinal17"
  bool is_delayed = false;
};

// What the import and delay-load directories name, sorted by RVA. An image without imports gives an
// empty list; descriptors and names that are not there are left out. A driver's are in a section
// that is gone once it runs: its file has them.
base::Result<std::vector<ImportSlot>> imports(const Image& image);

}  // namespace ntstack::pe
