// The command line described for others: a manual page and bash's completion, out of the parser's
// own declarations, so that they can't say anything else.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace ntstack::app {

// ntstack(1), for man.
std::string man_page(const CLI::App& app, std::string_view version);

// A script for bash: commands, their options, and files.
std::string bash_completion(const CLI::App& app);

}  // namespace ntstack::app
