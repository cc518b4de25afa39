// Words in the text of commands: blocks in braces, tokens put in for variables.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ntstack::console {

// "{ a; { b } } rest": what is between the braces, and what is behind them. Nothing where `text`
// begins with none, or none closes it.
struct Block {
  std::string_view inside, rest;
};
std::optional<Block> take_block(std::string_view text, char open, char close);

// `text` with `value` for every word `name` and every ${name}, as .foreach has it.
std::string with_value(std::string_view text, std::string_view name, std::string_view value);

// The words of an output: blanks and line breaks part them.
std::vector<std::string> words_of(std::string_view text, std::size_t most);

// Options as extensions take them: `-t nt!_KTHREAD.Flink -x "!thread" -a "1f" $thread`; quotes are
// taken off. `rest`: what no option's value is.
struct Options {
  std::vector<std::pair<char, std::string>> values;
  std::string rest;
  std::optional<std::string> value_of(char option) const;
};
Options read_options(std::string_view text, std::string_view with_values);

}  // namespace ntstack::console
