// Which build of Windows a kernel is, where no header says it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/byte_source.h"
#include "target/kernel/kernel_data.h"

namespace ntstack::target {

struct BuildFound {
  std::uint32_t build = 0;  // 19041
  std::string found_by;
};

// By nt's export NtBuildNumber, else KUSER_SHARED_DATA (from Windows 10 on), else the text
// NtBuildLab
// (`build_lab`, its address, from KDBG; 0 unknown), else nt's version resource.
std::optional<BuildFound> find_build(const base::ByteSource& memory, const KernelImage& nt,
                                     const KernelExports& exports, std::uint64_t build_lab,
                                     base::Architecture architecture);

}  // namespace ntstack::target
