// A stack as the k commands list it: which columns, from where, how many frames.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "console/console.h"
#include "stacks/stack.h"

namespace ntstack::console {

struct StackColumns {
  bool numbers = false;     // n
  bool bytes = false;       // f
  bool arguments = false;   // b, v
  bool notes = false;       // v
  bool lines = true;        // not L
  bool only_names = false;  // c
  bool parameters = false;  // p, P
  bool in_lines = false;    // P: each parameter on its own
};

struct ListedFrame {
  const stacks::Frame* frame = nullptr;  // in the stack that was listed
  std::uint64_t stack_pointer = 0;       // ChildEBP or Child-SP
  // From the frame before: "the distance between adjacent frames". Nothing for the first, and where
  // the stack is another.
  std::optional<std::uint64_t> bytes;
  std::array<std::optional<std::uint64_t>, 4> arguments{};
  std::string note;           // "(FPO: [2,0,4])"
  std::string parameters;     // "(unsigned long Count = 5)"
  bool may_be_wrong = false;  // from here on
};

struct StackListing {
  std::vector<ListedFrame> frames;
  bool is_cut = false;  // the stack has more frames
};

// The stack of the context, as k shows it.
base::Result<stacks::Stack> stack_of_context(Console& console);

// `stack` outlives the listing; `most` frames are listed.
StackListing list_stack(Console& console, const stacks::Stack& stack, const StackColumns& columns,
                        std::uint64_t most);
// A line of it; `wide`: the dump is of a 64-bit machine.
std::string frame_line(std::size_t number, const ListedFrame& listed, const StackColumns& columns,
                       bool wide);
std::string listing_text(const StackListing& listing, const StackColumns& columns,
                         base::Architecture architecture);

}  // namespace ntstack::console
