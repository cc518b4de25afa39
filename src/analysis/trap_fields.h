// The names of KTRAP_FRAME's fields by their offsets (public PDB types).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/architecture.h"

namespace ntstack::analysis {

// "Eip"; empty where no field that matters begins there.
std::string_view trap_field_at(base::Architecture architecture, std::uint32_t build,
                               std::uint64_t offset);

}  // namespace ntstack::analysis
