// How the program ends when it is not its own wish: by a signal, without memory, or by an error of
// its own. What is unfinished goes first, and the terminal becomes what it was.
#pragma once

#include <cstdio>

namespace ntstack::app {

// At the start, before any file is opened: no file gets the number of a standard stream that is
// closed, and what follows ends in order.
void begin_process();

// No memory is left, in whichever thread: says so and ends the program.
[[noreturn]] void end_without_memory();

// For the end of main(): what is in `out` is written. The exit code, which is `code` where it could
// be.
int end_of_output(int code, std::FILE* out, std::FILE* err);

// Is called, once at most, where a signal ends the program: it may do what a signal's handler may.
// nullptr: nothing.
void at_signal(void (*action)());

}  // namespace ntstack::app
