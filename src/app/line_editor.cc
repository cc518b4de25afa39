// libedit: its keys are those of emacs and of the user's ~/.editrc.
#include "app/line_editor.h"

#include <fmt/format.h>
#include <histedit.h>

#include <algorithm>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "app/completed_words.h"
#include "app/pager.h"
#include "base/partial.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// Empty where the user has no home.
fs::path history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state && *state == '/') return fs::path(state) / "ntstack" / "history";
  return home && *home == '/' ? fs::path(home) / ".local/state/ntstack/history" : fs::path();
}

}  // namespace

struct LineEditor::State {
  explicit State(Complete function) : complete(std::move(function)) {}
  ~State() {
    el_end(editor);
    HistEvent event;
    if (!file.empty()) {
      std::error_code ignored;
      fs::create_directories(file.parent_path(), ignored);
      // Whole or not at all: other sessions read it, and disks are full.
      auto partial = base::Partial::beside(file);
      if (partial && ::history(history, &event, H_SAVE, partial->path().c_str()) >= 0)
        static_cast<void>(partial->become(file));
    }
    history_end(history);
  }

  static State& of(EditLine* editor) {
    void* state = nullptr;
    el_get(editor, EL_CLIENTDATA, &state);
    return *static_cast<State*>(state);
  }
  static char* prompt_of(EditLine* editor) { return of(editor).prompt.data(); }
  static unsigned char on_tab(EditLine* editor, int) { return of(editor).complete_word(); }
  static unsigned char on_cancel(EditLine* editor, int) { return of(editor).leave_line(); }
  static unsigned char on_stop(EditLine* editor, int) {
    el_set(editor, EL_PREP_TERM, 0);
    std::raise(SIGTSTP);
    el_set(editor, EL_PREP_TERM, 1);
    return CC_REDISPLAY;
  }

  unsigned char complete_word();
  unsigned char leave_line();

  Complete complete;
  std::string prompt;
  fs::path file;
  EditLine* editor = nullptr;
  History* history = nullptr;
};

unsigned char LineEditor::State::complete_word() {
  const LineInfo* line = el_line(editor);
  const std::string_view typed(line->buffer, static_cast<std::size_t>(line->cursor - line->buffer));
  const console::Completions found = complete(typed);
  if (found.words.empty()) return CC_ERROR;
  const std::size_t length = typed.size() - found.begin;
  const std::string word = completed_word(found);
  if (word.size() == length && found.words.size() > 1) {
    std::fputs(("\n" + words_text(found.words, terminal_size().columns)).c_str(), stdout);
    std::fflush(stdout);
    return CC_REDISPLAY;
  }
  el_deletestr(editor, static_cast<int>(length));
  return el_insertstr(editor, word.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
}

// Ctrl-C while nothing runs: the line is given up.
unsigned char LineEditor::State::leave_line() {
  const LineInfo* line = el_line(editor);
  const auto length = line->lastchar - line->buffer;
  el_cursor(editor, static_cast<int>(line->lastchar - line->cursor));
  el_deletestr(editor, static_cast<int>(length));
  std::fputs("^C\n", stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

LineEditor::LineEditor(Complete complete) : state_(std::make_unique<State>(std::move(complete))) {
  State& state = *state_;
  if (!std::setlocale(LC_CTYPE, "")) std::setlocale(LC_CTYPE, "C.UTF-8");
  state.editor = el_init("ntstack", stdin, stdout, stderr);
  state.history = history_init();
  state.file = history_file();
  HistEvent event;
  history(state.history, &event, H_SETSIZE, 1000);
  history(state.history, &event, H_SETUNIQUE, 1);
  if (!state.file.empty()) history(state.history, &event, H_LOAD, state.file.c_str());
  EditLine* editor = state.editor;
  el_set(editor, EL_CLIENTDATA, &state);
  el_set(editor, EL_PROMPT, &State::prompt_of);
  el_set(editor, EL_EDITOR, "emacs");
  el_set(editor, EL_HIST, ::history, state.history);
  el_set(editor, EL_SIGNAL, 1);
  el_set(editor, EL_ADDFN, "ntstack-complete", "completes the word", &State::on_tab);
  el_set(editor, EL_ADDFN, "ntstack-cancel", "gives the line up", &State::on_cancel);
  el_set(editor, EL_ADDFN, "ntstack-stop", "stops the program", &State::on_stop);
  // Ctrl-C and Ctrl-Z are keys while a line is edited, and signals while a command runs.
  el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
  el_set(editor, EL_BIND, "^I", "ntstack-complete", nullptr);
  el_set(editor, EL_BIND, "^C", "ntstack-cancel", nullptr);
  el_set(editor, EL_BIND, "^Z", "ntstack-stop", nullptr);
  el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(editor, nullptr);
}

LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  state_->prompt = prompt;
  int length = 0;
  el_set(state_->editor, EL_PREP_TERM, 1);  // before the prompt is seen: a key may come at once
  const char* line = el_gets(state_->editor, &length);
  if (!line || length <= 0) return std::nullopt;
  std::string text(line, static_cast<std::size_t>(length));
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  HistEvent event;
  if (text.find_first_not_of(" \t") != std::string::npos)
    history(state_->history, &event, H_ENTER, text.c_str());
  return text;
}

}  // namespace ntstack::app
