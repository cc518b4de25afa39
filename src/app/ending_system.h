// What ending.h needs of the system, in each system's way.
#pragma once

namespace ntstack::app {

// Standard streams that are closed: an input that has ended, an output that takes nothing, errors
// that nobody reads.
void reserve_standard_streams();
// Signals that end a program remove what is unfinished first, and then end it as ever. Those that
// the program was started to ignore stay ignored. A file that may not become larger is an error of
// a write, no signal.
void catch_ends();

}  // namespace ntstack::app
