// Names for frames, and the frames that were inlined.
#pragma once

#include <vector>

#include "stacks/stack.h"
#include "symbols/symbolizer.h"

namespace ntstack::stacks {

// Fills each frame's symbol and puts what was inlined there before it, the innermost first.
void name_frames(std::vector<Frame>& frames, symbols::Symbolizer& symbolizer);

}  // namespace ntstack::stacks
