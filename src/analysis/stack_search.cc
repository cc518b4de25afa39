#include "analysis/stack_search.h"

#include <algorithm>
#include <cstring>

#include "analysis/frame_registers.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint64_t kMostOfFrame = 0x20000, kMostBytes = std::uint64_t{4} << 30;

}  // namespace

void StackSearch::look_in(const stacks::Stack& stack, std::size_t index,
                          const base::ByteSource& memory) {
  const std::uint64_t word = wide_ ? 8 : 4;
  for (std::size_t i = 0; i < stack.frames.size() && bytes_ < kMostBytes; ++i) {
    const stacks::Frame& frame = stack.frames[i];
    if (frame.is_inline || frame.is_user) continue;
    std::uint64_t size = frame.frame_bytes.value_or(0);
    if (size == 0)
      if (const auto below = frame_below(stack, i);
          below && stack.frames[*below].child_sp > frame.child_sp)
        size = stack.frames[*below].child_sp - frame.child_sp;
    size = std::min(size, kMostOfFrame) & ~(word - 1);
    if (size == 0) continue;
    bytes_ += size;
    const std::vector<std::byte> bytes =
        memory.copy(frame.child_sp, static_cast<std::size_t>(size));
    for (std::size_t at = 0; at + word <= bytes.size(); at += word) {
      std::uint64_t value = 0;
      std::memcpy(&value, bytes.data() + at, static_cast<std::size_t>(word));
      const auto found = hits_.find(value);
      if (found == hits_.end()) continue;
      if (!found->second.empty() && found->second.back().stack == index) continue;
      found->second.push_back({index, i, frame.child_sp + at});
    }
  }
}

std::span<const StackHit> StackSearch::hits(std::uint64_t value) const {
  const auto found = hits_.find(value);
  return found == hits_.end() ? std::span<const StackHit>() : found->second;
}

}  // namespace ntstack::analysis
