#include "undname.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>

#include "tool.h"

namespace ntstack::tests {
namespace {

using Answers = std::vector<std::optional<std::string>>;

// The tool prints each name, then its answer (an error on its other output), then an empty line.
Answers ask(const std::vector<std::string>& names, const std::string& options) {
  const TemporaryFolder folder;
  const std::filesystem::path list = folder.path() / "names.txt";
  {
    std::ofstream out(list, std::ios::binary);
    for (const std::string& name : names) out << name << '\n';
  }
  const ToolResult result =
      run(quoted(find_tool("llvm-undname-19")) + " " + options + " < " + quoted(list) + " 2>&1");
  std::istringstream lines(result.out);
  Answers answers;
  std::string echo, answer, empty;
  while (std::getline(lines, echo) && std::getline(lines, answer) && std::getline(lines, empty)) {
    if (answers.size() == names.size() || echo != names[answers.size()] || !empty.empty())
      return {};
    if (answer == "error: Invalid mangled name") {
      answers.emplace_back();
    } else {
      answers.emplace_back(answer);
    }
  }
  return answers;
}

bool drop_suffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

}  // namespace

std::vector<Undname> undname(const std::vector<std::string>& names) {
  const Answers full = ask(names, "");
  const Answers bare = ask(names,
                           "--no-calling-convention --no-return-type --no-access-specifier "
                           "--no-member-type --no-variable-type");
  if (full.size() != names.size() || bare.size() != names.size()) return {};
  std::vector<Undname> result;
  for (std::size_t i = 0; i < names.size(); ++i) result.push_back({full[i], bare[i]});
  return result;
}

std::optional<std::string> without_parameters(const std::string& printed) {
  std::string_view text = printed;
  if (text.starts_with("[thunk]: ")) text.remove_prefix(9);
  const std::string_view whole = text;
  bool dropped = true;
  while (dropped) {
    dropped = false;
    for (const char* word :
         {" &&", " &", " noexcept", " const", " volatile", " __restrict", " __unaligned"}) {
      dropped = drop_suffix(text, word) || dropped;
    }
  }
  if (!text.ends_with(')')) return std::string(whole);
  if (std::ranges::count(text, '(') != std::ranges::count(text, ')')) return std::nullopt;
  int depth = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) return std::string(text.substr(0, i));
  }
  return std::nullopt;
}

}  // namespace ntstack::tests
