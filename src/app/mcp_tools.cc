#include "app/mcp_tools.h"

#include <fmt/format.h>

#include <algorithm>

namespace ntstack::app {
namespace {

using Kind = McpArgument::Kind;
using Json = nlohmann::ordered_json;

const McpArgument kDump = {"dump", Kind::text, "", "path of the dump file", true};
const McpArgument kDumps = {"dumps", Kind::texts, "", "paths of dump files, or of folders of them",
                            true};
const McpArgument kThread = {"thread", Kind::text, "--thread",
                             "one thread: its ID (decimal or 0x...) or its object's address"};
const McpArgument kProcess = {"process", Kind::text, "--process", "one process: its name or ID"};
const McpArgument kState = {"state", Kind::text, "--state", "threads in a state: waiting, ready"};
const McpArgument kWaitingOn = {"waiting_on", Kind::text, "--waiting-on",
                                "waiting threads of a wait reason: WrResource, UserRequest"};
const McpArgument kTop = {"top", Kind::number, "--top", "how many are shown"};

const std::vector<McpTool>& all_tools() {
  static const std::vector<McpTool> tools = {
      {"analyze",
       "What happened in a dump, on one page: the bugcheck or exception, who is responsible and "
       "how sure that is, the stack, findings, what to do next. Begin here.",
       {"analyze"},
       {kDump,
        {"verbose", Kind::flag, "--verbose",
         "the whole stack, all evidence, who was passed over"}}},
      {"info",
       "What a dump is and what is in it: kind, build, processors, times, the kernel.",
       {"info"},
       {kDump}},
      {"stacks",
       "The stacks of a dump's threads, identical ones grouped; each frame says how it was found. "
       "Large for dumps of whole machines: choose threads, or ask groups first.",
       {"stacks"},
       {kDumps, kThread, kProcess, kState, kWaitingOn}},
      {"groups",
       "Threads grouped by the same and nearly the same stacks, over processes and dumps, the "
       "unusual ones first.",
       {"groups"},
       {kDumps, kThread, kProcess, kState, kWaitingOn, kTop}},
      {"waits",
       "Who waits for whom: deadlocks, who holds up most threads, chains of waits, and how each "
       "part "
       "is known. What is likely is no fact.",
       {"waits"},
       {kDumps, {"verbose", Kind::flag, "--verbose", "every wait and chain"}}},
      {"threads",
       "The threads of a dump with their states and times, without their stacks.",
       {"threads"},
       {kDump, kThread, kProcess, kState, kWaitingOn}},
      {"processes", "The processes of a dump.", {"processes"}, {kDump, kProcess}},
      {"modules", "The modules of a dump: names, addresses, versions' keys.", {"modules"}, {kDump}},
      {"diff",
       "Threads between two or more captures of a process or machine: which moved, which are where "
       "they were, which are new or gone.",
       {"diff"},
       {{"captures", Kind::texts, "", "paths of dumps or captures, in the order of time", true},
        kThread,
        kProcess,
        kState,
        kWaitingOn}},
      {"stack_use",
       "Who uses a thread's kernel stack: bytes by module and function, cycles.",
       {"stack-use"},
       {kDump, kThread, kProcess, kTop}},
      {"stack_starts",
       "Where a thread's stack may begin, when its registers are lost.",
       {"stack-starts"},
       {kDump, kThread, kProcess, kTop}},
      {"disassemble",
       "The code at an address of a dump, and what it calls, with names.",
       {"disassemble"},
       {kDump,
        {"address", Kind::text, "", "an expression: hexadecimal, module!symbol+12", true},
        {"function", Kind::flag, "--function", "the whole function that holds it"},
        {"count", Kind::number, "--count", "so many instructions from it on"},
        {"before", Kind::number, "--before", "so many instructions before it"}}},
      {"symbols_check",
       "Which symbol and image files a dump's stacks lack, and whether it matters.",
       {"symbols", "check"},
       {kDumps}},
      {"console",
       "Runs kd commands over a dump and gives what they print: k, !thread, !process, dt, dps, "
       "u, x, ln, !irp, !locks, ? and more; .help lists them. No command writes a file.",
       {"open", "--no-files"},
       {kDump,
        {"commands", Kind::text, "--commands", "commands, with ; between them: \"kn; !thread\"",
         true}},
       false}};
  return tools;
}

Json schema_of(const McpArgument& argument) {
  Json json;
  switch (argument.kind) {
    case Kind::text:
      json["type"] = "string";
      break;
    case Kind::texts:
      json = {{"type", "array"}, {"items", {{"type", "string"}}}, {"minItems", 1}};
      break;
    case Kind::number:
      json = {{"type", "integer"}, {"minimum", 1}};
      break;
    case Kind::flag:
      json["type"] = "boolean";
      break;
  }
  json["description"] = argument.description;
  return json;
}

base::Result<void> add_value(const McpArgument& argument, const nlohmann::json& value,
                             std::vector<std::string>& options, std::vector<std::string>& places) {
  const auto wrong = [&](std::string_view what) {
    return base::fail("the argument {} must be {}", argument.name, what);
  };
  const auto add = [&](const nlohmann::json& text) {
    if (!text.is_string()) return false;
    const auto& given = text.get_ref<const std::string&>();
    if (given.find('\0') != std::string::npos) return false;  // a command line would end there
    if (argument.option.empty())
      places.push_back(given);
    else
      options.push_back(fmt::format("{}={}", argument.option, given));
    return true;
  };
  switch (argument.kind) {
    case Kind::text:
      return add(value) ? base::Result<void>() : wrong("a string");
    case Kind::texts:
      if (!value.is_array() || value.empty()) return wrong("a list of strings");
      for (const auto& each : value)
        if (!add(each)) return wrong("a list of strings");
      return {};
    case Kind::number:
      if (!value.is_number_unsigned()) return wrong("a number of 1 or more");
      options.push_back(fmt::format("{}={}", argument.option, value.get<std::uint64_t>()));
      return {};
    case Kind::flag:
      if (!value.is_boolean()) return wrong("true or false");
      if (value.get<bool>()) options.emplace_back(argument.option);
      return {};
  }
  return {};
}

base::Result<void> check_names(const McpTool& tool, const nlohmann::json& arguments) {
  for (const auto& [name, value] : arguments.items()) {
    const bool is_known =
        name == "page" || (tool.has_json && name == "format") ||
        std::ranges::find(tool.arguments, name, &McpArgument::name) != tool.arguments.end();
    if (!is_known) return base::fail("{} takes no argument {}", tool.name, name);
  }
  return {};
}

}  // namespace

std::span<const McpTool> mcp_tools() { return all_tools(); }

const McpTool* mcp_tool(std::string_view name) {
  const auto found = std::ranges::find(all_tools(), name, &McpTool::name);
  return found == all_tools().end() ? nullptr : &*found;
}

Json tool_json(const McpTool& tool) {
  Json properties = Json::object(), required = Json::array();
  for (const McpArgument& argument : tool.arguments) {
    properties[std::string(argument.name)] = schema_of(argument);
    if (argument.is_required) required.push_back(argument.name);
  }
  if (tool.has_json)
    properties["format"] = {{"enum", {"text", "json"}},
                            {"description", "text (the default) or JSON by ntstack's schema"}};
  properties["page"] = {
      {"type", "integer"}, {"minimum", 1}, {"description", "of a long answer: 1 is the first"}};
  return {{"name", tool.name},
          {"description", tool.description},
          {"inputSchema",
           {{"type", "object"},
            {"properties", std::move(properties)},
            {"required", std::move(required)},
            {"additionalProperties", false}}},
          {"annotations",
           {{"readOnlyHint", true},
            {"destructiveHint", false},
            {"idempotentHint", true},
            {"openWorldHint", false}}}};
}

base::Result<std::vector<std::string>> tool_command(const McpTool& tool,
                                                    const nlohmann::json& arguments) {
  if (auto known = check_names(tool, arguments); !known)
    return std::unexpected(std::move(known.error()));
  std::vector<std::string> command(tool.command.begin(), tool.command.end()), places;
  for (const McpArgument& argument : tool.arguments) {
    const auto value = arguments.find(argument.name);
    if (value == arguments.end() || value->is_null()) {
      if (argument.is_required)
        return base::fail("{} wants the argument {}: {}", tool.name, argument.name,
                          argument.description);
      continue;
    }
    if (auto added = add_value(argument, *value, command, places); !added)
      return std::unexpected(std::move(added.error()));
  }
  if (const auto format = arguments.find("format"); format != arguments.end()) {
    if (*format != "text" && *format != "json")
      return base::fail("the argument format must be text or json");
    if (*format == "json") command.emplace_back("--json");
  }
  // What comes behind is no option, whatever it begins with.
  command.emplace_back("--");
  std::ranges::move(places, std::back_inserter(command));
  return command;
}

}  // namespace ntstack::app
