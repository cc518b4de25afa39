// What the word that is being typed may become: commands, modules, symbols, types and their fields,
// registers, processes. Which of them a command takes, its declaration says.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "console/console.h"
#include "console/name_lists.h"

namespace ntstack::console {

struct Completions {
  std::size_t begin = 0;           // where in the line the word begins
  std::vector<std::string> words;  // sorted, each once; all begin as the word does, in any case
};

class Completer {
 public:
  // `console` outlives it.
  explicit Completer(Console& console) : console_(console) {}

  // `line`: up to the cursor. Of more than some thousands the first are given.
  Completions of(std::string_view line);

 private:
  void add_for(const Command& command, std::string_view before, std::string_view word);
  void add_expression(std::string_view word);
  void add_modules(std::string_view word, bool with_bang);
  void add_types(std::string_view word);
  void add_fields(std::string_view before, std::string_view word);
  void add_commands(std::string_view word);
  void add_processes(std::string_view word);
  void add(std::string_view candidate, std::string_view word);

  Console& console_;
  NameLists names_;
  std::size_t names_age_ = 0;  // Console::reloads() when they were begun
  std::vector<std::string> words_;
};

// What all of them begin with, in the letters of the first; empty for none.
std::string common_beginning(const std::vector<std::string>& words);

}  // namespace ntstack::console
