// ntstack mcp: the commands for agents, by the Model Context Protocol over standard input and
// output (https://modelcontextprotocol.io).
#pragma once

#include <cstdint>
#include <cstdio>
#include <iosfwd>

#include "app/session.h"

namespace ntstack::app {

struct McpOptions {
  DumpOptions paths;                  // of every call; its dump is not used
  std::uint32_t time_limit = 300;     // seconds for a call
  std::uint32_t memory_limit = 4096;  // MB for a call; 0: none
};

// To its input's end.
int run_mcp(const McpOptions& options, std::istream& in, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
