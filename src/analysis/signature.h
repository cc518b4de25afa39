// A stack's signature: the same for the same way to the same crash, whatever the boot and wherever
// images were loaded. Its recipe is in docs/analyze.md.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stacks/stack.h"

namespace ntstack::analysis {

// "nt!KeWaitForSingleObject": the module's short name in lower case and the function, without an
// offset. Where only an export before it is known "nt!KeBugCheckEx+0x1a0", where nothing is
// "mydriver+0x1234" (from the image's base). Empty where the frame lies in no module.
std::string normalised(const stacks::Frame& frame);

struct Signature {
  std::string hash;                // 16 hexadecimal digits
  std::vector<std::string> lines;  // what was hashed, each ended by a line feed
  std::size_t frames = 0;          // of them
  std::size_t nameless = 0;        // frames that have no function's name: symbols change these
  bool has_guesses = false;        // no frame is exact: it is of guesses
};
inline constexpr std::size_t kMostSignatureFrames = 16;

// `begins`: "bugcheck 0xd1", "exception 0xc0000005" or "no crash". `is_user`: user frames count,
// else those of the kernel alone.
Signature signature_of(std::string begins, const stacks::Stack& stack, bool is_user);

}  // namespace ntstack::analysis
