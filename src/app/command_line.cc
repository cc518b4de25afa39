#include "app/command_line.h"

#include <fmt/format.h>

#include <functional>
#include <initializer_list>
#include <iostream>
#include <utility>

#include "app/command_help.h"
#include "app/usage.h"

namespace ntstack::app {
namespace {

constexpr const char* kJsonLines =
    "As JSON, a line for what stands around and one for each of them (docs/schema)";

// An option with a value, which the help calls `value`.
template <class T>
CLI::Option* add_value(CLI::App& command, const char* name, T& into, const char* value,
                       const char* help) {
  return command.add_option(name, into, help)->type_name(value);
}

// The same for a number from `least` to `most`; `into` has what holds without it, 0 for nothing.
CLI::Option* add_number(CLI::App& command, const char* name, auto& into, const char* value,
                        int least, int most, const char* help) {
  CLI::Option* option =
      add_value(command, name, into, value, help)->check(CLI::Range(least, most).description(""));
  return into == 0 ? option : option->capture_default_str();
}

// What a command is given without an option's name.
template <class T>
CLI::Option* add_operand(CLI::App& command, const char* name, T& into, const char* help) {
  return add_value(command, name, into, "", help);
}

void add_path_options(CLI::App& command, DumpOptions& options) {
  add_value(command, "-y,--symbols", options.symbol_path, "PATH",
            "Symbol path in WinDbg's syntax (else _NT_SYMBOL_PATH)");
  add_value(command, "-i,--images", options.image_path, "PATH",
            "Image path (else _NT_EXECUTABLE_IMAGE_PATH); the symbol path is searched too");
  command.add_flag("--ms-symbols", options.ms_symbols,
                   "Ask Microsoft's symbol server too: the names and keys of modules go there");
  command.add_flag("--offline", options.offline, "Ask no server of the paths");
  command.add_flag("-q,--quiet", options.quiet, "Say nothing of downloads");
}

void add_dump_options(CLI::App& command, DumpOptions& options) {
  add_operand(command, "DUMP", options.dump, "The dump file")->required();
  add_path_options(command, options);
}

void add_choice_options(CLI::App& command, ThreadOptions& options) {
  add_value(command, "--thread", options.thread, "ID",
            "One thread, by ID (8152, 0x1fd8, 1a2c.1fd8) or object address (0x...)");
  add_value(command, "--process", options.process, "NAME|ID", "One process, by name or ID");
  add_value(command, "--state", options.state, "STATE", "Threads in a state: waiting, ready, ...");
  add_value(command, "--waiting-on", options.waiting_on, "REASON",
            "Waiting threads of a wait reason: WrResource, UserRequest, ...");
}

void declare_list(CLI::App& app, const char* name, const char* help, ChosenOptions& options) {
  CLI::App* list = app.add_subcommand(name, help);
  add_dump_options(*list, options.dump);
  add_choice_options(*list, options.threads);
  list->add_flag("--json", options.json, "As JSON (docs/schema)");
  list->add_flag("--json-lines", options.json_lines, kJsonLines);
}

void declare_stacks(CLI::App& app, StacksOptions& options) {
  CLI::App* stacks = app.add_subcommand("stacks", "Every stack in a dump, identical ones grouped");
  CLI::Option* dumps = add_operand(
      *stacks, "DUMP", options.dumps,
      "The dump; or several of one process, or a folder of them: triage dumps, and a user dump "
      "whose stacks go below the kernel's");
  add_value(
      *stacks, "--live", options.live, "NAME|ID",
      "Instead of a dump: a running process, by ID or name; kernel stacks too where ntstack's "
      "driver runs (Windows)")
      ->excludes(dumps);
  add_path_options(*stacks, options.paths);
  add_choice_options(*stacks, options.threads);
  stacks->add_flag("--json", options.json, "As JSON (docs/schema)");
  stacks->add_flag("--json-lines", options.json_lines, kJsonLines);
  stacks->add_flag("--no-group", options.no_group, "Identical stacks one by one");
}

void declare_symbols(CLI::App& app, SymbolsOptions& options) {
  CLI::App* symbols = app.add_subcommand("symbols", "The symbol and image files that stacks want");
  symbols->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, const char* what) {
    CLI::App* command = symbols->add_subcommand(name, help);
    add_operand(*command, what, options.dumps, "Dumps, and folders of them")->required();
    add_path_options(*command, options.paths);
    return command;
  };
  CLI::App* check = add("check", "What is missing, and whether it matters", "DUMP");
  check->add_flag("--json", options.json, "As JSON (docs/schema)");

