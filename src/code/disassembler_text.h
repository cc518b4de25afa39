// Texts of instructions: numbers and registers as WinDbg has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "code/disassembler.h"

namespace ntstack::code {

struct TextNumber {
  std::uint64_t value = 0;
  std::size_t size = 0;  // characters; 0: no number is there
};

// "0x1f", "9", "-0x10" at the start of `text`; none where letters follow it.
TextNumber number_at(std::string_view text);

// "9", "0x1F": ARM64's immediates.
std::string c_number(std::uint64_t value);

// A register of ARM64 as WinDbg names it: "x29" is "fp", "w18" is "wpr". Others as they are.
std::string arm64_word(std::string_view word);

// ARM64 operands: registers renamed, numbers behind '#' written anew, no spaces behind commas.
std::string arm64_text(std::string_view operands);

// What stands for bytes that are no instruction. x86: its length by its opcode, where it has one.
void make_unknown(base::Bytes code, base::Architecture architecture, Disassembled& out);

}  // namespace ntstack::code
