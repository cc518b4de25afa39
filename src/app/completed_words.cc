#include "app/completed_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace ntstack::app {

std::string completed_word(const console::Completions& found) {
  std::string word = console::common_beginning(found.words);
  if (found.words.size() == 1 && !word.ends_with('!')) word += ' ';
  return word;
}

std::string words_text(const std::vector<std::string>& words, std::size_t width) {
  constexpr std::size_t most = 200;
  std::size_t wide = 0;
  for (const std::string& word : words) wide = std::max(wide, word.size() + 2);
  const std::size_t columns = std::max<std::size_t>(1, width / std::max<std::size_t>(1, wide));
  std::string text;
  const std::size_t shown = std::min(words.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    const bool ends_row = (i + 1) % columns == 0 || i + 1 == shown;
    text += ends_row ? words[i] + "\n" : fmt::format("{:<{}}", words[i], wide);
  }
  if (shown < words.size()) text += fmt::format("and {} more\n", words.size() - shown);
  return text;
}

}  // namespace ntstack::app
