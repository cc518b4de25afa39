// Any bytes as machine code: lengths stay within the bytes, and what ends in a call is found again.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "code/call.h"
#include "code/instruction.h"
#include "code/x64_epilogue.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(std::as_bytes(std::span(data, size)));
  for (const code::Mode mode : {code::Mode::x64, code::Mode::x86}) {
    const auto instruction = code::decode(input, mode);
    if (!instruction) continue;
    if (instruction->length == 0 || instruction->length > 15 || instruction->length > size)
      std::abort();
    // What decodes needs no byte behind it, and every byte of it.
    const auto alone = code::decode(input.clamp(0, instruction->length), mode);
    if (!alone || alone->length != instruction->length) std::abort();
    if (code::decode(input.clamp(0, instruction->length - 1u), mode)) std::abort();
    // Addresses of 16 bits, which no compiler makes, are not looked for.
    const bool is_call = instruction->is(code::Map::one_byte, 0xff) && instruction->reg() == 2 &&
                         !instruction->address_size_prefix;
    if (is_call && !code::call_before(input.clamp(0, instruction->length), mode)) std::abort();
  }
  (void)code::call_before(input, code::Mode::x64);
  (void)code::released_before(input);
  const std::uint8_t frame_register = size ? data[0] & 15 : 0;
  if (const auto epilogue = code::epilogue_at(input, frame_register)) {
    if (epilogue->pop_count > epilogue->pops.size()) std::abort();
  }
  return 0;
}
