#include "capture/command_line.h"

namespace ntstack::capture {
namespace {

void append_quoted(const std::string& argument, std::string& line) {
  line += '"';
  std::size_t backslashes = 0;
  for (const char c : argument) {
    if (c == '"') line.append(backslashes + 1, '\\');
    backslashes = c == '\\' ? backslashes + 1 : 0;
    line += c;
  }
  line.append(backslashes, '\\');
  line += '"';
}

}  // namespace

std::string command_line_of(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    if (!argument.empty() && argument.find_first_of(" \t\n\v\"") == std::string::npos)
      line += argument;
    else
      append_quoted(argument, line);
  }
  return line;
}

}  // namespace ntstack::capture
