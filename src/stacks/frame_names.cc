#include "stacks/frame_names.h"

namespace ntstack::stacks {

void name_frames(std::vector<Frame>& frames, symbols::Symbolizer& symbolizer) {
  std::vector<Frame> named;
  named.reserve(frames.size());
  for (Frame& frame : frames) {
    symbols::Frames names = symbolizer.name(frame.ip, frame.is_call_site);
    for (symbols::Symbol& symbol : names.inlined) {
      Frame inlined = frame;
      inlined.is_inline = true;
      inlined.frame_bytes = 0;
      inlined.trap_frame.reset();
      inlined.symbol = std::move(symbol);
      named.push_back(std::move(inlined));
    }
    frame.symbol = std::move(names.function);
    named.push_back(std::move(frame));
  }
  frames = std::move(named);
}

}  // namespace ntstack::stacks
