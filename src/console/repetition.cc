#include "console/repetition.h"

#include "console/command_line.h"

namespace ntstack::console {

namespace {

std::optional<Block> take_block(std::string_view text, char open, char close, bool minds_quotes) {
  std::size_t depth = 0;
  bool is_quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') is_quoted = minds_quotes && !is_quoted;
    if (is_quoted) continue;
    if (text[at] == open) ++depth;
    if (text[at] == close && --depth == 0)
      return Block{without_blanks(text.substr(1, at - 1)), without_blanks(text.substr(at + 1))};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Block> take_block(std::string_view text, char open, char close) {
  text = without_blanks(text);
  if (text.empty() || text[0] != open) return std::nullopt;
  const auto block = take_block(text, open, close, true);
  // A single quote is a letter like others.
  return block ? block : take_block(text, open, close, false);
}

namespace {

bool parts_words(char c) {
  return c == ' ' || c == '\t' || c == ';' || c == '{' || c == '}' || c == '"' || c == ',' ||
         c == '(' || c == ')';
}

}  // namespace

std::string with_value(std::string_view text, std::string_view name, std::string_view value) {
  const std::string braced = "${" + std::string(name) + "}";
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(braced)) {
      out += value;
      at += braced.size();
      continue;
    }
    const bool begins = at == 0 || parts_words(text[at - 1]);
    const bool ends =
        rest.size() == name.size() || (rest.size() > name.size() && parts_words(rest[name.size()]));
    if (begins && ends && rest.starts_with(name)) {
      out += value;
      at += name.size();
      continue;
    }
    out += text[at++];
  }
  return out;
}

std::vector<std::string> words_of(std::string_view text, std::size_t most) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && words.size() < most) words.push_back(std::move(word));
    word.clear();
  };
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      end_word();
    } else {
      word += c;
    }
  }
  end_word();
  return words;
}

std::optional<std::string> Options::value_of(char option) const {
  for (const auto& [letter, value] : values)
    if (letter == option) return value;
  return std::nullopt;
}

Options read_options(std::string_view text, std::string_view with_values) {
  Options options;
  text = without_blanks(text);
  const auto take_word = [&] {
    std::string word;
    bool is_quoted = false;
    std::size_t at = 0;
    for (; at < text.size() && (is_quoted || (text[at] != ' ' && text[at] != '\t')); ++at) {
      if (text[at] == '"') {
        is_quoted = !is_quoted;
      } else {
        word += text[at];
      }
    }
    text = without_blanks(text.substr(at));
    return word;
  };
  while (text.size() > 1 && text[0] == '-' && text[1] != ' ') {
    const std::string word = take_word();
    const char letter = word[1];
    const bool has_value = with_values.find(letter) != std::string_view::npos;
    options.values.emplace_back(letter, has_value ? take_word() : std::string());
  }
  options.rest = text;
  return options;
}

}  // namespace ntstack::console
