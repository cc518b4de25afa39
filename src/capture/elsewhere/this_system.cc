// Capture runs on Windows alone.
#include "capture/this_system.h"

namespace ntstack::capture {

std::unique_ptr<System> this_system() { return nullptr; }

}  // namespace ntstack::capture
