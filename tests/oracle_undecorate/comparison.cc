#include "comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "symbols/undecorate.h"
#include "symbols/undecorate_whole.h"
#include "undname.h"

namespace ntstack::tests {
namespace {

using symbols::undecorating::Detail;
using symbols::undecorating::undecorate_whole;

class Comparer {
 public:
  void add(const std::string& name, const Undname& tool) {
    ++result_.names;
    const auto full = undecorate_whole(name, Detail::full);
    const auto names = undecorate_whole(name, Detail::names);
    if (tool.full && !full) return note(result_.tool_alone, "tool alone", name, *tool.full, "-");
    if (!tool.full && full) return note(result_.we_alone, "we alone", name, "-", *full);
    if (full != tool.full) return note(result_.different, "different", name, *tool.full, *full);
    if (names != tool.names) return note(result_.different, "different", name, *tool.names, *names);
    check_name(name, tool);
  }

  Comparison finish() {
    for (auto& [kind, texts] : examples_) {
      std::ranges::sort(texts, {}, &std::string::size);
      if (texts.size() > 12) texts.resize(12);
      for (const std::string& text : texts) result_.examples += kind + ": " + text;
    }
    return std::move(result_);
  }

 private:
  // undecorate() by a way that is not ours: the tool's text, cut by its parentheses.
  void check_name(const std::string& name, const Undname& tool) {
    const std::string ours = symbols::undecorate(name);
    if (!tool.names) {
      ++result_.refused;
      if (ours != name) note(result_.wrong_name, "wrong name", name, name, ours);
      return;
    }
    ++result_.read;
    if (const auto cut = without_parameters(*tool.names)) {
      const std::string& expected = cut->empty() ? name : *cut;
      // What is called operator() and is no function: its parentheses are not parameters.
      const bool is_whole = ours == *tool.names && ours.ends_with("operator()");
      if (ours != expected && !is_whole) {
        note(result_.wrong_name, "wrong name", name, expected, ours);
      }
      return;
    }
    ++result_.unmatched;
    // A variable's name is the whole text; a function's decorated name ends with a Z.
    const bool is_whole = ours == *tool.names && !name.ends_with('Z');
    if (!is_whole && !tool.names->starts_with(ours + "(") &&
        !tool.names->starts_with("[thunk]: " + ours + "(")) {
      note(result_.wrong_name, "wrong name", name, *tool.names, ours);
    }
  }

  void note(std::size_t& count, const std::string& kind, const std::string& name,
            const std::string& tool, const std::string& ours) {
    ++count;
    examples_[kind].push_back(fmt::format("{}\n    tool {}\n    ours {}\n", name, tool, ours));
  }

  Comparison result_;
  std::map<std::string, std::vector<std::string>> examples_;
};

}  // namespace

Comparison compare(const Names& names) {
  const std::vector<Undname> answers = undname(names);
  if (answers.size() != names.size()) {
    Comparison failed;
    failed.examples = "llvm-undname did not answer each name\n";
    return failed;
  }
  Comparer comparer;
  for (std::size_t i = 0; i < names.size(); ++i) comparer.add(names[i], answers[i]);
  return comparer.finish();
}

std::string line(const std::string& title, const Comparison& c) {
  return fmt::format(
      "{}: {} names: {} read alike ({} by unmatched parentheses), {} refused by both; "
      "tool alone {}, we alone {}, different {}, wrong name {}\n",
      title, c.names, c.read, c.unmatched, c.refused, c.tool_alone, c.we_alone, c.different,
      c.wrong_name);
}

}  // namespace ntstack::tests
