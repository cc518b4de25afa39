// Trap frames and task state segments from the input, in both layouts. What is read as a kernel's
// frame has a kernel's selector.
#include <cstdlib>
#include <span>

#include "unwind/x86_task.h"
#include "unwind/x86_trap.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  namespace x86 = unwind::x86;
  constexpr std::uint32_t base = 0x80010000;
  const base::Bytes input(std::as_bytes(std::span(data, size)));
  const base::SegmentSource memory({{base, input}});
  for (std::uint32_t offset = 0; offset <= size && offset < 256; offset += 4) {
    for (const auto layout : {x86::TrapLayout::xp_to_8_0, x86::TrapLayout::since_8_1}) {
      const auto frame = x86::read_trap_frame(memory, base + offset, layout);
      const auto chained = x86::read_chained_trap_frame(memory, base + offset, layout);
      if (chained && !frame) std::abort();
      if (frame && !frame->from_user && frame->cs != 8) std::abort();
    }
    (void)x86::read_task_state(memory, base + offset);
    (void)x86::task_address(memory, base, static_cast<std::uint16_t>(offset));
    (void)x86::read_interrupted_task(memory, base, base + offset);
  }
  return 0;
}
