#include "app/open_command.h"

#include <fmt/format.h>

#include <fstream>
#include <istream>
#include <sstream>

#include "app/exit_code.h"
#include "app/opened_dump.h"
#include "app/output.h"
#include "app/terminal.h"
#include "base/text.h"
#include "console/console.h"
#include "console/event_text.h"
#include "report/text.h"

namespace ntstack::app {
namespace {

// Runs lines until there are no more, or one ends the session. `echoes`: each is shown behind its
// prompt, as in a debugger's log.
void run_lines(console::Console& console, std::istream& lines, bool echoes, bool prompts,
               std::FILE* out) {
  std::string line;
  while (!console.is_over()) {
    if (prompts) {
      fmt::print(out, "{}", console.prompt());
      std::fflush(out);
    }
    if (!std::getline(lines, line)) break;
    if (line.ends_with('\r')) line.pop_back();
    if (echoes) fmt::print(out, "{}{}\n", console.prompt(), base::printable(line));
    if (console.log) console.log->write(console.prompt() + base::printable(line) + "\n");
    console.run(line);
  }
  if (prompts && !console.is_over()) fmt::print(out, "\n");
}

// Symbol paths can be changed, and files be read and written.
void let_reopen(console::Console& console, OpenedDump& opened) {
  console.may_use_files = true;
  console.paths = opened.paths();
  console.reopen = [&opened](const console::SymbolPaths& paths) { return opened.reopen(paths); };
  console.fetch = [&opened](const std::vector<store::Wanted>& files) {
    return opened.fetch(files);
  };
}

}  // namespace

int run_open(const OpenOptions& options, std::istream& in, std::FILE* out, std::FILE* err) {
  if (options.help_markdown)
    return write(console::help_markdown(console::all_commands()), out, err);
  if (options.dump.dump.empty()) return wrong({"open takes a dump: ntstack open DUMP", {}}, err);
  std::ifstream script;
  if (!options.command_file.empty()) {
    script.open(base::path_from_utf8(options.command_file));
    if (!script) return failed({fmt::format("{} can't be read", options.command_file), {}}, err);
  }
  auto opened = OpenedDump::open(options.dump, err);
  if (!opened) return failed(opened.error(), err);
  console::Console console(opened->target(), [out](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), out);
  });
  let_reopen(console, *opened);
  console.is_interactive = is_terminal(out);
  const bool is_unattended = !options.commands.empty() || !options.command_file.empty();
  if (is_unattended) {
    console.run(options.commands);
    if (script.is_open()) run_lines(console, script, true, false, out);
  } else {
    const bool is_typed = is_terminal(stdin) && is_terminal(out);
    fmt::print(out, "{}{}", report::heading_text(opened->session().facts()),
               console::opening_text(console));
    run_lines(console, in, !is_typed, is_typed, out);
  }
  if (std::ferror(out) != 0) return failed({"the output could not be written whole", {}}, err);
  return write("", out, err);
}

}  // namespace ntstack::app