  CLI::App* fetch = add("fetch", "Gets from the path's servers what the stacks want", "DUMP");
  fetch->add_flag("--all", options.all, "Then the PDBs of all modules");
  fetch->add_flag("--again", options.again, "Also what servers did not have within the last day");

  CLI::App* list = add("list", "Keys and addresses of what is missing", "DUMP");
  list->add_flag("--all", options.all, "Of all modules");
  list->add_flag("--script{sh}", options.script,
                 "A script that gets them on another machine; --script=powershell for Windows")
      ->check(CLI::IsMember({"sh", "powershell"}).description(""));

  CLI::App* import = add("import", "Takes files that were got elsewhere into a store", "FOLDER");
  import->get_option("FOLDER")->description("Files, and folders of them");
  add_value(*import, "--to", options.store, "FOLDER",
            "The store (else where the symbol path keeps downloads)");
}

void declare_diff(CLI::App& app, DiffOptions& options) {
  CLI::App* diff =
      app.add_subcommand("diff", "Which threads moved between captures, which did not");
  add_operand(*diff, "CAPTURE", options.captures,
              "Two dumps or captures or more, in order; or one folder of captures")
      ->required();
  add_path_options(*diff, options.paths);
  add_choice_options(*diff, options.threads);
  diff->add_flag("--json", options.json, "As JSON (docs/schema)");
  diff->add_flag("--json-lines", options.json_lines, kJsonLines);
}

void declare_batch(CLI::App& app, BatchOptions& options) {
  CLI::App* batch = app.add_subcommand(
      "batch", "Triages thousands of dumps on all processors: a line of JSON each (docs/batch.md)");
  add_operand(*batch, "DUMP", options.dumps,
              "Dumps, folders of them, or - for a path a line on standard input");
  add_path_options(*batch, options.paths);
  add_value(*batch, "-o,--output", options.output, "FILE",
            "Lines go there; what it has already is not looked at again");
  add_value(*batch, "--sqlite", options.sqlite, "FILE", "A database of the same (docs/batch.md)");
  batch->add_flag("--results", options.results,
                  "DUMP are files of lines that were written before: groups and database alone");
  batch->add_flag("--retry", options.retry, "With --output: what had no answer is tried again");
  add_number(*batch, "-j,--jobs", options.jobs, "N", 1, 1024,
             "Processes at a time (else one a processor)");
  add_number(*batch, "--time-limit", options.time_limit, "SECONDS", 1, 86400, "Seconds for a dump");
  add_number(*batch, "--memory-limit", options.memory_limit, "MB", 0, 1 << 24,
             "MB for a dump; mapped files do not count; 0: none");
  add_number(*batch, "--top", options.top, "N", 1, 100000,
             "How many signatures are shown at the end");
  batch->add_flag("--worker", options.is_worker)->group("");
}

void declare_mcp(CLI::App& app, McpOptions& options) {
  CLI::App* mcp = app.add_subcommand(
      "mcp", "For agents: the commands by the Model Context Protocol, read-only (docs/mcp.md)");
  add_path_options(*mcp, options.paths);
  add_number(*mcp, "--time-limit", options.time_limit, "SECONDS", 1, 86400, "Seconds for a call");
  add_number(*mcp, "--memory-limit", options.memory_limit, "MB", 0, 1 << 24,
             "MB for a call; mapped files do not count; 0: none");
}

void declare_report(CLI::App& app, ReportOptions& options) {
  CLI::App* report = app.add_subcommand(
      "report", "The same as one self-contained page with pictures (docs/report.md)");
  add_operand(*report, "DUMP", options.dumps, "The dump; or several, and folders, as for stacks")
      ->required();
  add_value(*report, "-o,--output", options.page, "FILE", "The page's file")->required();
  add_value(*report, "--json", options.json, "FILE",
            "Writes what is on the page as JSON there too (-: out)");
  report->add_flag(
      "--redact", options.redact,
      "Without names of users in paths and without hosts, for those who may not send a "
      "dump");
  add_path_options(*report, options.paths);
  add_choice_options(*report, options.threads);
}

void declare_groups(CLI::App& app, GroupsOptions& options) {
  CLI::App* groups = app.add_subcommand(
      "groups",
      "Stacks that are the same or nearly so, over processes and dumps; the unusual first");
  add_operand(*groups, "DUMP", options.dumps, "Dumps, and folders of them")->required();
  add_path_options(*groups, options.paths);
  add_choice_options(*groups, options.threads);
  add_number(*groups, "--top", options.top, "N", 1, 100000, "How many groups are shown");
  groups->add_flag("--json", options.json, "As JSON (docs/schema)");
  groups->add_flag("--json-lines", options.json_lines, kJsonLines);
}

void declare_analyze(CLI::App& app, AnalyzeOptions& options) {
  CLI::App* analyze = app.add_subcommand(
      "analyze", "What happened, who is responsible and why, and what to do next: a page");
  add_operand(*analyze, "DUMP", options.dump.dump, "The dump file");
  add_path_options(*analyze, options.dump);
  analyze->add_flag("-v,--verbose", options.verbose, "With the whole stack and all evidence");
  analyze->add_flag("--json", options.json, "As JSON (docs/schema)");
  analyze->add_flag("--bugchecks", options.bugchecks,
                    "Instead: lists the bugchecks that are known, and their number");
}

void declare_waits(CLI::App& app, WaitsOptions& options) {
  CLI::App* waits = app.add_subcommand(
      "waits", "Who waits for whom: deadlocks, who holds up most threads, and how that is known");
  add_operand(*waits, "DUMP", options.dumps, "Dumps, and folders of them, of one machine")
      ->required();
  add_path_options(*waits, options.paths);
  waits->add_flag("-v,--verbose", options.verbose, "Every wait and chain, those for work too");
  waits->add_flag("--json", options.json, "As JSON (docs/schema)");
  waits->add_flag("--json-lines", options.json_lines, kJsonLines);
}

void declare_stack_use(CLI::App& app, StackUseOptions& options) {
  CLI::App* use = app.add_subcommand(
      "stack-use", "Who uses kernel stacks, and which threads are near their limits");
  add_dump_options(*use, options.dump);
  add_choice_options(*use, options.threads);
  add_number(*use, "--top", options.top, "N", 1, 1000, "How many threads and rows are shown");
  use->add_flag("--json", options.json, "As JSON (docs/schema)");
}

void declare_stack_starts(CLI::App& app, StackStartsOptions& options) {
  CLI::App* starts = app.add_subcommand(
      "stack-starts", "Where a thread's stack may begin, when its registers are lost");
  add_dump_options(*starts, options.dump);
  add_choice_options(*starts, options.threads);
  add_number(*starts, "--top", options.top, "N", 1, 1000, "How many starts are shown");
  starts->add_flag("--json", options.json, "As JSON (docs/schema)");
}

void declare_driver(CLI::App& app, DriverCommand& options) {
  CLI::App* driver = app.add_subcommand(
      "driver", "The optional driver, ntstack.sys, that captures kernel stacks (Windows)");
  driver->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, DriverAction action) {
    CLI::App* command = driver->add_subcommand(name, help);
    command->callback([&options, action] { options.action = action; });
    return command;
  };
  CLI::App* install = add("install", "Makes it known to Windows; it starts when it is told to",
                          DriverAction::install);
  add_value(*install, "--from", options.from, "FILE",
            "Its file (else ntstack.sys beside ntstack.exe)");
  add("start", "Loads it", DriverAction::start);
  add("stop", "Unloads it", DriverAction::stop);
  add("remove", "Unloads it, and Windows forgets it", DriverAction::remove);
  add("status", "Whether it is installed, runs and answers", DriverAction::status);
}

