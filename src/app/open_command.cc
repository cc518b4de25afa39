#include "app/open_command.h"

#include <fmt/format.h>

#include <fstream>
#include <istream>
#include <sstream>

#include "app/exit_code.h"
#include "app/interrupt.h"
#include "app/line_editor.h"
#include "app/opened_dump.h"
#include "app/output.h"
#include "app/pager.h"
#include "app/terminal.h"
#include "base/text.h"
#include "console/console.h"
#include "console/event_text.h"
#include "report/text.h"

namespace ntstack::app {
namespace {

// Runs lines until there are no more, or one ends the session. Each is shown behind its prompt, as
// in a debugger's log.
void run_script(console::Console& console, std::istream& lines, std::FILE* out) {
  std::string line;
  while (!console.is_over() && std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    say(out, "{}{}\n", console.prompt(), base::printable(line));
    if (console.log) console.log->write(console.prompt() + base::printable(line) + "\n");
    console.run(line);
    if (console.log) console.log->flush();
  }
}

// The same at a terminal. An empty line is the last one once more; Ctrl-C ends what runs, and
// pressed again and again the program.
void run_typed(console::Console& console, Pager& pager) {
  console::Completer completer(console);
  LineEditor editor([&](std::string_view line) { return completer.of(line); });
  Interrupt interrupt(Interrupt::Of::ctrl_c_alone, 3);
  console.interrupted = [&] { return interrupt.requested() || pager.was_left(); };
  std::string last;
  while (!console.is_over()) {
    std::fflush(stdout);
    const auto line = editor.read(console.prompt());
    if (!line) break;
    if (line->find_first_not_of(" \t") != std::string::npos) last = *line;
    pager.begin();
    interrupt.reset();
    if (console.log) console.log->write(console.prompt() + base::printable(last) + "\n");
    console.run(last);
    if (console.log) console.log->flush();
    has_lost_file(stderr);  // each time: what is shown now is of zeros
  }
  console.interrupted = nullptr;
  if (!console.is_over()) std::fputs("\n", stdout);
}

// Symbol paths can be changed, and files be read and written.
void let_reopen(console::Console& console, OpenedDump& opened, bool may_use_files) {
  console.may_use_files = may_use_files;
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
  const bool is_unattended = !options.commands.empty() || !options.command_file.empty();
  const bool is_typed = !is_unattended && is_terminal(stdin) && is_terminal(out);
  Pager pager(out);
  console::Console console(opened->target(), [&](std::string_view text) {
    if (is_typed && !options.no_pager) return pager.write(text);
    put(text, out);
  });
  let_reopen(console, *opened, !options.no_files);
  console.is_interactive = is_terminal(out);
  if (is_unattended) {
    console.run(options.commands);
    if (script.is_open()) run_script(console, script, out);
  } else {
    say(out, "{}{}", report::heading_text(opened->session().facts()),
        console::opening_text(console));
    is_typed ? run_typed(console, pager) : run_script(console, in, out);
  }
  if (console.log)
    if (const auto closed = console.log->close(); !closed) return failed(closed.error(), err);
  if (const int written = write("", out, err); written != kOk) return written;
  if (console.has_lost_log) return failed({"a log of the session could not be written", {}}, err);
  return kOk;
}

}  // namespace ntstack::app
