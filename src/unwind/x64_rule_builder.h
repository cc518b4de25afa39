// Puts one rule together: what a prologue did is undone, operation by operation, and the stack
// pointer goes from the callee's to the caller's.
#pragma once

#include <array>
#include <cstdint>
#include <expected>

#include "pe/unwind_x64.h"
#include "unwind/x64_rule.h"

namespace ntstack::unwind::x64 {

// Where the stack pointer was at some point of the way out, or a slot of the frame.
struct Place {
  bool from_frame = false;  // counted from the frame register; else from the callee's RSP
  std::int64_t offset = 0;
  Place operator+(std::int64_t bytes) const { return {from_frame, offset + bytes}; }
};

class RuleBuilder {
 public:
  Place stack;  // the stack pointer as far as it is undone
  std::uint16_t argument_bytes = 0;

  // The frame register is named by the first info that needs it; 0 before.
  std::uint8_t frame_register() const { return rule_.frame_register; }
  void name_frame_register(std::uint8_t number) { rule_.frame_register = number; }
  // For an offset that counts from it, in order: false where another one is in use, or where its
  // own value is restored before.
  bool use_frame_register(std::uint8_t number);
  // False for RSP; a volatile register's slot is passed over.
  bool save(std::uint8_t register_number, Place place);
  // One operation of versions 1 and 2; saved registers count from `base`.
  bool undo(const pe::x64::UnwindCode& code, Place base);
  // One operation of version 3.
  bool undo(const pe::x64::Winding& winding);
  // Once the frame of the processor or of Windows is reached, nothing can lie behind it.
  bool is_at_end() const { return exit_ != Exit::returns; }

  // The return address, or the machine frame, is where `stack` is. Error: unwind_data_bad.
  std::expected<Rule, StepError> finish();

 private:
  bool undo_canonical_frame(std::uint8_t type);
  bool undo_set_fpreg(std::uint8_t number, std::uint32_t offset);
  bool undo_pushes(const pe::x64::Winding& winding);

  Rule rule_;
  std::array<Place, 8> saved_{};
  Exit exit_ = Exit::returns;
};

}  // namespace ntstack::unwind::x64
