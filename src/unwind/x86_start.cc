#include "unwind/x86_start.h"

#include <array>
#include <span>

#include "code/call.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kAlignment = 16, kMostBytes = 0x4000;
constexpr std::uint32_t kBefore = kAlignment + 6;  // padding, and the longest end of a function

// Does a function end here? `code` is what is before it, without padding. A call that does not come
// back can't be told from others: it counts where padding follows.
bool ends_function(std::span<const std::byte> code, bool is_padded) {
  const auto back = [&](std::size_t n) {
    return n <= code.size() ? std::to_integer<int>(code[code.size() - n]) : -1;
  };
  const bool returns = back(1) == 0xc3 || back(3) == 0xc2 || back(1) == 0xcf;
  const bool jumps = back(5) == 0xe9 || back(2) == 0xeb || (back(6) == 0xff && back(5) == 0x25) ||
                     (back(2) == 0xff && back(1) >= 0xe0 && back(1) <= 0xe7);
  return returns || jumps || (is_padded && back(5) == 0xe8) || back(1) == 0xf4;
}

}  // namespace

std::optional<std::uint32_t> padded_start(const base::ByteSource& memory, std::uint32_t address,
                                          std::uint32_t lowest) {
  if (address > lowest && address - lowest > kMostBytes) lowest = address - kMostBytes;
  for (std::uint32_t start = address & ~(kAlignment - 1); start > lowest && start >= kBefore;
       start -= kAlignment) {
    std::array<std::byte, kBefore> before;
    if (memory.read(start - kBefore, before) != before.size()) return {};
    std::size_t size = before.size();
    while (size > 0 && (before[size - 1] == std::byte{0x90} || before[size - 1] == std::byte{0xcc}))
      size--;
    if (size == 0 || ends_function(std::span(before).first(size), size < before.size()))
      return start;
  }
  return {};
}

bool starts_with_frame_pointer(const base::ByteSource& memory, std::uint32_t start) {
  constexpr std::uint16_t hot_patch = 0xff8b;  // mov edi, edi
  if (memory.get<std::uint16_t>(start) == hot_patch) start += 2;
  const auto move = memory.get<std::uint16_t>(std::uint64_t{start} + 1);
  return memory.get<std::uint8_t>(start) == 0x55 && (move == 0xec8b || move == 0xe589);
}

std::optional<std::uint32_t> called_function(const base::ByteSource& memory,
                                             std::uint32_t return_address) {
  std::array<std::byte, code::kBytesBeforeReturn> bytes;
  if (return_address < bytes.size()) return {};
  if (memory.read(return_address - bytes.size(), bytes) != bytes.size()) return {};
  const auto call = code::call_before(base::Bytes(std::span(bytes)), code::Mode::x86);
  if (!call) return {};
  if (call->kind == code::CallKind::through_pointer)
    return memory.get<std::uint32_t>(static_cast<std::uint32_t>(call->distance));
  if (call->kind != code::CallKind::direct) return {};
  const auto target = static_cast<std::uint32_t>(call->target(return_address));
  const auto operand = [&](std::uint32_t offset) {
    return memory.get<std::uint32_t>(std::uint64_t{target} + offset);
  };
  if (memory.get<std::uint8_t>(target) == 0xe9) {  // incremental linking's thunk
    const auto distance = operand(1);
    return distance ? std::optional(target + 5 + *distance) : std::nullopt;
  }
  if (memory.get<std::uint16_t>(target) == 0x25ff) {  // an import's: jmp [pointer]
    const auto pointer = operand(2);
    return pointer ? memory.get<std::uint32_t>(*pointer) : std::nullopt;
  }
  return target;
}

}  // namespace ntstack::unwind::x86
