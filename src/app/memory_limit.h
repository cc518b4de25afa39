// A bound on the memory that this process may take for itself; mapped files do not count.
#pragma once

#include <cstdint>

namespace ntstack::app {

// What would go over it fails as where no memory is left. False: this system or build has no such
// bound (sanitizers reserve terabytes).
bool limit_memory(std::uint64_t bytes);

}  // namespace ntstack::app
