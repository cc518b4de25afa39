// Whose stacks have the address of a lock: a thread that does not wait for it and has it in a live
// frame may hold it.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/byte_source.h"
#include "stacks/stack.h"

namespace ntstack::analysis {

struct StackHit {
  std::size_t stack = 0;   // index
  std::size_t frame = 0;   // in whose bytes the slot lies
  std::uint64_t slot = 0;  // 0: a register of the youngest frame
};

// The stacks' live bytes, frame by frame, for each of the values; the youngest hit of a stack
// alone. `memory_of` gives a stack's memory; null: it is left out. At most 4 GB of stacks are read.
class StackSearch {
 public:
  explicit StackSearch(bool wide) : wide_(wide) {}
  void look_for(std::uint64_t value) { hits_.try_emplace(value); }
  bool has_any() const { return !hits_.empty(); }
  void look_in(const stacks::Stack& stack, std::size_t index, const base::ByteSource& memory);
  std::span<const StackHit> hits(std::uint64_t value) const;

 private:
  bool wide_;
  std::uint64_t bytes_ = 0;
  std::unordered_map<std::uint64_t, std::vector<StackHit>> hits_;
};

}  // namespace ntstack::analysis
