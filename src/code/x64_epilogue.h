// The epilogues that x64 unwinding must know by their instructions: version 1 of the unwind data
// does not say where they are. From Microsoft's "x64 prolog and epilog".
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "code/instruction.h"

namespace ntstack::code {

// What is left of an epilogue: how the stack pointer moves, which registers are popped, how it
// leaves.
struct Epilogue {
  // Before the pops: RSP += adjust, or RSP = base register + adjust for `lea rsp, [base + adjust]`.
  std::int64_t adjust = 0;
  std::optional<std::uint8_t> base;
  // Registers in the order in which they are popped.
  std::array<std::uint8_t, 16> pops{};
  std::uint8_t pop_count = 0;
  std::uint16_t argument_bytes = 0;  // of `ret n`
  // A direct jump's target, counted from the first byte; the caller knows whether it leaves the
  // function.
  std::optional<std::int64_t> jump;
  // It leaves by a jump and nothing is released before it: at such an instruction an epilogue looks
  // like a jump within the function, or a switch's. What lies before it tells them apart.
  bool bare_jump = false;
};

// The epilogue whose rest starts at the first byte of `code` (kEpilogueBytes are enough).
// `frame_register` is the register of the function's unwind data, 0 where it has none.
// Taken are: `add rsp, n` or `lea rsp, [frame register + n]`, pops of 64-bit registers, and then
// one of `ret`, `ret n`, `rep ret`, `bnd ret`, a direct jump, a jump through memory or a register.
// Nothing of that: nothing is returned.
std::optional<Epilogue> epilogue_at(base::Bytes code, std::uint8_t frame_register);
inline constexpr std::size_t kEpilogueBytes = 48;

// True for what releases a frame or a part of it: a pop, `add rsp, n`, `lea rsp, ...`,
// `mov rsp, ...` and `leave`.
bool releases(const Instruction& instruction);

// True where the bytes before an instruction can end in one that releases. Bytes may mislead: they
// are read backwards.
bool released_before(base::Bytes before);
inline constexpr std::size_t kReleaseBytes = 8;

}  // namespace ntstack::code
