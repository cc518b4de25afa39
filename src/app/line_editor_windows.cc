// Windows: the console edits lines itself, and remembers them; Tab gives the line to ntstack, which
// completes it.
#include <cstdio>

#include "app/completed_words.h"
#include "app/line_editor.h"
#include "app/pager.h"
#include "app/windows_console.h"

namespace ntstack::app {

struct LineEditor::State {
  Complete complete;
  // The line after Tab: its word completed, or the words shown that it may become; then written
  // anew behind the prompt.
  std::string completed(const ConsoleLine& read, const std::string& prompt) const;
};

namespace {

void show_line(const std::string& prompt, const std::string& line) {
  std::fputs((prompt + line).c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

std::string LineEditor::State::completed(const ConsoleLine& read, const std::string& prompt) const {
  const std::string& line = read.text;
  const console::Completions found = complete(line);
  const std::string word = completed_word(found);
  const bool is_longer = word.size() > line.size() - found.begin;
  const std::size_t width = terminal_size().columns;
  if (!is_longer && found.words.size() > 1) {
    std::fputs(("\n" + words_text(found.words, width)).c_str(), stdout);
  } else {
    // Only a row that the line fills alone, without more behind the cursor, is written over.
    const bool fits = !read.has_rest && prompt.size() + line.size() < width;
    std::fputs(fits ? "\r" : "\n", stdout);
  }
  std::string longer = is_longer ? line.substr(0, found.begin) + word : line;
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
    line = state_->completed(*read, prompt);
  }
}

}  // namespace ntstack::app
