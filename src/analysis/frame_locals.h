// The locals of a frame's function, by its PDB: what a large frame is large for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stacks/stack.h"
#include "symbols/symbolizer.h"

namespace ntstack::analysis {

struct FrameLocal {
  std::string name;
  std::string function;  // of an inlined one's: its name; empty: the frame's own
  std::string type;      // "char[1024]"
  std::uint64_t bytes = 0;
  std::string base;  // the register that `offset` counts from: "rsp"; empty: not known
  std::int64_t offset = 0;
  bool is_parameter = false;
};

struct FrameLocals {
  // By falling bytes; each fits into the frame. The compiler may give the same bytes to several.
  std::vector<FrameLocal> locals;
  // It alone has most of the frame's bytes, and is no parameter; null: none is so large.
  const FrameLocal* most_of(std::uint64_t frame_bytes) const;
};

// Empty where no private PDB is at hand. `bytes`: the frame's.
FrameLocals frame_locals_of(const stacks::Frame& frame, std::uint64_t bytes,
                            symbols::Symbolizer& symbolizer);

}  // namespace ntstack::analysis
