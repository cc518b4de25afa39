#include "unwind/scan.h"

#include <algorithm>
#include <array>
#include <span>

#include "code/call.h"

namespace ntstack::unwind {
namespace {

constexpr std::uint64_t kMostBytes = 0x100000;
constexpr int kLeastLinks = 3;

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

// The code before an address, from the image or else from memory; less near the start of what is
// there.
base::Bytes code_before(const Module& module, const base::ByteSource& memory, std::uint64_t address,
                        std::span<std::byte> buffer) {
  for (std::size_t size = buffer.size(); size >= 2; size /= 2) {
    if (address - module.base < size) continue;
    const std::span<std::byte> out = buffer.first(size);
    const auto rva = static_cast<std::uint32_t>(address - module.base - size);
    if (module.image && module.image->read(rva, out) == size) return base::Bytes(out);
    if (memory.read(address - size, out) == size) return base::Bytes(out);
  }
  return {};
}

CallBefore call_before(const Module& module, const base::ByteSource& memory, std::uint64_t address,
                       base::Architecture architecture) {
  std::array<std::byte, code::kBytesBeforeReturn> buffer;
  const base::Bytes before = code_before(module, memory, address, buffer);
  if (architecture == base::Architecture::arm64) {
    if (address % 4 != 0) return CallBefore::no;
    if (before.size() < 4) return CallBefore::unknown;
    const auto last = before.get_or<std::uint32_t>(before.size() - 4, 0);
    return is_arm64_call(last) ? CallBefore::yes : CallBefore::no;
  }
  if (before.empty()) return CallBefore::unknown;
  const auto mode = architecture == base::Architecture::x86 ? code::Mode::x86 : code::Mode::x64;
  if (code::call_before(before, mode)) return CallBefore::yes;
  return before.size() < 8 ? CallBefore::unknown : CallBefore::no;
}

// A whole function table names every function that calls.
bool may_call(const Module& module, std::uint32_t return_rva) {
  return std::visit(
      [&]<class Table>(const Table& table) {
        if constexpr (std::is_same_v<Table, std::monostate>)
          return true;
        else
          return table.missing() || table.size() == 0 || table.find(return_rva - 1).has_value();
      },
      module.functions);
}

// What a value is worth as a return address: verified, possible, or none.
std::optional<bool> judge(const CodeMap& map, const base::ByteSource& memory, std::uint64_t value,
                          base::Architecture architecture) {
  if (value == 0) return std::nullopt;
  const Module* module = map.find(value - 1);
  if (!module) return std::nullopt;
  if (module->image) {
    const auto rva = static_cast<std::uint32_t>(value - module->base);
    const pe::Section* section = module->image->section_of(rva - 1);
    if (!section || !section->executable()) return std::nullopt;
    if (!may_call(*module, rva)) return std::nullopt;
  }
  const CallBefore call = call_before(*module, memory, value, architecture);
  return call == CallBefore::no ? std::nullopt : std::optional(call == CallBefore::yes);
}

// A value as it was before it was signed.
std::uint64_t return_address(std::uint64_t stored, base::Architecture architecture) {
  return architecture == base::Architecture::arm64 ? without_signature(stored) : stored;
}

// Follows pairs {saved frame pointer, return address} from `pair` on; the first one's hit where
// enough of them lead to one another.
class ChainFinder {
 public:
  ChainFinder(const CodeMap& code, const base::ByteSource& memory, base::Architecture architecture,
              std::uint64_t end)
      : code_(code),
        memory_(memory),
        architecture_(architecture),
        width_(base::is_64_bit(architecture) ? 8 : 4),
        end_(end) {}

  std::optional<ScanHit> at(std::uint64_t pair) const {
    std::optional<ScanHit> first;
    for (int link = 0; link < kLeastLinks; ++link) {
      const auto next = next_of(pair);
      if (!next) return std::nullopt;
      const auto stored = memory_.pointer(pair + width_, width_ == 8);
      if (!stored) return std::nullopt;
      const std::uint64_t value = return_address(*stored, architecture_);
      const auto verified = judge(code_, memory_, value, architecture_);
      if (!verified) return std::nullopt;
      if (!first) first = ScanHit{pair + width_, value, *verified};
      pair = *next;
    }
    return first;
  }

 private:
  // Where the frame pointer saved at `pair` leads: up, and not out of the stack.
  std::optional<std::uint64_t> next_of(std::uint64_t pair) const {
    const auto saved = memory_.pointer(pair, width_ == 8);
    if (!saved || *saved % width_ != 0 || *saved < pair + 2 * width_) return std::nullopt;
    return *saved < end_ && end_ - *saved >= 2 * width_ ? saved : std::nullopt;
  }

  const CodeMap& code_;
  const base::ByteSource& memory_;
  base::Architecture architecture_;
  std::uint64_t width_, end_;
};

}  // namespace

std::optional<ScanHit> scan_for_chain(const CodeMap& code, const base::ByteSource& memory,
                                      base::Architecture architecture, std::uint64_t from,
                                      std::uint64_t end) {
  const std::uint64_t step = architecture == base::Architecture::x86 ? 4 : 8;
  std::uint64_t pair = (from + step - 1) & ~(step - 1);
  if (pair < from || architecture == base::Architecture::x64) return std::nullopt;
  end = std::min(end, pair > UINT64_MAX - kMostBytes ? UINT64_MAX : pair + kMostBytes);
  const ChainFinder finder(code, memory, architecture, end);
  while (pair < end) {
    if (const auto hit = finder.at(pair)) return hit;
    std::byte byte;
    const bool is_there = memory.read(pair, std::span(&byte, 1)) == 1;
    const std::uint64_t next = is_there ? pair + step : memory.hole_end(pair);
    if (next >= end) break;
    pair = std::max(pair + step, (next + step - 1) & ~(step - 1));
  }
  return std::nullopt;
}

std::optional<ScanHit> scan(const CodeMap& code, const base::ByteSource& memory,
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
      if (next >= end) break;
      slot = std::max(slot + width, (next + width - 1) & ~(width - 1));
      continue;
    }
    const std::uint64_t value = return_address(*stored, architecture);
    if (const auto verified = judge(code, memory, value, architecture))
      return ScanHit{slot, value, *verified};
    slot += width;
  }
  return std::nullopt;
}

}  // namespace ntstack::unwind
