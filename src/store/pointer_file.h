// file.ptr: what a symbol store has instead of a file that lies elsewhere.
#pragma once

#include <string>

#include "base/bytes.h"

namespace ntstack::store {

struct Pointer {
  std::string path;     // "PATH:\\server\share\a.pdb", or the whole of it without a keyword
  std::string message;  // "MSG: ...": why there is no file
};

// One line; what is no text, or is longer than a path, gives neither. (Microsoft's "SymStore":
// /p and /-:MSG write these.)
Pointer read_pointer(base::Bytes file);

}  // namespace ntstack::store
