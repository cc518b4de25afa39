// What a step from one address undoes: the codes of the unwind data that holds for it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>

#include "pe/unwind_arm64.h"
#include "unwind/arm64.h"

namespace ntstack::unwind::arm64 {

// Codes in the order in which they are undone: those of the instructions that were executed in a
// prologue, or that are still to be executed in an epilogue.
class Sequence {
 public:
  Sequence() : codes_(base::Bytes()) {}  // a leaf's: nothing
  // From the byte `index` of the codes on, without those of the first `skipped` instructions.
  Sequence(base::Bytes codes, std::size_t index, std::uint32_t skipped)
      : codes_(codes, index), skipped_(skipped) {}

  // As Windows does: the end of the code array ends a sequence too, and behind end_c the codes of
  // the parent's prologue follow. Nothing at the end, and at a malformed code: is_bad() tells.
  std::optional<pe::arm64::UnwindCode> next();
  bool is_bad() const { return codes_.error() != nullptr; }

 private:
  pe::arm64::CodeReader codes_;
  std::uint32_t skipped_ = 0;
};

// The sequence at `pc`; it reads from the image, or from `scratch`. Errors: those of looking up
// unwind data.
std::expected<Sequence, StepError> sequence_at(const CodeMap& code, std::uint64_t pc,
                                               bool is_call_site,
                                               pe::arm64::UnwindScratch& scratch);

}  // namespace ntstack::unwind::arm64
