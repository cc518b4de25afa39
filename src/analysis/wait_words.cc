#include "analysis/wait_words.h"

#include <algorithm>

namespace ntstack::analysis {

std::optional<WaitWords> wait_words_of(const stacks::Stack& stack) {
  const std::size_t count = std::min(stack.frames.size(), kFramesThatWait);
  for (const WaitFunction& each : wait_functions())
    for (std::size_t i = 0; i < count; ++i)
      if (is_in(each, stack.frames[i].symbol))
        return WaitWords{each.kind, each.words, i, each.object};
  return {};
}

}  // namespace ntstack::analysis
