// .logopen, .logappend, .logclose, .logfile.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done close_log(Console& console) {
  const std::string path = base::printable(console.log->path());
  const auto closed = console.log->close();
  console.log.reset();
  console.has_lost_log |= !closed;
  console.write(fmt::format("Closing open log file {}\n", path));
  return closed;
}

// "dbg.log" with the time: "dbg_2026-11-28_18-20-05.log", as WinDbg's /t has it.
std::string with_time(std::string path) {
  const std::size_t point = path.rfind('.');
  const std::size_t folder = path.find_last_of("/\\");
  const bool has_suffix =
      point != std::string::npos && (folder == std::string::npos || point > folder);
  const std::string time = fmt::format("_{:%Y-%m-%d_%H-%M-%S}", fmt::gmtime(std::time(nullptr)));
  return path.insert(has_suffix ? point : path.size(), time);
}

Done open_log(Console& console, std::string_view text, bool appends) {
  if (!console.may_use_files) return base::fail("no files are written here");
  bool adds_time = false;
  while (text.starts_with('/')) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view option = text.substr(0, end);
    // /u is WinDbg's UTF-16: the log is UTF-8, as everything here.
    if (option != "/t" && option != "/u" && option != "/d") break;
    if (option == "/d") return base::fail("/d is not supported: name the file");
    adds_time |= option == "/t";
    text = without_blanks(text.substr(end));
  }
  if (text.size() > 1 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  if (text.empty()) return base::fail("the log's file is not said");
  if (console.log)
    if (const auto closed = close_log(console); !closed) return closed;
  const std::string path = adds_time ? with_time(std::string(text)) : std::string(text);
  auto log = LogFile::open(path, appends);
  console.has_lost_log |= !log;
  if (!log) return std::unexpected(log.error());
  console.log = std::move(*log);
  console.write(fmt::format("Opened log file '{}'\n", base::printable(path)));
  return {};
}

Done logopen_command(Console& console, const Arguments& arguments) {
  return open_log(console, arguments.text, false);
}
Done logappend_command(Console& console, const Arguments& arguments) {
  return open_log(console, arguments.text, true);
}

Done logclose_command(Console& console, const Arguments&) {
  if (!console.log) return base::fail("no log is open");
  return close_log(console);
}

Done logfile_command(Console& console, const Arguments&) {
  console.write(console.log ? fmt::format("Log '{}' open\n", base::printable(console.log->path()))
                            : std::string("No log file open\n"));
  return {};
}

}  // namespace

std::vector<Command> log_commands() {
  return {{{".logopen"},
           "",
           {".logopen [/t] FILE"},
           "Writes everything into a file too, in UTF-8",
           "A file that is there is written anew. /t puts the time (UTC) into its name.",
           {{".logopen session.txt", "then .logclose"}},
           Completion::none,
           logopen_command},
          {{".logappend"},
           "",
           {".logappend [/t] FILE"},
           "The same, behind what the file has",
           "",
           {},
           Completion::none,
           logappend_command},
          {{".logclose"},
           "",
           {".logclose"},
           "Closes the log",
           "",
           {},
           Completion::none,
           logclose_command},
          {{".logfile"},
           "",
           {".logfile"},
           "Which log is open",
           "",
           {},
           Completion::none,
           logfile_command}};
}

}  // namespace ntstack::console
