// A function's instructions as Capstone has them, and the epilogues among them.
#pragma once

#include <capstone/capstone.h>

#include <map>
#include <vector>

#include "pe/image.h"
#include "pe/unwind_x64.h"
#include "version_3/encoder.h"

namespace ntstack::tests {

class FunctionCode {
 public:
  explicit FunctionCode(const pe::Image& image);
  ~FunctionCode();
  FunctionCode(const FunctionCode&) = delete;
  FunctionCode& operator=(const FunctionCode&) = delete;

  // Of the instruction that ends at `offset`, both from the function's begin. Where none does (the
  // codes of a frame that no instruction makes), the byte before.
  std::uint32_t start_of_instruction_before(const pe::x64::RuntimeFunction& function,
                                            std::uint32_t offset);
  std::uint32_t end_of_instruction(std::uint32_t rva);

  // Ascending. An epilogue gives back what `whole` took, one instruction after another, and ends in
  // a return or a jump; what moves saved is restored before it.
  std::vector<EncodedEpilog> epilogs(const pe::x64::RuntimeFunction& function,
                                     const std::vector<Operation>& whole);

 private:
  struct Instruction {
    std::uint32_t rva = 0, end = 0;
    bool exits = false;       // a return, or a jump
    int pops = -1;            // the register that it pops
    std::uint32_t frees = 0;  // bytes that it adds to RSP
    int from = -1;            // the register that it sets RSP from, with an offset
  };

  Instruction read(const cs_insn& decoded) const;
  const std::vector<Instruction>& instructions(const pe::x64::RuntimeFunction& function);
  std::optional<EncodedEpilog> epilog_that_ends_at(const std::vector<Instruction>& code,
                                                   std::size_t exit, std::uint32_t begin,
                                                   const std::vector<Operation>& whole) const;

  const pe::Image& image_;
  csh engine_ = 0;
  std::uint32_t begin_ = 0;  // of the function that instructions_ are of
  std::vector<Instruction> instructions_;
};

}  // namespace ntstack::tests
