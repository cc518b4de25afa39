// Functions from the input: the frame's state at each of their bytes, and what is left of an
// epilogue there. Depths stay within what the header says.
#include <cstdlib>
#include <span>

#include "unwind/x86_code.h"
#include "unwind/x86_frame.h"
#include "unwind/x86_helper.h"
#include "unwind/x86_start.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  namespace x86 = unwind::x86;
  constexpr std::uint32_t base = 0x80400000;
  const base::Bytes input(std::as_bytes(std::span(data, std::min<std::size_t>(size, 256))));
  if (input.size() < 4) return 0;
  const base::Bytes text = input.clamp(1);
  const base::SegmentSource memory({{base, text}});
  const auto prolog = input.get_or<std::uint8_t>(0, 0);
  const bool is_known = prolog % 2 == 0;
  const auto text_size = static_cast<std::uint32_t>(text.size());
  const x86::Function function{base, is_known ? text_size : x86::kLargestFunction, prolog / 4u};
  const std::uint32_t step = text_size > 64 ? 5 : 1;
  for (std::uint32_t offset = 0; offset < text_size; offset += step) {
    const auto state = x86::frame_state_at(memory, function, base + offset);
    if (state && state->esp && (*state->esp < -4096 || *state->esp > x86::kMaximumDepth))
      std::abort();
    (void)x86::leaving_frame_at(memory, base + offset);
    (void)x86::padded_start(memory, base + offset, base);
    x86::Registers registers;
    registers.gpr.fill(base);
    registers.eip = base + offset;
    registers.known = 0xff;
    (void)x86::execute_to_return(memory, registers);
  }
  (void)x86::effect_of_call(memory, base);
  return 0;
}
