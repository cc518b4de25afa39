// The header of a line number program, checked before it is decoded: LLVM's library takes the
// counts of DWARF 5's tables of files and folders as they stand.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace ntstack::dwarf {

// The program with its header; nothing where it is cut off or too long to be one.
std::optional<base::Bytes> line_program_at(base::Bytes section, std::uint64_t offset);

bool line_header_is_sane(base::Bytes program, std::uint8_t address_size);

}  // namespace ntstack::dwarf
