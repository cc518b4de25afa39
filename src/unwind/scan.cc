#include "unwind/scan.h"

#include <algorithm>
#include <array>

#include "code/call.h"

namespace ntstack::unwind {
namespace {

constexpr std::uint64_t kMostBytes = 0x100000;

// ARM64 signs return addresses in the bits that no address uses; bit 55 tells kernel from user.
std::uint64_t without_signature(std::uint64_t address) {
  constexpr std::uint64_t kUnused = 0xffff'0000'0000'0000;
  return (address >> 55) & 1 ? address | kUnused : address & ~kUnused;
}

// BL, BLR and BLR with authentication (Arm Architecture Reference Manual, C6.2).
bool is_arm64_call(std::uint32_t instruction) {
  return (instruction & 0xfc000000) == 0x94000000 || (instruction & 0xfffffc1f) == 0xd63f0000 ||
         (instruction & 0xfefff800) == 0xd63f0800;
}

enum class CallBefore : std::uint8_t { yes, no, unknown };

CallBefore call_before(const pe::Image& image, std::uint32_t rva, base::Architecture architecture) {
  if (architecture == base::Architecture::arm64) {
    if (rva < 4 || rva % 4 != 0) return CallBefore::no;
    const auto instruction = image.get<std::uint32_t>(rva - 4);
    if (!instruction) return CallBefore::unknown;
    return is_arm64_call(*instruction) ? CallBefore::yes : CallBefore::no;
  }
  std::array<std::byte, code::kBytesBeforeReturn> bytes{};
  const std::uint32_t wanted = std::min<std::uint32_t>(rva, code::kBytesBeforeReturn);
  const std::size_t got = image.read(rva - wanted, std::span(bytes).first(wanted));
  if (got != wanted) return CallBefore::unknown;
  const auto mode = architecture == base::Architecture::x86 ? code::Mode::x86 : code::Mode::x64;
  return code::call_before(base::Bytes(bytes.data(), wanted), mode) ? CallBefore::yes
                                                                    : CallBefore::no;
}

// What a value is worth as a return address: verified, possible, or none.
std::optional<bool> judge(const x64::CodeMap& code, std::uint64_t value,
                          base::Architecture architecture) {
  const x64::Module* module = code.find(value);
  if (!module || value == module->base) return std::nullopt;
  if (!module->image) return false;
  const auto rva = static_cast<std::uint32_t>(value - module->base);
  const pe::Section* section = module->image->section_of(rva);
  if (!section || !section->executable()) return std::nullopt;
  switch (call_before(*module->image, rva, architecture)) {
    case CallBefore::yes:
      return true;
    case CallBefore::unknown:
      return false;
    case CallBefore::no:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::optional<ScanHit> scan(const x64::CodeMap& code, const base::ByteSource& memory,
                            base::Architecture architecture, std::uint64_t from,
                            std::uint64_t end) {
  const bool wide = base::is_64_bit(architecture);
  const std::uint64_t width = wide ? 8 : 4;
  std::uint64_t slot = (from + width - 1) & ~(width - 1);
  if (slot < from) return std::nullopt;
  end = std::min(end, slot > UINT64_MAX - kMostBytes ? UINT64_MAX : slot + kMostBytes);
  while (slot < end && end - slot >= width) {
    const auto stored = memory.pointer(slot, wide);
    if (!stored) {
      const std::uint64_t next = memory.hole_end(slot);
      const std::uint64_t aligned = (next + width - 1) & ~(width - 1);
      if (aligned <= slot && slot + width < slot) break;  // the end of the address space
      slot = std::max(slot + width, aligned);
      continue;
    }
    const std::uint64_t value =
        architecture == base::Architecture::arm64 ? without_signature(*stored) : *stored;
    if (const auto verified = judge(code, value, architecture))
      return ScanHit{slot, value, *verified};
    slot += width;
  }
  return std::nullopt;
}

}  // namespace ntstack::unwind
