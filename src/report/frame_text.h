// Frames as JSON text. Thousands of stacks have the same few hundred call sites: what is the same
// in a frame is put together once.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "stacks/stack.h"

namespace ntstack::report {

class FrameTexts {
 public:
  // Appends the list's content: an object for each frame, its lines as far in as in the document
  // of `stacks` (eight spaces), with a line break before each and none behind the last.
  void append(const std::vector<stacks::Frame>& frames, std::string& out);

 private:
  struct Site {
    symbols::Symbol symbol;
    std::string text;
  };
  const std::string& site_of(const stacks::Frame& frame);
  void append(const stacks::Frame& frame, std::string& out);

  std::unordered_map<std::uint64_t, std::vector<Site>> sites_;  // by address
};

}  // namespace ntstack::report
