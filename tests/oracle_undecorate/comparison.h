// Our answers beside llvm-undname's, counted by how they differ.
#pragma once

#include <cstddef>
#include <string>

#include "names.h"

namespace ntstack::tests {

struct Comparison {
  std::size_t names = 0;
  std::size_t read = 0;        // by both
  std::size_t refused = 0;     // by both
  std::size_t tool_alone = 0;  // read by the tool, refused by us
  std::size_t we_alone = 0;    // read by us, refused by the tool
  std::size_t different = 0;   // read by both, printed otherwise, in full or without results
  std::size_t wrong_name = 0;  // undecorate() is not the tool's text without its parameters
  std::size_t unmatched = 0;   // of those read: parentheses of the tool that do not match, so that
                               // the name is only checked to be what stands before one of them
  std::string examples;        // the first few of each kind, shortest first

  std::size_t differences() const { return tool_alone + we_alone + different + wrong_name; }
};

Comparison compare(const Names& names);

// One line of counts.
std::string line(const std::string& title, const Comparison& comparison);

}  // namespace ntstack::tests
