// ntstack open: the kd> console over a dump.
#pragma once

#include <cstdio>
#include <iosfwd>
#include <string>

#include "app/session.h"

namespace ntstack::app {

struct OpenOptions {
  DumpOptions dump;
  std::string commands;        // -c: run, then leave
  std::string command_file;    // -cf: likewise, a line each
  bool no_files = false;       // no command reads or writes a file of its own
  bool no_pager = false;       // long output at a terminal runs through
  bool help_markdown = false;  // docs/console.md, and nothing else
};

// Without -c and -cf, lines of `in` are run until it ends.
int run_open(const OpenOptions& options, std::istream& in, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
