// The tools that an agent has: read-only commands of this program, each with its arguments. A
// table.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ntstack::app {

struct McpArgument {
  enum class Kind : std::uint8_t { text, texts, number, flag };
  std::string_view name;
  Kind kind = Kind::text;
  std::string_view option;  // "--thread"; empty: by its place on the command line
  std::string_view description;
  bool is_required = false;
};

struct McpTool {
  std::string_view name, description;
  std::vector<std::string_view> command;  // what stands before the arguments
  std::vector<McpArgument> arguments;
  bool has_json = true;  // --json is one of its options
};

std::span<const McpTool> mcp_tools();
const McpTool* mcp_tool(std::string_view name);

// For tools/list.
nlohmann::ordered_json tool_json(const McpTool& tool);

// The command line of a call; fails for arguments that are not there or of another kind.
base::Result<std::vector<std::string>> tool_command(const McpTool& tool,
                                                    const nlohmann::json& arguments);

}  // namespace ntstack::app
