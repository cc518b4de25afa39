// FrameData programs from the input: compiled, then evaluated twice with the same result, over a
// stack of its last bytes.
#include <cstdlib>
#include <span>
#include <string_view>

#include "unwind/program.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  const base::Bytes input(std::as_bytes(std::span(data, size)));
  const std::string_view text = input.text(0);
  const auto program = unwind::x86::Program::compile(text);
  if (!program) return 0;
  constexpr std::uint32_t stack = 0x80010000;
  const base::SegmentSource memory({{stack, input.clamp(text.size() + 1)}});
  unwind::x86::Values first;
  for (std::size_t name = 0; name < unwind::x86::first_variable; ++name)
    first.set(name, stack + static_cast<std::uint32_t>(name) * 4);
  unwind::x86::Values second = first;
  const auto once = program->evaluate(first, memory);
  const auto again = program->evaluate(second, memory);
  if (once.has_value() != again.has_value() || first.values != second.values) std::abort();
  return 0;
}
