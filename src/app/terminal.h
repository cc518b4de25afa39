// What the program's outputs are connected to.
#pragma once

#include <cstdio>

namespace ntstack::app {

bool is_terminal(std::FILE* file);

// Colour on a terminal alone, and never where NO_COLOR is set (no-color.org).
bool wants_colour(std::FILE* out);

}  // namespace ntstack::app
