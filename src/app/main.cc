// The program: reads the command line and runs the command.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "app/child_process.h"
#include "app/command_line.h"
#include "app/ending.h"
#include "app/exit_code.h"
#include "app/interrupt.h"
#include "app/memory_limit.h"
#include "capture/this_system.h"

#if defined(_WIN32)
#include "capture/windows/text.h"
#endif

namespace {

using namespace ntstack::app;

int run_symbols(const CLI::App& symbols, const SymbolsOptions& options) {
  if (symbols.got_subcommand("check")) return run_symbols_check(options, stdout, stderr);
  if (symbols.got_subcommand("fetch")) return run_symbols_fetch(options, stdout, stderr);
  if (symbols.got_subcommand("list")) return run_symbols_list(options, stdout, stderr);
  return run_symbols_import(options, stdout, stderr);
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

int dispatch(const CLI::App& app, Options& options, const std::vector<std::string>& arguments) {
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
    options.capture.arguments.assign(arguments.begin() + 1, arguments.end());
    const auto system = ntstack::capture::this_system();
    return run_capture(options.capture, system.get(), stdout, stderr);
  }
  return symbolize(options);
}

// The program's name and its arguments, in UTF-8.
int run(const std::vector<std::string>& arguments) {
  CLI::App app(
      "Windows kernel stacks from dumps: exact where the unwind data is at hand, and honest where "
      "it is not.");
  Options options;
  declare(app, options);
  try {
    // WinDbg's -cf is one option; to the parser it would be -c with the value f.
    std::vector<const char*> parsed;
    for (const std::string& argument : arguments)
      parsed.push_back(argument == "-cf" ? "--cf" : argument.c_str());
    app.parse(static_cast<int>(parsed.size()), parsed.data());
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error) == 0 ? kOk : kUsage;
    return end_of_output(code, stdout, stderr);
  }
  if (options.parent) end_with(*options.parent);
  if (options.memory_limit != 0) limit_memory(std::uint64_t{options.memory_limit} << 20);
  const int code = end_of_output(dispatch(app, options, arguments), stdout, stderr);
  // No answer, because it was asked to end.
  if (code == kFailed && Interrupt::signal() != 0) return code_of_signal(Interrupt::signal());
  return code;
}

}  // namespace

#if defined(_WIN32)
// The code page of main's arguments is UTF-8 by the manifest, but before Windows 10 1903.
int wmain(int argc, wchar_t** argv) {
  begin_process();  // before anything wants memory
  std::vector<std::string> arguments;
  for (int i = 0; i < argc; ++i) arguments.push_back(ntstack::capture::windows::utf8(argv[i]));
  return run(arguments);
}
#else
int main(int argc, char** argv) {
  begin_process();  // before anything wants memory
  return run({argv, argv + argc});
}
#endif
