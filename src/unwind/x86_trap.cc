#include "unwind/x86_trap.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kMark = 0xbadb0d00, kV86 = 0x20000;
constexpr std::uint32_t kKernelCs = 0x08, kUserCs = 0x1b, kUserSs = 0x23;

}  // namespace

std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint32_t address,
                                         TrapLayout layout) {
  std::array<std::byte, kTrapFrameSize> raw{};
  constexpr std::size_t least = kTrapFrameHeaderSize;  // a kernel trap's frame may end the stack
  const std::size_t size = memory.read(address, raw);
  if (address % 4 != 0 || size < least) return {};
  const base::Bytes bytes(std::span<const std::byte>(raw).first(size));
  const auto at = [&](std::size_t offset) { return bytes.get_or<std::uint32_t>(offset, 0); };
  if (at(0x08) != kMark || (at(0x70) & 2) == 0) return {};
  TrapFrame frame;
  frame.cs = at(0x6c) & 0xffff;
  frame.eflags = at(0x70);
  frame.error_code = at(0x64);
  frame.from_v86 = (frame.eflags & kV86) != 0;
  // An emulation that changed ESP put zero for CS and keeps both beside the mark.
  const std::size_t edited = layout == TrapLayout::since_8_1 ? 0x0c : 0x10;
  const bool is_edited = !frame.from_v86 && (frame.cs & 0xfff8) == 0;
  if (is_edited) frame.cs = at(edited) & 0xffff;
  frame.from_user = frame.from_v86 || frame.cs == kUserCs;
  if (!frame.from_user && frame.cs != kKernelCs) return {};
  if (frame.from_user && size < 0x7c) return {};
  if (frame.from_user && !frame.from_v86 && (at(0x78) & 0xffff) != kUserSs) return {};
  Registers& registers = frame.registers;
  const std::uint32_t sp = is_edited ? at(edited + 4) : frame.from_user ? at(0x74) : address + 0x74;
  const std::size_t edx_at = layout == TrapLayout::since_8_1 ? 0x38 : 0x3c;  // then ECX, EAX
  registers.gpr = {at(edx_at + 8), at(edx_at + 4), at(edx_at), at(0x5c), sp,
                   at(0x60),       at(0x58),       at(0x54)};
  registers.eip = at(0x68);
  registers.known = 0xff;
  return frame;
}

std::optional<TrapFrame> read_chained_trap_frame(const base::ByteSource& memory,
                                                 std::uint32_t address, TrapLayout layout) {
  const auto ebp_copy = memory.get<std::uint32_t>(address);
  const auto eip_copy = memory.get<std::uint32_t>(std::uint64_t{address} + 4);
  auto frame = read_trap_frame(memory, address, layout);
  if (!frame || ebp_copy != frame->registers.gpr[ebp] || eip_copy != frame->registers.eip)
    return {};
  return frame;
}

}  // namespace ntstack::unwind::x86
