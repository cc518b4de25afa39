#include "stacks/tail_jumps.h"

#include <algorithm>
#include <vector>

#include "code/instruction.h"

namespace ntstack::stacks {
namespace {

constexpr std::size_t kMostFunctions = 16;
constexpr std::uint64_t kMostCode = 0x10000;  // bytes of one function

// Where the jumps of a function lead that leave it.
struct Leaving {
  std::vector<std::uint64_t> targets;
  bool anywhere = false;  // through a register, or code that can't be read
};

std::int64_t signed_field(std::uint32_t word, unsigned low, unsigned bits) {
  const std::uint32_t field = word >> low & ((std::uint32_t{1} << bits) - 1);
  const std::uint32_t sign = std::uint32_t{1} << (bits - 1);
  return static_cast<std::int64_t>(field ^ sign) - static_cast<std::int64_t>(sign);
}

void add(std::uint64_t target, const Extent& function, Leaving& out) {
  if (target < function.begin || target >= function.end) out.targets.push_back(target);
}

// B, B.cond, CBZ, CBNZ, TBZ, TBNZ, BR and BR with authentication (Arm ARM, C4.1.66).
void read_arm64(base::Bytes code, const Extent& function, Leaving& out) {
  for (std::size_t at = 0; at + 4 <= code.size(); at += 4) {
    const auto word = code.get_or<std::uint32_t>(at, 0);
    std::int64_t distance = 0;
    if ((word & 0xfc000000) == 0x14000000)
      distance = signed_field(word, 0, 26);
    else if ((word & 0xff000010) == 0x54000000 || (word & 0x7e000000) == 0x34000000)
      distance = signed_field(word, 5, 19);
    else if ((word & 0x7e000000) == 0x36000000)
      distance = signed_field(word, 5, 14);
    else if ((word & 0xfffffc1f) == 0xd61f0000 || (word & 0xfefff800) == 0xd61f0800)
      out.anywhere = true;
    if (distance != 0)
      add(function.begin + at + static_cast<std::uint64_t>(distance * 4), function, out);
  }
}

void read_x64(base::Bytes code, const Extent& function, Leaving& out) {
  using code::Map;
  for (std::size_t at = 0; at < code.size() && !out.anywhere;) {
    const auto found = code::decode(*code.slice(at, code.size() - at), code::Mode::x64);
    if (!found) {
      out.anywhere = true;  // data among code
      return;
    }
    at += found->length;
    const bool is_jump =
        found->is(Map::one_byte, 0xe9) || found->is(Map::one_byte, 0xeb) ||
        (!found->vex && found->map == Map::one_byte && (found->opcode & 0xf0) == 0x70) ||
        (!found->vex && found->map == Map::map_0f && (found->opcode & 0xf0) == 0x80);
    if (is_jump)
      add(function.begin + at + static_cast<std::uint64_t>(found->immediate), function, out);
    if (found->is(Map::one_byte, 0xff) && (found->reg() == 4 || found->reg() == 5))
      out.anywhere = true;
  }
}

Leaving leaving(const base::ByteSource& code, base::Architecture architecture,
                const Extent& function) {
  Leaving out;
  const std::uint64_t size = function.end - function.begin;
  if (size > kMostCode) return {{}, true};
  const std::vector<std::byte> bytes = code.copy(function.begin, size);
  if (bytes.size() != size) return {{}, true};
  const base::Bytes view{std::span<const std::byte>(bytes)};
  if (architecture == base::Architecture::arm64)
    read_arm64(view, function, out);
  else
    read_x64(view, function, out);
  out.targets.push_back(function.end);  // where it has no jump at its end
  return out;
}

}  // namespace

std::optional<Extent> extent_of(const ModuleMap& modules, std::uint64_t address) {
  const unwind::Module* module = modules.find(address);
  if (!module) return {};
  const auto rva = static_cast<std::uint32_t>(address - module->base);
  if (const auto* table = std::get_if<pe::x64::FunctionTable>(&module->functions)) {
    const auto found = table->find(rva);
    if (found && found->end > found->begin)
      return Extent{module->base + found->begin, module->base + found->end};
  } else if (const auto* arm = std::get_if<pe::arm64::FunctionTable>(&module->functions)) {
    const auto found = arm->find(rva);
    const auto length = found ? pe::arm64::length_of(*module->image, *found) : std::nullopt;
    if (length && rva - found->begin < *length)
      return Extent{module->base + found->begin, module->base + found->begin + *length};
  }
  return {};
}

bool may_jump(const ModuleMap& modules, const base::ByteSource& code,
              base::Architecture architecture, std::uint64_t from, std::uint64_t to) {
  if (architecture == base::Architecture::x86) return true;  // nothing says where functions end
  const auto wanted = extent_of(modules, to);
  if (!wanted) return true;
  std::vector<std::uint64_t> seen;
  std::vector<std::uint64_t> open = {from};
  while (!open.empty()) {
    const std::uint64_t at = open.back();
    open.pop_back();
    // A leaf, or what lies between functions, has no entry.
    const auto function = extent_of(modules, at);
    if (!function) {
      if (at == from) return true;
      continue;
    }
    if (function->begin == wanted->begin) return true;
    if (std::ranges::find(seen, function->begin) != seen.end()) continue;
    if (seen.size() == kMostFunctions) return true;
    seen.push_back(function->begin);
    const Leaving out = leaving(code, architecture, *function);
    if (out.anywhere) return true;
    open.insert(open.end(), out.targets.begin(), out.targets.end());
  }
  return false;
}

}  // namespace ntstack::stacks
