// Types and their values in dt's words: Uint4B, Ptr64 _KPROCESS, [15] UChar.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "pdb/pdb.h"

namespace ntstack::console {

// Of a name as C has it: "unsigned long", "_KPROCESS*", "unsigned char[15]".
std::string dt_type(std::string_view name, bool is_64_bit);

// A field's value at `address`: "0x15", "0n-3", "0xfffff804`5e688b51 _KPROCESS", "0y101"; of a
// structure its type. "????" where the memory is not in the dump.
std::string dt_value(const base::ByteSource& memory, std::uint64_t address, const pdb::Field& field,
                     std::string_view type_name, std::uint64_t size, bool is_64_bit);

}  // namespace ntstack::console
