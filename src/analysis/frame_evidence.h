// Why a frame is as large as it is: the instructions of its function that take stack, each with its
// bytes, held against the frame and against the image's unwind codes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "code/prologue.h"
#include "stacks/module_map.h"
#include "stacks/stack.h"

namespace ntstack::analysis {

// What told where the function begins.
enum class StartBy : std::uint8_t {
  none,
  unwind_data,  // x64, ARM64: the image's function table
  record,       // x86: the PDB
  call,         // x86: the caller's call leads there
  padding       // x86: code begins behind padding there, and its stack comes out as the frame's
};
std::string_view name_of(StartBy by);  // "unwind_data": JSON

struct TakenBy {
  std::uint64_t address = 0;
  code::Taking taking = code::Taking::allocates;
  std::uint64_t bytes = 0;
  std::string text;
};

struct FrameEvidence {
  std::uint64_t function = 0;  // its first instruction; 0: not known
  StartBy start_by = StartBy::none;
  std::vector<TakenBy> taken;        // in the order of the code, a parent's before its parts'
  std::uint64_t return_address = 0;  // bytes of its slot: 4, 8, none on ARM64
  // x86: what lies on the stack for the call that the frame stands at, by the function's code.
  std::uint64_t arguments = 0;
  // What the frame has more than all of these; negative: less.
  std::int64_t unexplained = 0;
  bool aligns = false;  // some of that is alignment
  // x64, ARM64: by the unwind codes, the return address left out.
  std::optional<std::uint64_t> unwind_bytes;
  std::string why_none;  // a sentence where nothing is known

  std::uint64_t taken_bytes() const;
  // The one that takes most; null: none takes any.
  const TakenBy* largest() const;
  // Nothing where there is nothing to compare.
  std::optional<bool> agrees_with_unwind() const;
};

// Reads kernel code, from the dump's memory and the images behind it.
class EvidenceReader {
 public:
  // Both outlive the reader.
  EvidenceReader(const base::ByteSource& memory, symbols::Symbolizer& symbolizer)
      : modules_(symbolizer), code_(modules_), memory_(&memory, &code_) {}

  // `bytes`: the frame's, the return address's slot included.
  FrameEvidence of(const stacks::Frame& frame, std::uint64_t bytes,
                   base::Architecture architecture) const;

 private:
  void read_x86(const stacks::Frame& frame, std::uint64_t bytes, FrameEvidence& out) const;
  void read_x64(const stacks::Frame& frame, const unwind::Module& module, FrameEvidence& out) const;
  void read_arm64(const stacks::Frame& frame, const unwind::Module& module,
                  FrameEvidence& out) const;
  std::uint32_t start_of_x86(const stacks::Frame& frame, std::uint64_t bytes,
                             FrameEvidence& out) const;
  std::vector<std::byte> code_at(std::uint64_t address, std::uint64_t most) const;
  static void take(const code::Prologue& prologue, std::uint64_t function, FrameEvidence& out);

  stacks::ModuleMap modules_;
  stacks::ModuleCode code_;
  base::LayeredSource memory_;
};

}  // namespace ntstack::analysis
