// Windows: the console edits lines itself, and remembers them; Tab gives the line to ntstack, which
// completes it.
#include <cstdio>

#include "app/line_editor.h"
#include "app/windows_console.h"

namespace ntstack::app {

struct LineEditor::State {
  Complete complete;
  // What the line is after Tab was hit behind `line`; several words that it may become are shown.
  std::string completed(const std::string& line, const std::string& prompt) const;
};

namespace {

void show_line(const std::string& prompt, const std::string& line) {
  std::fputs((prompt + line).c_str(), stdout);
  std::fflush(stdout);
}

void show_words(const std::vector<std::string>& words) {
  constexpr std::size_t most = 200;
  std::fputs("\n", stdout);
  for (std::size_t i = 0; i < words.size() && i < most; ++i)
    std::fputs((words[i] + "  ").c_str(), stdout);
  std::fputs(words.size() > most ? "...\n" : "\n", stdout);
}

}  // namespace

std::string LineEditor::State::completed(const std::string& line, const std::string& prompt) const {
  const console::Completions found = complete(line);
  const std::string beginning = console::common_beginning(found.words);
  const std::string word = line.substr(found.begin);
  std::string longer = line;
  const bool is_whole = found.words.size() == 1;
  if (is_whole || beginning.size() > word.size())
    longer = line.substr(0, found.begin) + beginning +
             (is_whole && !beginning.ends_with('!') ? " " : "");
  const bool is_longer = longer.size() > line.size();
  if (!is_longer && found.words.size() > 1) show_words(found.words);
  const auto size = console_size();
  // The row of a line of several rows is not known: it is written once more.
  const bool fits = size && prompt.size() + line.size() < size->columns;
  std::fputs(fits || (!is_longer && found.words.size() > 1) ? "\r" : "\n", stdout);
  show_line(prompt, longer);
  return longer;
}

LineEditor::LineEditor(Complete complete)
    : state_(std::make_unique<State>(State{std::move(complete)})) {}
LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  show_line(prompt, "");
  std::string line;
  while (true) {
    const auto read = read_console_line(line);
    if (!read) return std::nullopt;
    if (!read->is_for_tab) return read->text;
    line = state_->completed(read->text, prompt);
  }
}

}  // namespace ntstack::app
