// What a line editor shows of completions.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "console/completion.h"

namespace ntstack::app {

// What the typed word becomes: the beginning that all have, in the letters of the first; a single
// one whole, with a blank behind it, but for a module ("nt!"). Empty where nothing completes.
std::string completed_word(const console::Completions& found);

// Lines of words in columns, for a terminal of `width` columns; of more than 200 the first, and how
// many more there are.
std::string words_text(const std::vector<std::string>& words, std::size_t width);

}  // namespace ntstack::app
