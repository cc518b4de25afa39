// The command line: subcommands and options, and nothing else.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/analyze_command.h"
#include "app/batch_command.h"
#include "app/capture_command.h"
#include "app/capture_options.h"
#include "app/child_process.h"
#include "app/command_help.h"
#include "app/commands.h"
#include "app/crash_command.h"
#include "app/diff_command.h"
#include "app/disassemble_command.h"
#include "app/driver_command.h"
#include "app/exit_code.h"
#include "app/groups_command.h"
#include "app/mcp_command.h"
#include "app/memory_limit.h"
#include "app/open_command.h"
#include "app/report_command.h"
#include "app/stack_starts_command.h"
#include "app/stack_use_command.h"
#include "app/symbol_commands.h"
#include "app/symbolize.h"
#include "app/waits_command.h"
#include "capture/this_system.h"

namespace {

using namespace ntstack::app;

constexpr const char* kJsonLines =
    "As JSON, a line for what stands around and one for each of them (docs/schema)";

void add_path_options(CLI::App& command, DumpOptions& options) {
  command.add_option("-y,--symbols", options.symbol_path,
                     "Symbol path in WinDbg's syntax (else _NT_SYMBOL_PATH)");
  command.add_option(
      "-i,--images", options.image_path,
      "Image path (else _NT_EXECUTABLE_IMAGE_PATH); the symbol path is searched too");
  command.add_flag("--ms-symbols", options.ms_symbols,
                   "Ask Microsoft's symbol server too: the names and keys of modules go there");
  command.add_flag("--offline", options.offline, "Ask no server of the paths");
  command.add_flag("-q,--quiet", options.quiet, "Say nothing of downloads");
}

void add_dump_options(CLI::App& command, DumpOptions& options) {
  command.add_option("DUMP", options.dump, "The dump file")->required();
  add_path_options(command, options);
}

void add_choice_options(CLI::App& command, ThreadOptions& options) {
  command.add_option("--thread", options.thread, "One thread, by ID or object address (0x...)");
  command.add_option("--process", options.process, "One process, by name or ID");
  command.add_option("--state", options.state, "Threads in a state: waiting, ready, ...");
  command.add_option("--waiting-on", options.waiting_on,
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
  CLI::Option* dumps = stacks->add_option(
      "DUMP", options.dumps,
      "The dump; or several of one process, or a folder of them: triage dumps, and a user dump "
      "whose stacks go below the kernel's");
  stacks
      ->add_option(
          "--live", options.live,
          "Instead of a dump: a running process, by ID or name; kernel stacks too where ntstack's "
          "driver runs (Windows)")
      ->excludes(dumps);
  add_path_options(*stacks, options.paths);
  add_choice_options(*stacks, options.threads);
  stacks->add_flag("--json", options.json, "As JSON (docs/schema)");
  stacks->add_flag("--json-lines", options.json_lines, kJsonLines);
  stacks->add_flag("!--no-group", options.group, "Identical stacks one by one");
}

void declare_symbols(CLI::App& app, SymbolsOptions& options) {
  CLI::App* symbols = app.add_subcommand("symbols", "The symbol and image files that stacks want");
  symbols->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, const char* what) {
    CLI::App* command = symbols->add_subcommand(name, help);
    command->add_option(what, options.dumps, "Dumps, and folders of them")->required();
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
      ->check(CLI::IsMember({"sh", "powershell"}));

  CLI::App* import = add("import", "Takes files that were got elsewhere into a store", "FOLDER");
  import->get_option("FOLDER")->description("Files, and folders of them");
  import->add_option("--to", options.store,
                     "The store (else where the symbol path keeps downloads)");
}

int run_symbols(const CLI::App& symbols, const SymbolsOptions& options) {
  if (symbols.got_subcommand("check")) return run_symbols_check(options, stdout, stderr);
  if (symbols.got_subcommand("fetch")) return run_symbols_fetch(options, stdout, stderr);
  if (symbols.got_subcommand("list")) return run_symbols_list(options, stdout, stderr);
  return run_symbols_import(options, stdout, stderr);
}

void declare_diff(CLI::App& app, DiffOptions& options) {
  CLI::App* diff =
      app.add_subcommand("diff", "Which threads moved between captures, which did not");
  diff->add_option("CAPTURE", options.captures,
                   "Two dumps or captures or more, in order; or one folder of captures")
      ->required();
  add_path_options(*diff, options.paths);
  add_choice_options(*diff, options.threads);
  diff->add_flag("--json", options.json, "As JSON (docs/schema)");
}

void declare_batch(CLI::App& app, BatchOptions& options) {
  CLI::App* batch = app.add_subcommand(
      "batch", "Triages thousands of dumps on all processors: a line of JSON each (docs/batch.md)");
  batch->add_option("DUMP", options.dumps,
                    "Dumps, folders of them, or - for a path a line on standard input");
  add_path_options(*batch, options.paths);
  batch->add_option("-o,--output", options.output,
                    "Lines go there; what it has already is not looked at again");
  batch->add_option("--sqlite", options.sqlite, "A database of the same (docs/batch.md)");
  batch->add_flag("--results", options.results,
                  "DUMP are files of lines that were written before: groups and database alone");
  batch->add_flag("--retry", options.retry, "With --output: what had no answer is tried again");
  batch->add_option("-j,--jobs", options.jobs, "Processes at a time (else one a processor)")
      ->check(CLI::Range(1, 1024));
  batch->add_option("--time-limit", options.time_limit, "Seconds for a dump")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  batch
      ->add_option("--memory-limit", options.memory_limit,
                   "MB for a dump; mapped files do not count; 0: none")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
  batch->add_option("--top", options.top, "How many signatures are shown at the end")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  batch->add_flag("--worker", options.is_worker)->group("");
}

void declare_mcp(CLI::App& app, McpOptions& options) {
  CLI::App* mcp = app.add_subcommand(
      "mcp", "For agents: the commands by the Model Context Protocol, read-only (docs/mcp.md)");
  add_path_options(*mcp, options.paths);
  mcp->add_option("--time-limit", options.time_limit, "Seconds for a call")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  mcp->add_option("--memory-limit", options.memory_limit,
                  "MB for a call; mapped files do not count; 0: none")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
}

void declare_report(CLI::App& app, ReportOptions& options) {
  CLI::App* report = app.add_subcommand(
      "report", "The same as one self-contained page with pictures (docs/report.md)");
  report->add_option("DUMP", options.dumps, "The dump; or several, and folders, as for stacks")
      ->required();
  report->add_option("-o,--output", options.page, "The page's file")->required();
  report->add_option("--json", options.json,
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
  groups->add_option("DUMP", options.dumps, "Dumps, and folders of them")->required();
  add_path_options(*groups, options.paths);
  add_choice_options(*groups, options.threads);
  groups->add_option("--top", options.top, "How many groups are shown")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  groups->add_flag("--json", options.json, "As JSON (docs/schema)");
}

void declare_analyze(CLI::App& app, AnalyzeOptions& options) {
  CLI::App* analyze = app.add_subcommand(
      "analyze", "What happened, who is responsible and why, and what to do next: a page");
  analyze->add_option("DUMP", options.dump.dump, "The dump file");
  add_path_options(*analyze, options.dump);
  analyze->add_flag("-v,--verbose", options.verbose, "With the whole stack and all evidence");
  analyze->add_flag("--json", options.json, "As JSON (docs/schema)");
  analyze->add_flag("--bugchecks", options.bugchecks,
                    "Instead: lists the bugchecks that are known, and their number");
}

void declare_waits(CLI::App& app, WaitsOptions& options) {
  CLI::App* waits = app.add_subcommand(
      "waits", "Who waits for whom: deadlocks, who holds up most threads, and how that is known");
  waits->add_option("DUMP", options.dumps, "Dumps, and folders of them, of one machine")
      ->required();
  add_path_options(*waits, options.paths);
  waits->add_flag("-v,--verbose", options.verbose, "Every wait and chain, those for work too");
  waits->add_flag("--json", options.json, "As JSON (docs/schema)");
}

void declare_stack_use(CLI::App& app, StackUseOptions& options) {
  CLI::App* use = app.add_subcommand(
      "stack-use", "Who uses kernel stacks, and which threads are near their limits");
  add_dump_options(*use, options.dump);
  add_choice_options(*use, options.threads);
  use->add_option("--top", options.top, "How many threads and rows are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  use->add_flag("--json", options.json, "As JSON (docs/schema)");
}

void declare_stack_starts(CLI::App& app, StackStartsOptions& options) {
  CLI::App* starts = app.add_subcommand(
      "stack-starts", "Where a thread's stack may begin, when its registers are lost");
  add_dump_options(*starts, options.dump);
  add_choice_options(*starts, options.threads);
  starts->add_option("--top", options.top, "How many starts are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
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
  add("install", "Makes it known to Windows; it starts when it is told to", DriverAction::install)
      ->add_option("--from", options.from, "Its file (else ntstack.sys beside ntstack.exe)");
  add("start", "Loads it", DriverAction::start);
  add("stop", "Unloads it", DriverAction::stop);
  add("remove", "Unloads it, and Windows forgets it", DriverAction::remove);
  add("status", "Whether it is installed, runs and answers", DriverAction::status);
}

void declare_open(CLI::App& app, OpenOptions& options) {
  CLI::App* open = app.add_subcommand(
      "open", "The kd> console: k, dps, ? and more, typed or from a script (docs/console.md)");
  open->add_option("DUMP", options.dump.dump, "The dump file");
  add_path_options(*open, options.dump);
  open->add_option("-c,--commands", options.commands,
                   "Runs these commands and leaves: \"k; .echo done\"");
  open->add_option("--cf", options.command_file, "Runs a file's lines and leaves (also -cf)");
  open->add_flag("--no-files", options.no_files, "No command reads or writes a file of its own");
  open->add_flag("--no-pager", options.no_pager, "Long output at a terminal runs through");
  open->add_flag("--help-markdown", options.help_markdown)->group("");
}

void declare_disassemble(CLI::App& app, DisassembleOptions& options) {
  CLI::App* disassemble =
      app.add_subcommand("disassemble", "The code at an address, and what it calls, with names");
  add_dump_options(*disassemble, options.dump);
  disassemble
      ->add_option("ADDRESS", options.address,
                   "An expression: hexadecimal, module!symbol+12, poi(@rsp)")
      ->required();
  CLI::Option* function = disassemble->add_flag("--function", options.function,
                                                "The whole function that holds it (uf)");
  CLI::Option* before =
      disassemble->add_option("--before", options.before, "So many instructions before it (ub)")
          ->check(CLI::Range(1, 100000));
  CLI::Option* count =
      disassemble->add_option("--count", options.count, "So many instructions from it on (u)")
          ->check(CLI::Range(1, 100000))
          ->capture_default_str();
  CLI::Option* call = disassemble->add_flag(
      "--call", options.call, "What the call called that returns to it (ub, dps and ln in one)");
  function->excludes(before)->excludes(count)->excludes(call);
  before->excludes(count)->excludes(call);
  count->excludes(call);
  disassemble->add_flag("--json", options.json, "As JSON (docs/schema)");
}

struct Options {
  StacksOptions stacks;
  SymbolsOptions symbols;
  ListOptions info, modules;
  ChosenOptions processes, threads;
  SymbolizeOptions symbolize;
  CaptureCommand capture;
  CrashOptions crash;
  DriverCommand driver;
  DiffOptions diff;
  GroupsOptions groups;
  ReportOptions report;
  BatchOptions batch;
  McpOptions mcp;
  std::uint32_t memory_limit = 0;
  std::optional<std::int64_t> parent;  // that this is a child of
  StackUseOptions stack_use;
  AnalyzeOptions analyze;
  WaitsOptions waits;
  StackStartsOptions stack_starts;
  OpenOptions open;
  DisassembleOptions disassemble;
  DoctorOptions doctor;
  std::string base;
};

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("--version", "ntstack " NTSTACK_VERSION);
  app.add_option("--memory-limit", options.memory_limit,
                 "MB of its own that the program may take; mapped files do not count")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--child-of", options.parent)->group("");
  // For packages.
  const auto add_text = [&app](const char* name, std::function<std::string()> text) {
    const auto say = [text = std::move(text)] {
      fmt::print("{}", text());
      throw CLI::Success();
    };
    app.add_flag_callback(name, say)->group("");
  };
  add_text("--help-man", [&app] { return man_page(app, NTSTACK_VERSION); });
  add_text("--help-bash", [&app] { return bash_completion(app); });
  app.require_subcommand(1);
  app.allow_windows_style_options(false);  // a path may begin with a slash there too
  app.footer("Exit codes: 0 answered, 1 failed, 2 wrong command line. NO_COLOR turns colours off.");

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
  symbolize->add_option("IMAGE", options.symbolize.image, "A PE image, or a PDB")->required();
  symbolize->add_option("ADDRESSES", options.symbolize.addresses,
                        "Hexadecimal; none: a line each from standard input");
  symbolize->add_option("--pdb", options.symbolize.pdb, "The image's PDB");
  symbolize->add_option("--base", options.base,
                        "Where the image is loaded; without, addresses are RVAs");
  add_path_options(*symbolize, options.symbolize.paths);
  symbolize->add_flag("--inlines", options.symbolize.inlines, "Inlined functions too, a line each");
  symbolize->add_flag("--json-lines", options.symbolize.json_lines, "One JSON object a line");
}

int symbolize(Options& options) {
  if (!options.base.empty()) {
    std::erase(options.base, '`');
    char* end = nullptr;
    options.symbolize.base = std::strtoull(options.base.c_str(), &end, 16);
    if (end == options.base.c_str() || *end != '\0') {
      std::fprintf(stderr, "ntstack: --base takes a hexadecimal address\n");
      return kUsage;
    }
  }
  return run_symbolize(options.symbolize, std::cin, stdout, stderr);
}

int dispatch(const CLI::App& app, Options& options, int argc, char** argv) {
  if (app.got_subcommand("stacks")) return run_stacks(options.stacks, stdout, stderr);
  if (app.got_subcommand("info")) return run_info(options.info, stdout, stderr);
  if (app.got_subcommand("modules")) return run_modules(options.modules, stdout, stderr);
  if (app.got_subcommand("processes")) return run_processes(options.processes, stdout, stderr);
  if (app.got_subcommand("threads")) return run_threads(options.threads, stdout, stderr);
  if (app.got_subcommand("doctor")) return run_doctor(options.doctor, stdout, stderr);
  if (app.got_subcommand("symbols"))
    return run_symbols(*app.get_subcommand("symbols"), options.symbols);
  if (app.got_subcommand("disassemble"))
    return run_disassemble(options.disassemble, stdout, stderr);
  if (app.got_subcommand("stack-use")) return run_stack_use(options.stack_use, stdout, stderr);
  if (app.got_subcommand("analyze")) return run_analyze(options.analyze, stdout, stderr);
  if (app.got_subcommand("waits")) return run_waits(options.waits, stdout, stderr);
  if (app.got_subcommand("stack-starts"))
    return run_stack_starts(options.stack_starts, stdout, stderr);
  if (app.got_subcommand("open")) return run_open(options.open, std::cin, stdout, stderr);
  if (app.got_subcommand("groups")) return run_groups(options.groups, stdout, stderr);
  if (app.got_subcommand("batch")) return run_batch(options.batch, std::cin, stdout, stderr);
  if (app.got_subcommand("mcp")) return run_mcp(options.mcp, std::cin, stdout, stderr);
  if (app.got_subcommand("report")) return run_report(options.report, stdout, stderr);
  if (app.got_subcommand("diff")) return run_diff(options.diff, stdout, stderr);
  if (app.got_subcommand("crash")) {
    const auto system = ntstack::capture::this_system();
    return run_crash(options.crash, system.get(), stdout, stderr);
  }
  if (app.got_subcommand("driver")) {
    const auto system = ntstack::capture::this_system();
    return run_driver(options.driver, system.get(), stdout, stderr);
  }
  if (app.got_subcommand("capture")) {
    options.capture.arguments.assign(argv + 1, argv + argc);
    const auto system = ntstack::capture::this_system();
    return run_capture(options.capture, system.get(), stdout, stderr);
  }
  return symbolize(options);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Windows kernel stacks from dumps: exact where the unwind data is at hand, and honest where "
      "it is not.");
  Options options;
  declare(app, options);
  try {
    // WinDbg's -cf is one option; to the parser it would be -c with the value f.
    std::vector<const char*> arguments(argv, argv + argc);
    for (const char*& argument : arguments)
      if (std::string_view(argument) == "-cf") argument = "--cf";
    app.parse(argc, arguments.data());
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? kOk : kUsage;
  }
  if (options.parent) end_with(*options.parent);
  if (options.memory_limit != 0) limit_memory(std::uint64_t{options.memory_limit} << 20);
  // In whichever thread that is.
  std::set_new_handler([] {
    std::fputs("ntstack: no memory is left\n", stderr);
    std::_Exit(kFailed);
  });
  return dispatch(app, options, argc, argv);
}
