// The short names of modules, as WinDbg forms them: "nt" for every kernel, else the file's name
// without extension.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symbols/symbolizer.h"

namespace ntstack::symbols {

// True for the names that a kernel's file has had: "ntoskrnl.exe", "ntkrnlmp.exe", "nt" and so on.
bool is_kernel_name(std::string_view file_name);

// The names under which the file of a module may lie: its own first. The kernel and the HAL are
// installed under other names than they are built with; a dump driver ("dump_storport.sys") is a
// copy.
std::vector<std::string> file_names_of(std::string_view file_name);

// "Wdf01000" for "Wdf01000.sys". Characters that no identifier has become '_'.
std::string short_name_of(std::string_view file_name);

// One for each module. Where two would be the same, without regard to case, the later ones in the
// list have their base behind: "ntfs_fffff8045e600000".
std::vector<std::string> short_names_of(std::span<const ModuleKey> modules);

}  // namespace ntstack::symbols
