// A file's name out of a dump, made fit to be looked for: a stranger's name never leaves the folder
// that it is looked for in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ntstack::store {

// The last component of `name` ("D:\\build\\a.pdb" gives "a.pdb"), or nothing where that can't be
// the name of a file on every system: empty, dots alone, with ':' or a wildcard, a control
// character or bytes that are no UTF-8, a device of Windows ("NUL"), or longer than 255 bytes.
std::optional<std::string> safe_file_name(std::string_view name);

}  // namespace ntstack::store
