#include "app/open_command.h"

#include <fmt/format.h>

#include <fstream>
#include <istream>
#include <iterator>
#include <sstream>

#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"
#include "base/text.h"
#include "console/console.h"
#include "report/text.h"
#include "stacks/file_needs.h"

namespace ntstack::app {
namespace {

using stacks::Stack;

// What the first stack wants of the servers: what `k` shows is worth waiting for.
std::vector<store::Wanted> wanted_at_first(Session& session, const Downloads& downloads) {
  stacks::Walker walker(session.machine(), session.symbolizer(), session.symbolizer_maker());
  std::vector<Stack> walked;
  for (const target::Processor& processor : session.machine().processors())
    if (processor.crashed) walked.push_back(walker.walk_processor(processor));
  const auto is_hopeless = [&](const store::Wanted& file) { return downloads.is_hopeless(file); };
  const auto symbolizer_of = [&](const Stack& stack, const stacks::Frame& frame) {
    return walker.symbolizer_of(stack, frame);
  };
  std::vector<store::Wanted> wanted = session.lacking_kernel_files();
  std::ranges::copy(files_of(file_needs(walked, symbolizer_of, is_hopeless, true), is_hopeless),
                    std::back_inserter(wanted));
  return wanted;
}

base::Result<Session> opened(const DumpOptions& options, Downloads& downloads) {
  DumpOptions paths = options;
  paths.answers = &downloads.answers();
  while (true) {
    auto session = Session::open(paths);
    if (!session || !downloads.are_possible() || downloads.was_interrupted()) return session;
    if (downloads.get(wanted_at_first(*session, downloads)).empty()) return session;
  }
}

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
    console.run(line);
  }
  if (prompts && !console.is_over()) fmt::print(out, "\n");
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
  Downloads downloads(options.dump, err);
  auto session = opened(options.dump, downloads);
  if (!session) return failed(session.error(), err);
  stacks::Walker walker(session->machine(), session->symbolizer(), session->symbolizer_maker());
  console::Console console(
      {&session->machine(), &session->symbolizer(), &walker, session->facts().file_name},
      [out](std::string_view text) { std::fwrite(text.data(), 1, text.size(), out); });
  console.is_interactive = is_terminal(out);
  const bool is_unattended = !options.commands.empty() || !options.command_file.empty();
  if (is_unattended) {
    console.run(options.commands);
    if (script.is_open()) run_lines(console, script, true, false, out);
  } else {
    const bool is_typed = is_terminal(stdin) && is_terminal(out);
    fmt::print(out, "{}", report::heading_text(session->facts()));
    run_lines(console, in, !is_typed, is_typed, out);
  }
  if (std::ferror(out) != 0) return failed({"the output could not be written whole", {}}, err);
  return write("", out, err);
}

}  // namespace ntstack::app
