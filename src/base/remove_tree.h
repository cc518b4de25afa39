// Removes a file, or a folder with what is in it, without memory of its own: in a signal's handler
// too.
#pragma once

#include <filesystem>

namespace ntstack::base {

// Links are removed, and not what they lead to. What can't be removed stays. Folders in folders in
// it go, those that are deeper stay: temporary folders have none.
void remove_tree(const std::filesystem::path::value_type* path) noexcept;

}  // namespace ntstack::base
