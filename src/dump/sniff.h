// What a file is when it is no dump: so that the error can say it, and what to do.
#pragma once

#include <string>

#include "base/bytes.h"

namespace ntstack::dump {

// "a zip archive: unpack it and give the dump inside"; with the first bytes where nothing is known
// of the file.
std::string text_of_other_file(base::Bytes file);

// The bytes begin as archives, programs and the like do: whatever else may be thought of them, they
// are those.
bool is_known_other_file(base::Bytes file);

// "52 44 4d 50", for messages: the first eight bytes, or as many as there are; "nothing".
std::string first_bytes(base::Bytes bytes);

}  // namespace ntstack::dump
