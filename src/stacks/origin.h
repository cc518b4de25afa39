// Where a dump is from: which boot of which machine, and, of a user dump, which process. Two dumps
// are taken to be of one boot only where nothing speaks against it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "target/machine.h"

namespace ntstack::stacks {

struct Origin {
  bool is_user = false;  // a user minidump
  base::Architecture architecture = base::Architecture::unknown;
  std::uint32_t build = 0;                           // 0 unknown
  std::uint64_t kernel_base = 0;                     // nt's; 0 unknown, and of user dumps
  std::uint64_t loaded_module_list = 0;              // PsLoadedModuleList; 0 unknown
  std::optional<std::uint64_t> boot_time;            // FILETIME
  std::optional<std::uint64_t> written;              // FILETIME
  std::optional<std::uint64_t> process_id;           // user dumps
  std::optional<std::uint64_t> process_create_time;  // FILETIME, user dumps
};

Origin origin_of(const target::Machine& machine);

// Of two kernel dumps: empty where they may be of one boot of one machine, else what tells them
// apart ("their kernels were loaded at different addresses").
std::string difference(const Origin& a, const Origin& b);

// A user dump and a kernel dump: the same, of the machine alone.
std::string user_difference(const Origin& user, const Origin& kernel);

}  // namespace ntstack::stacks
