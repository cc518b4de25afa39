// The system that the program runs on.
#pragma once

#include <memory>

#include "capture/system.h"

namespace ntstack::capture {

// Null where it is not Windows.
std::unique_ptr<System> this_system();

}  // namespace ntstack::capture
