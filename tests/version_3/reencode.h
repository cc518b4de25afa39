// An x64 image's unwind data written anew as version 3: real functions, whose prologues version 1
// describes, and whose epilogues are found among their instructions (Capstone). So a step by
// version 3 can be held against a processor that executes the very code.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"

namespace ntstack::tests {

struct Reencoded {
  std::vector<std::byte> file;  // the same image with a section more; its code is untouched
  std::size_t functions = 0;    // entries of the old table that are version 3 now
  std::size_t left = 0;         // those that are not, because the format has no room for them
  std::size_t fragments = 0;    // entries of the new table
  std::size_t epilogs = 0;
  std::size_t chained = 0;
};

// The forms that the specification leaves to the writer are gone through, function by function.
// Empty `file` for what is no x64 image with a function table.
Reencoded reencode_as_version_3(base::Bytes file);

}  // namespace ntstack::tests
