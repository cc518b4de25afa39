// Any bytes as a function's first, of all three processors: what they take of the stack lies in
// them, in their order.
#include "code/prologue.h"
#include "input.h"

using namespace ntstack;

namespace {

void check(const code::Prologue& prologue, std::size_t size) {
  fuzz::require(prologue.size <= size);
  std::uint32_t last = 0;
  for (const code::StackTaken& taken : prologue.taken) {
    fuzz::require(taken.offset >= last && taken.offset < size && !taken.text.empty());
    last = taken.offset;
    (void)code::name_of(taken.taking);
  }
  (void)prologue.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes code = base::Bytes::of(std::span(data, size)).clamp(0, code::kPrologueBytes);
  const auto helper = [](std::int64_t distance) {
    return static_cast<code::Helper>(static_cast<std::uint64_t>(distance) % 3);
  };
  check(code::prologue_of(code, code::Mode::x64), code.size());
  check(code::prologue_of(code, code::Mode::x86, helper), code.size());
  check(code::prologue_of_arm64(code), code.size());
  return 0;
}
