// A command of the console, declared once: its names, forms, help, examples, and what runs it. Help
// and docs/console.md are made from this.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ntstack::console {

class Console;

// What stands behind a command's name on its line.
struct Arguments {
  std::string_view name;   // as it was written, without its flags
  std::string_view flags;  // letters behind the name: "nf" of knf
  std::string_view text;   // the rest, without blanks around it
};

// Writes what it finds through the console; an error is a sentence why it has nothing.
using RunCommand = base::Result<void> (*)(Console& console, const Arguments& arguments);

// What can be completed behind the name.
enum class Completion : std::uint8_t { none, expression, thread, process, command, type };

struct Example {
  std::string_view command, what;
};

struct Command {
  std::vector<std::string_view> names;  // the first is the usual one
  std::string_view flags;               // letters that may follow the first name
  std::vector<std::string_view> forms;  // "dps [-n] [-q] [RANGE]"
  std::string_view brief;               // one line, without a full stop
  std::string_view details;             // paragraphs; may be empty
  std::vector<Example> examples;
  Completion completion = Completion::none;
  RunCommand run = nullptr;
};

// By family, in the order of the help.
std::vector<Command> expression_commands();
std::vector<Command> memory_commands();
std::vector<Command> pointed_commands();
std::vector<Command> stack_commands();
std::vector<Command> code_commands();
std::vector<Command> thread_commands();
std::vector<Command> all_stacks_commands();
std::vector<Command> resource_commands();
std::vector<Command> irp_commands();
std::vector<Command> processor_commands();
std::vector<Command> context_commands();
std::vector<Command> record_commands();
std::vector<Command> module_commands();
std::vector<Command> image_commands();
std::vector<Command> symbol_commands();
std::vector<Command> type_commands();
std::vector<Command> search_commands();
std::vector<Command> control_commands();
std::vector<Command> alias_commands();
std::vector<Command> printf_commands();
std::vector<Command> symbol_path_commands();
std::vector<Command> event_commands();
std::vector<Command> log_commands();
std::vector<Command> analyze_commands();
std::vector<Command> wait_commands();
std::vector<Command> dump_commands();
std::vector<Command> session_commands();
std::vector<Command> help_commands();

}  // namespace ntstack::console
