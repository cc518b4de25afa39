// What a slot of a stack (or of any memory) probably is, and why: a return address and its call, a
// saved frame pointer, a part of a trap frame, a pointer to something that is known, text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_source.h"
#include "stacks/module_map.h"
#include "stacks/trap_frame.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"

namespace ntstack::analysis {

enum class SlotKind : std::uint8_t {
  none,
  trap_frame,      // a field of a KTRAP_FRAME
  return_address,  // the code before it is a call
  frame_pointer,   // a link of a chain: beside a return address, and so is what it points to
  maybe_return,    // in a module, and the code before it is not at hand
  code,            // in a module's code, and no call ends there
  module_data,     // elsewhere in a module
  own_stack,       // points into the stack that the slot lies on
  other_stack,
  thread,   // at or into an ETHREAD
  process,  // at or into an EPROCESS
  pool_block,
  string,       // points to text
  text,         // its own bytes are text
  small_number  // below 64 KB: no address
};
std::string_view name_of(SlotKind kind);  // "return_address": JSON

struct SlotMeaning {
  SlotKind kind = SlotKind::none;
  std::string reason;  // in words: "return address of a call to nt!IofCallDriver"
  // Of a return address: where its call leads, and the address of the pointer that it goes through.
  std::optional<std::uint64_t> call_target, called_through;
};

// Reads slots, best in rising order. Each costs some look-ups and a few reads, however the memory
// is made up; nothing is walked.
class SlotReader {
 public:
  // Both outlive the reader.
  SlotReader(const target::Machine& machine, symbols::Symbolizer& symbolizer);

  // Of a slot of the target's pointer size.
  SlotMeaning of(std::uint64_t address, std::uint64_t value);
  // Of a value alone, where it is the address behind a call.
  std::optional<SlotMeaning> as_return_address(std::uint64_t value);

 private:
  struct Region {
    std::uint64_t begin = 0, end = 0;
    std::string what;
    SlotKind kind = SlotKind::none;
  };
  // [begin, end) that were looked through for the starts of trap frames, and the last that was
  // found.
  struct TrapFrames {
    std::uint64_t begin = 0, end = 0;
    std::optional<stacks::TrapFrame> last;
  };

  void add_stacks();
  void add_objects();
  const Region* region_of(const std::vector<Region>& regions, std::uint64_t address) const;
  std::optional<SlotMeaning> as_trap_frame(std::uint64_t address);
  void look_for_trap_frames(std::uint64_t address);
  std::optional<SlotMeaning> as_arm64_return(std::uint64_t value) const;
  std::optional<SlotMeaning> as_frame_pointer(std::uint64_t address, std::uint64_t value);
  std::optional<SlotMeaning> as_code(std::uint64_t value);
  std::optional<SlotMeaning> as_known_address(std::uint64_t address, std::uint64_t value) const;
  std::optional<SlotMeaning> as_pool_block(std::uint64_t value) const;
  std::optional<SlotMeaning> as_string(std::uint64_t value) const;
  std::optional<SlotMeaning> as_text(std::uint64_t value) const;
  enum class CallBefore : std::uint8_t { no, not_at_hand, yes };
  CallBefore call_before(std::uint64_t value);
  std::string name_at(std::uint64_t address);
  std::string address_text(std::uint64_t address) const;

  const target::Machine& machine_;
  symbols::Symbolizer& symbolizer_;
  stacks::ModuleMap modules_;
  stacks::ModuleCode images_;
  base::LayeredSource memory_;  // the dump's, the images behind it
  bool wide_;
  base::Architecture architecture_;
  std::vector<Region> stacks_, objects_;  // by address
  TrapFrames traps_;
};

}  // namespace ntstack::analysis
