// The heads of the kernel's lists, where neither a header nor KDBG says where they are: by what
// they lead to.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_source.h"
#include "target/kernel/kernel_data.h"
#include "target/kernel/kernel_image.h"

namespace ntstack::target {

// PsLoadedModuleList: exported, else the list head in nt's data whose first entry is nt's own.
std::optional<std::uint64_t> find_loaded_module_list(const base::ByteSource& memory,
                                                     const KernelImage& nt,
                                                     const KernelExports& exports, bool is_64_bit);

// PsActiveProcessHead: the system process is the first of its list. `links`: offset of
// EPROCESS.ActiveProcessLinks. Nothing where what is before it is no list head in nt.
std::optional<std::uint64_t> find_active_process_head(const base::ByteSource& memory,
                                                      const KernelImage& nt,
                                                      std::uint64_t system_process,
                                                      std::uint64_t links, bool is_64_bit);

// The same where the offset is not known either: the one list head in nt that leads to the system
// process at a place behind its ID, 4.
std::optional<std::uint64_t> probe_active_process_head(const base::ByteSource& memory,
                                                       const KernelImage& nt,
                                                       std::uint64_t system_process,
                                                       bool is_64_bit);

// KiProcessorBlock: the array in nt's data that begins with `prcbs`, the processors' KPRCBs by
// number as far as they are known without a gap from the first on.
std::optional<std::uint64_t> find_processor_block(const base::ByteSource& memory,
                                                  const KernelImage& nt,
                                                  const std::vector<std::uint64_t>& prcbs,
                                                  base::Architecture architecture);

// x64: the first processor's KPCR is in nt itself. Its KPRCB, or nothing.
std::optional<std::uint64_t> find_first_prcb(const base::ByteSource& memory, const KernelImage& nt,
                                             base::Architecture architecture);

// How many processors KiProcessorBlock at `block` lists: up to the first that is none.
std::uint32_t count_processors(const base::ByteSource& memory, std::uint64_t block, bool is_64_bit);

}  // namespace ntstack::target
