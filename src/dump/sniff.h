// What a file is when it is no dump: so that the error can say it, and what to do.
#pragma once

#include <string>

#include "base/bytes.h"

namespace ntstack::dump {

// "a zip archive: unpack it and give the dump inside"; with the first bytes where nothing is known
// of the file.
std::string text_of_other_file(base::Bytes file);

}  // namespace ntstack::dump
