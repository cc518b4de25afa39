// A capture's own record as text.
#pragma once

#include <string>

#include "dump/bundle.h"

namespace ntstack::report {

// Machine, process, files, and what became of the threads; a few lines, for `ntstack info`.
std::string bundle_text(const dump::Bundle& bundle);

}  // namespace ntstack::report
