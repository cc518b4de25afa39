// KUSER_SHARED_DATA (public WDK headers): a page that every Windows kernel maps at one address, and
// that says which Windows it is. So it shows page tables to be a kernel's.
#pragma once

#include <cstdint>
#include <optional>

#include "base/architecture.h"
#include "base/byte_source.h"

namespace ntstack::target {

struct SharedUserData {
  std::uint32_t major_version = 0, minor_version = 0;
  std::uint32_t build = 0;  // from Windows 10 on; 0 before
};

// Nothing where the page is not there or has anything else in it.
std::optional<SharedUserData> read_shared_user_data(const base::ByteSource& memory,
                                                    base::Architecture architecture);

}  // namespace ntstack::target
