// Code from the input, of all three processors: listed forwards and backwards, as a function, and
// asked what its calls call. What is listed stays in the code, and ends.
#include <cstdlib>
#include <span>

#include "analysis/called.h"
#include "analysis/function_code.h"
#include "analysis/listing.h"
#include "report/disassembly.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  if (size < 2 || size > 512) return 0;
  constexpr base::Architecture kArchitectures[] = {base::Architecture::x86, base::Architecture::x64,
                                                   base::Architecture::arm64};
  const base::Architecture architecture = kArchitectures[data[0] % 3];
  const bool is_64_bit = base::is_64_bit(architecture);
  const std::uint64_t start = is_64_bit ? 0xfffff80400400000 : 0x80400000;
  const base::Bytes text(std::as_bytes(std::span(data, size)).subspan(1));
  const base::SegmentSource memory({{start, text}});
  symbols::Symbolizer symbolizer({}, {});
  const analysis::CodeView view(memory, symbolizer, architecture);
  const auto forwards = analysis::list_from(view, start, 1000);
  if (forwards.lines.size() > text.size()) std::abort();
  (void)report::listing_text(forwards, is_64_bit);
  const auto function = analysis::function_code(view, start + data[1] % text.size());
  if (function.instructions > text.size()) std::abort();
  (void)report::function_text(function, is_64_bit);
  const std::size_t step = text.size() > 64 ? 7 : 1;
  for (std::size_t at = 0; at <= text.size(); at += step) {
    const auto before = analysis::list_before(view, start + at, 4);
    if (before.lines.size() > 4) std::abort();
    (void)report::called_text(analysis::called_before(view, start + at), is_64_bit);
  }
  return 0;
}
