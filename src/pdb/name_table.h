// The stream "/names": the strings that line tables and frame data refer to by offset.
// Layout: LLVM's "The PDB String Table".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace ntstack::pdb {

class NameTable {
 public:
  NameTable() = default;
  explicit NameTable(base::Bytes stream);

  // The string at an offset, or nothing where it is none. Valid as long as the stream.
  std::optional<std::string_view> at(std::uint32_t offset) const {
    return strings_.terminated_text(offset);
  }

 private:
  base::Bytes strings_;
};

}  // namespace ntstack::pdb
