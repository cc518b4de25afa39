// A build without Capstone: every instruction is unknown.
#include "code/disassembler.h"
#include "code/disassembler_text.h"

namespace ntstack::code {

bool can_disassemble() { return false; }

struct Disassembler::State {};

Disassembler::Disassembler(base::Architecture architecture) : architecture_(architecture) {}
Disassembler::~Disassembler() = default;
Disassembler::Disassembler(Disassembler&&) noexcept = default;
Disassembler& Disassembler::operator=(Disassembler&&) noexcept = default;

Disassembled Disassembler::at(base::Bytes code, std::uint64_t address) const {
  Disassembled out;
  out.address = address;
  make_unknown(code, architecture_, out);
  return out;
}

}  // namespace ntstack::code
