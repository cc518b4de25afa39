// Writes UNWIND_INFO of version 3, from Microsoft's "x64 unwind information v3" alone: no compiler
// at hand does. It shares nothing with the decoder under test; what both misread alike is not
// found.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ntstack::tests {

enum class Does : std::uint8_t { push, alloc, set_frame, save, save_xmm, push_frame };

// What one instruction of a prologue does, or undoes in an epilogue.
struct Operation {
  Does does = Does::push;
  std::uint8_t number = 0;   // a register; of push_frame 1 with an error code
  std::uint32_t amount = 0;  // bytes allocated, or the offset from RSP
  std::uint32_t ip_offset = 0;
};

struct EncodedEpilog {
  std::uint32_t start = 0;            // from the fragment's begin
  std::uint32_t last = 0;             // its last instruction, from its start
  std::vector<Operation> operations;  // what is undone first comes first
};

// Of the several ways to write the same thing, which one.
struct Forms {
  bool from_tail = false;     // epilogues counted from the fragment's end
  bool shares_pool = false;   // an epilogue's operations are looked for among those there are
  bool inherits = false;      // an epilogue like the one before is written in three bytes
  bool large_prolog = false;  // 16 bits an IP offset
  bool large_epilogs = false;
  bool far = false;  // allocations and saves in their longest forms
};

struct Fragment {
  std::uint32_t size = 0;  // bytes of code
  std::uint32_t prolog_size = 0;
  std::vector<Operation> prolog;       // the last one first
  std::vector<EncodedEpilog> epilogs;  // ascending
  std::optional<std::uint32_t> handler;
  struct Parent {
    std::uint32_t begin = 0, end = 0, unwind = 0;
  };
  std::optional<Parent> parent;
};

// Nothing where the format has no room: then the fragment has to be cut.
std::optional<std::vector<std::uint8_t>> encode(const Fragment& fragment, const Forms& forms);

}  // namespace ntstack::tests
