#include "unwind/x86_task.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::size_t kTaskSize = 0x68;  // what the processor saves
constexpr std::uint32_t kV86 = 0x20000;
constexpr std::uint32_t kFlagsOne = 0x2, kFlagsZero = 0xffc08028;

bool are_flags(std::uint32_t flags) {
  return (flags & kFlagsOne) != 0 && (flags & kFlagsZero) == 0;
}

// A page directory is a page, PAE's pointer table a multiple of 32.
bool is_page_directory(std::uint32_t cr3) { return cr3 != 0 && cr3 % 32 == 0; }

bool are_kernel_selectors(std::uint32_t cs, std::uint32_t ss) { return cs == 0x08 && ss == 0x10; }
bool are_user_selectors(std::uint32_t cs, std::uint32_t ss) { return cs == 0x1b && ss == 0x23; }

}  // namespace

std::optional<TaskState> read_task_state(const base::ByteSource& memory, std::uint32_t address) {
  std::array<std::byte, kTaskSize> raw{};
  if (memory.read(address, raw) != raw.size()) return {};
  const base::Bytes bytes{std::span<const std::byte>(raw)};
  const auto at = [&](std::size_t offset) { return bytes.get_or<std::uint32_t>(offset, 0); };
  const auto selector = [&](std::size_t offset) { return bytes.get_or<std::uint16_t>(offset, 0); };
  TaskState task;
  task.backlink = selector(0x00);
  task.cr3 = at(0x1c);
  task.eflags = at(0x24);
  task.cs = selector(0x4c);
  task.ss = selector(0x50);
  if (!are_flags(task.eflags) || !is_page_directory(task.cr3)) return {};
  task.from_v86 = (task.eflags & kV86) != 0;
  task.from_user = task.from_v86 || are_user_selectors(task.cs, task.ss);
  if (!task.from_user && !are_kernel_selectors(task.cs, task.ss)) return {};
  if (at(0x20) == 0 || at(0x38) == 0) return {};
  task.registers.gpr = {at(0x28), at(0x2c), at(0x30), at(0x34),
                        at(0x38), at(0x3c), at(0x40), at(0x44)};
  task.registers.eip = at(0x20);
  task.registers.known = 0xff;
  return task;
}

std::optional<std::uint32_t> task_address(const base::ByteSource& memory, std::uint32_t gdt,
                                          std::uint16_t selector) {
  constexpr std::uint16_t local = 4;
  if (selector < 8 || (selector & local) != 0) return {};
  const auto descriptor = memory.get<std::uint64_t>(std::uint64_t{gdt} + (selector & 0xfff8u));
  if (!descriptor) return {};
  const std::uint64_t value = *descriptor;
  const unsigned type = value >> 40 & 0x1f, present = value >> 47 & 1;
  const auto limit = static_cast<std::uint32_t>((value & 0xffff) | (value >> 32 & 0xf0000));
  const bool is_task = (type & ~2u) == 9;  // available or busy
  if (!is_task || present == 0 || limit + 1 < kTaskSize) return {};
  return static_cast<std::uint32_t>((value >> 16 & 0xffffff) | (value >> 56 << 24));
}

std::optional<TaskState> read_interrupted_task(const base::ByteSource& memory, std::uint32_t gdt,
                                               std::uint32_t address) {
  const auto backlink = memory.get<std::uint16_t>(address);
  const auto interrupted = backlink ? task_address(memory, gdt, *backlink) : std::nullopt;
  if (!interrupted || *interrupted == address) return {};
  return read_task_state(memory, *interrupted);
}

}  // namespace ntstack::unwind::x86