void declare_open(CLI::App& app, OpenOptions& options) {
  CLI::App* open = app.add_subcommand(
      "open", "The kd> console: k, dps, ? and more, typed or from a script (docs/console.md)");
  add_operand(*open, "DUMP", options.dump.dump, "The dump file");
  add_path_options(*open, options.dump);
  add_value(*open, "-c,--commands", options.commands, "COMMANDS",
            "Runs these commands and leaves: \"k; .echo done\"");
  add_value(*open, "--cf", options.command_file, "FILE",
            "Runs a file's lines and leaves (also -cf)");
  open->add_flag("--no-files", options.no_files, "No command reads or writes a file of its own");
  open->add_flag("--no-pager", options.no_pager, "Long output at a terminal runs through");
  open->add_flag("--help-markdown", options.help_markdown)->group("");
}

void declare_disassemble(CLI::App& app, DisassembleOptions& options) {
  CLI::App* disassemble =
      app.add_subcommand("disassemble", "The code at an address, and what it calls, with names");
  add_dump_options(*disassemble, options.dump);
  add_operand(*disassemble, "ADDRESS", options.address,
              "An expression: hexadecimal, module!symbol+12, poi(@rsp)")
      ->required();
  CLI::Option* function = disassemble->add_flag("--function", options.function,
                                                "The whole function that holds it (uf)");
  CLI::Option* before = add_number(*disassemble, "--before", options.before, "N", 1, 100000,
                                   "So many instructions before it (ub)");
  CLI::Option* count = add_number(*disassemble, "--count", options.count, "N", 1, 100000,
                                  "So many instructions from it on (u)");
  CLI::Option* call = disassemble->add_flag(
      "--call", options.call, "What the call called that returns to it (ub, dps and ln in one)");
  function->excludes(before)->excludes(count)->excludes(call);
  before->excludes(count)->excludes(call);
  count->excludes(call);
  disassemble->add_flag("--json", options.json, "As JSON (docs/schema)");
}

