// What the program says of a command line: examples below each command's help, and what is wrong
// with one that it can't take.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace ntstack::app {

// Puts examples and exit codes below the help of `app` and each of its commands, and has errors
// said by usage_failure.
void add_usage(CLI::App& app);

// "ntstack stacks: --symbols is given without its PATH", and where help is; ends in a line feed. A
// word that is no command gets the nearest one, a file that is there the commands that would read
// it.
std::string usage_failure(const CLI::App& app, const CLI::Error& error);

}  // namespace ntstack::app
