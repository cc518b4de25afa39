#include "console/command_line.h"

#include <cctype>

namespace ntstack::console {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// "3: kd>", "kd>", "lkd>", "16.0: kd:x86>", "0:000>", "0:000:x86>"
std::size_t prompt_end(std::string_view line) {
  const std::size_t end = line.find('>');
  constexpr std::size_t longest = 24;
  if (end == std::string_view::npos || end > longest) return 0;
  const std::string_view prompt = line.substr(0, end);
  const bool is_user = prompt.size() >= 5 && is_digit(prompt[0]) && prompt.find(':') < 4 &&
                       is_digit(prompt[prompt.find(':') + 1]);
  const std::size_t kd = prompt.find("kd");
  if (!is_user && kd == std::string_view::npos) return 0;
  if (!is_user && kd + 2 != prompt.size() && prompt[kd + 2] != ':') return 0;  // "kd:x86"
  for (const char c : prompt)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != ':' && c != ' ' && c != '.') return 0;
  // Before "kd" there are only a processor's number and an l.
  for (const char c : prompt.substr(0, is_user ? 0 : kd))
    if (!is_digit(c) && c != ':' && c != ' ' && c != '.' && c != 'l') return 0;
  return end + 1;
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view without_prompt(std::string_view line) {
  line = without_blanks(line);
  return without_blanks(line.substr(prompt_end(line)));
}

std::vector<std::string_view> commands_of(std::string_view line) {
  std::vector<std::string_view> commands;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    const std::string_view command = without_blanks(line.substr(begin, end - begin));
    if (!command.empty() && !command.starts_with("$$")) commands.push_back(command);
    begin = end + 1;
  };
  bool is_quoted = false;
  std::size_t depth = 0;  // of braces
  for (std::size_t at = 0; at < line.size(); ++at) {
    const bool is_first = without_blanks(line.substr(begin, at - begin)).empty();
    if (line[at] == '*' && is_first) return commands;
    if (line[at] == '"') is_quoted = !is_quoted;
    if (line[at] == '{' && !is_quoted) ++depth;
    if (line[at] == '}' && !is_quoted && depth > 0) --depth;
    if (line[at] == ';' && !is_quoted && depth == 0) add(at);
  }
  if (begin <= line.size()) add(line.size());
  return commands;
}

}  // namespace ntstack::console