// The headings that the help puts commands under.
void group_commands(CLI::App& app) {
  const auto group = [&app](const char* heading, std::initializer_list<const char*> names) {
    for (const char* name : names) app.get_subcommand(name)->group(heading);
  };
  group("What happened", {"stacks", "analyze", "waits", "groups", "diff", "report"});
  group("What is in a dump", {"info", "modules", "processes", "threads", "stack-use",
                              "stack-starts", "open", "disassemble"});
  group("Symbols", {"symbols", "symbolize"});
  group("Many dumps, and agents", {"batch", "mcp"});
  group("On Windows", {"capture", "driver", "doctor", "crash"});
}

}  // namespace

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", "ntstack " NTSTACK_VERSION);
  add_number(app, "--memory-limit", options.memory_limit, "MB", 1, 1 << 24,
             "MB of its own that the program may take; mapped files do not count");
  app.add_option("--child-of", options.parent)->group("");
  // For packages.
  const auto add_text = [&app](const char* name, std::function<std::string()> text) {
    const auto say = [text = std::move(text)] {
      std::cout << text();
      throw CLI::Success();
    };
    app.add_flag_callback(name, say)->group("");
  };
  add_text("--help-man", [&app] { return man_page(app, NTSTACK_VERSION); });
  add_text("--help-bash", [&app] { return bash_completion(app); });
  app.require_subcommand(1);
  app.allow_windows_style_options(false);  // a path may begin with a slash there too

  declare_stacks(app, options.stacks);

  CLI::App* info = app.add_subcommand("info", "What a dump is and what is in it");
  add_dump_options(*info, options.info.dump);
  info->add_flag("--json", options.info.json, "As JSON (docs/schema)");

  CLI::App* modules = app.add_subcommand("modules", "The modules in a dump");
  add_dump_options(*modules, options.modules.dump);
  modules->add_flag("--json", options.modules.json, "As JSON (docs/schema)");
  modules->add_flag("--json-lines", options.modules.json_lines, kJsonLines);

  declare_analyze(app, options.analyze);
  declare_waits(app, options.waits);

  declare_report(app, options.report);
  declare_groups(app, options.groups);
  declare_batch(app, options.batch);
  declare_mcp(app, options.mcp);
  declare_diff(app, options.diff);
  declare_stack_use(app, options.stack_use);
  declare_stack_starts(app, options.stack_starts);
  declare_open(app, options.open);
  declare_disassemble(app, options.disassemble);
  declare_list(app, "processes", "The processes in a dump", options.processes);
  declare_list(app, "threads", "The threads in a dump, without their stacks", options.threads);

  declare_symbols(app, options.symbols);
  add_path_options(*declare_capture(app, options.capture), options.capture.paths);

  declare_driver(app, options.driver);
  CLI::App* crash = app.add_subcommand(
      "crash", "Stops this machine with a bugcheck, for a dump of everything (Windows)");
  crash->add_flag("--yes-crash-this-machine", options.crash.is_meant, "It is meant");

  CLI::App* doctor = app.add_subcommand(
      "doctor", "Whether captures will work on this machine, and how to mend what is in their way");
  doctor->add_flag("--json", options.doctor.json, "As JSON (docs/schema)");

  CLI::App* symbolize = app.add_subcommand("symbolize", "Names for addresses of an image");
  add_operand(*symbolize, "IMAGE", options.symbolize.image, "A PE image, or a PDB")->required();
  add_operand(*symbolize, "ADDRESSES", options.symbolize.addresses,
              "Hexadecimal; none: a line each from standard input");
  add_value(*symbolize, "--pdb", options.symbolize.pdb, "FILE", "The image's PDB");
  add_value(*symbolize, "--base", options.base, "ADDRESS",
            "Where the image is loaded; without, addresses are RVAs");
  add_path_options(*symbolize, options.symbolize.paths);
  symbolize->add_flag("--inlines", options.symbolize.inlines, "Inlined functions too, a line each");
  symbolize->add_flag("--json-lines", options.symbolize.json_lines, "One JSON object a line");
  group_commands(app);
  add_usage(app);
}

}  // namespace ntstack::app
