// The kernel's images as they run now, with what tells their symbols: read from their files, which
// are where the kernel loaded them from.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "capture/system.h"
#include "dump/dump.h"

namespace ntstack::capture {

// Where a path of the kernel's lies on disk: "\SystemRoot\system32\ntoskrnl.exe", "\??\C:\x.sys",
// "system32\drivers\y.sys", "z.sys". Empty where it is none of them.
std::filesystem::path file_of_kernel_path(std::string_view path,
                                          const std::filesystem::path& system_root);

struct KernelModules {
  std::vector<dump::ModuleRecord> modules;  // nt first
  std::vector<std::string> notes;           // sentences: what is not known of them, and why
};

// Timestamp, checksum and the PDB's key come from a file only where it has the size that is loaded:
// an update may have put another there. To be called with SeDebugPrivilege on: from Windows 11 24H2
// on addresses are told to nobody else.
KernelModules list_kernel_modules(System& system);

}  // namespace ntstack::capture
