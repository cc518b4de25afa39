// Arguments put into one command line as a Windows program takes it apart again.
#pragma once

#include <string>
#include <vector>

namespace ntstack::capture {

// By the rules of CommandLineToArgvW (Microsoft's "Parsing C command-line arguments"): quotes where
// there are blanks, backslashes doubled before a quote. UTF-8.
std::string command_line_of(const std::vector<std::string>& arguments);

}  // namespace ntstack::capture
