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

namespace {

bool begins_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) &&
         (text.size() == word.size() || is_blank(text[word.size()]) || text[word.size()] == '(');
}

// Commands whose parts have semicolons between them.
bool has_parts(std::string_view command) {
  for (const std::string_view name : {".if", ".for", ".while", ".do", ".foreach", ".block"})
    if (command.starts_with(name)) return true;
  return false;
}

// as, j and the aliases with fixed names take the rest of their line.
bool takes_line(std::string_view command) {
  return begins_word(command, "as") || begins_word(command, "j") || command.starts_with("r $.u");
}

// Whether a command goes on behind a semicolon: scripts have line breaks before { and .else.
bool goes_on(std::string_view behind) {
  while (!behind.empty() && (is_blank(behind.front()) || behind.front() == ';'))
    behind.remove_prefix(1);
  return behind.starts_with('{') || behind.starts_with(".else") || behind.starts_with(".elsif");
}

}  // namespace

std::vector<std::string_view> commands_of(std::string_view line) {
  std::vector<std::string_view> commands;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    const std::string_view command = without_blanks(line.substr(begin, end - begin));
    if (!command.empty() && !command.starts_with("$$")) commands.push_back(command);
    begin = end + 1;
  };
  bool is_quoted = false, is_first = true;  // of the command's characters
  std::size_t depth = 0, round = 0;         // of braces, of parentheses
  bool parts = false;
  for (std::size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (is_first && !is_blank(c) && c != ';') {
      if (c == '*') return commands;
      if (takes_line(line.substr(at))) break;
      is_first = false;
      parts = has_parts(line.substr(at));
    }
    if (c == '"') is_quoted = !is_quoted;
    if (is_quoted) continue;
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    if (c == '(' && parts) ++round;
    if (c == ')' && round > 0) --round;
    if (c != ';' || depth > 0 || round > 0) continue;
    if (parts && goes_on(line.substr(at + 1))) continue;
    add(at);
    is_first = true;
  }
  if (begin <= line.size()) add(line.size());
  return commands;
}

}  // namespace ntstack::console
