#include "target/wow64.h"

#include "target/structures.h"
#include "target/user_process.h"

namespace ntstack::target {
namespace {

// TEB64: NT_TIB.ExceptionList, which is the TEB32's address in a WOW64 process; the TEB32's
// distance (Windows 10 on); TlsSlots[WOW64_TLS_CPURESERVED].
constexpr std::uint64_t kExceptionList = 0x00, kWowTebOffset = 0x180c, kCpuReserved = 0x1488;
// TEB32: NT_TIB.Self, ProcessEnvironmentBlock.
constexpr std::uint64_t kSelf = 0x18, kPeb = 0x30;
// WOW64_CPURESERVED {u16 Flags, u16 Machine, CONTEXT}; before Windows 8 the first four bytes are of
// another use.
constexpr std::uint64_t kMachine = 2, kContext = 4;
constexpr std::uint16_t kMachineArm = 0x1c4;
constexpr std::uint32_t kContextI386 = 0x10000;  // in CONTEXT.ContextFlags

bool is_teb32(const base::ByteSource& memory, std::uint64_t address) {
  if (address == 0 || address > UINT32_MAX - 0x1000 || address % 0x1000 != 0) return false;
  return memory.get<std::uint32_t>(address + kSelf) == static_cast<std::uint32_t>(address);
}

std::optional<std::uint64_t> find_teb32(const base::ByteSource& memory, std::uint64_t teb) {
  const auto listed = memory.get<std::uint64_t>(teb + kExceptionList);
  if (listed && is_teb32(memory, *listed)) return listed;
  const auto distance = memory.get<std::int32_t>(teb + kWowTebOffset);
  if (!distance || *distance == 0) return std::nullopt;
  const std::uint64_t there =
      teb + static_cast<std::uint64_t>(static_cast<std::int64_t>(*distance));
  return is_teb32(memory, there) ? std::optional(there) : std::nullopt;
}

std::vector<std::byte> saved_context(const base::ByteSource& memory, std::uint64_t area) {
  const auto flags = memory.get<std::uint32_t>(area + kContext);
  if (!flags || (*flags & kContextI386) == 0) return {};
  const std::size_t size = context_size(base::Architecture::x86);
  std::vector<std::byte> context = memory.copy(area + kContext, size);
  // What is needed ends with SegSs; extended registers may be cut off.
  constexpr std::size_t kEndOfSegSs = 0xcc;
  if (context.size() < kEndOfSegSs) context.clear();
  return context;
}

}  // namespace

std::optional<Wow64Thread> read_wow64_thread(const base::ByteSource& memory, std::uint64_t teb) {
  const auto teb32 = find_teb32(memory, teb);
  if (!teb32) return std::nullopt;
  Wow64Thread thread;
  thread.teb = *teb32;
  thread.peb = memory.get<std::uint32_t>(*teb32 + kPeb).value_or(0);
  thread.stack = read_user_stack(memory, *teb32, false);
  const auto area = memory.get<std::uint64_t>(teb + kCpuReserved);
  if (!area || *area == 0) return thread;
  if (memory.get<std::uint16_t>(*area + kMachine) == kMachineArm) return std::nullopt;
  thread.context = saved_context(memory, *area);
  return thread;
}

}  // namespace ntstack::target
