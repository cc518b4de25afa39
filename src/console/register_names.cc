#include "console/register_names.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/text.h"

namespace ntstack::console {
namespace {

namespace x64 = unwind::x64;
namespace x86 = unwind::x86;
namespace arm64 = unwind::arm64;

constexpr std::array<std::string_view, 8> kLegacy = {"ax", "cx", "dx", "bx",
                                                     "sp", "bp", "si", "di"};
constexpr std::array<std::string_view, 8> kLowBytes = {"al",  "cl",  "dl",  "bl",
                                                       "spl", "bpl", "sil", "dil"};
constexpr std::array<std::string_view, 4> kHighBytes = {"ah", "ch", "dh", "bh"};

// Which register, and which of its bits.
struct Part {
  std::size_t number = 0;
  unsigned shift = 0, bits = 64;
};

template <std::size_t N>
std::optional<std::size_t> index_in(const std::array<std::string_view, N>& names,
                                    std::string_view name) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == name) return i;
  return std::nullopt;
}

std::optional<unsigned> number_in(std::string_view text, unsigned most) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > most) return {};
  return number;
}

// r8 to r15, r8d, r8w, r8b.
std::optional<Part> numbered_part(std::string_view name) {
  if (name.size() < 2 || name[0] != 'r') return std::nullopt;
  unsigned bits = 64;
  const char last = name.back();
  if (last == 'd') bits = 32;
  if (last == 'w') bits = 16;
  if (last == 'b') bits = 8;
  const auto number = number_in(name.substr(1, name.size() - 1 - (bits == 64 ? 0 : 1)), 15);
  if (!number || *number < 8) return std::nullopt;
  return Part{*number, 0, bits};
}

std::optional<Part> x86_part(std::string_view name, bool is_wide) {
  if (const auto low = index_in(kLowBytes, name))
    return is_wide || *low < 4 ? std::optional(Part{*low, 0, 8}) : std::nullopt;
  if (const auto high = index_in(kHighBytes, name)) return Part{*high, 8, 8};
  if (const auto word = index_in(kLegacy, name)) return Part{*word, 0, 16};
  if (name.size() != 3) return is_wide ? numbered_part(name) : std::nullopt;
  const auto whole = index_in(kLegacy, name.substr(1));
  if (whole && name[0] == 'e') return Part{*whole, 0, 32};
  if (whole && name[0] == 'r' && is_wide) return Part{*whole, 0, 64};
  return is_wide ? numbered_part(name) : std::nullopt;
}

template <class Values>
RegisterValue value_of(const Values& values, std::uint32_t known, const Part& part) {
  if ((known >> part.number & 1) == 0) return {std::nullopt, part.bits};
  const std::uint64_t value = std::uint64_t{values[part.number]} >> part.shift;
  return {part.bits == 64 ? value : value & ((std::uint64_t{1} << part.bits) - 1), part.bits};
}

std::optional<RegisterValue> arm64_register(const arm64::Registers& registers,
                                            std::string_view name) {
  if (name == "pc") return RegisterValue{registers.pc, 64};
  if (name == "sp") return RegisterValue{registers.sp, 64};
  if (name == "fp") return value_of(registers.x, registers.known, {arm64::fp, 0, 64});
  if (name == "lr") return value_of(registers.x, registers.known, {arm64::lr, 0, 64});
  if (name.empty() || (name[0] != 'x' && name[0] != 'w')) return std::nullopt;
  const auto number = number_in(name.substr(1), 30);
  if (!number) return std::nullopt;
  return value_of(registers.x, registers.known, {*number, 0, name[0] == 'x' ? 64u : 32u});
}

std::string shown(const RegisterValue& value, unsigned bits) {
  return value.value ? fmt::format("{:0{}x}", *value.value, bits / 4) : std::string(bits / 4, '?');
}

// "nv up ei pl zr na po nc"
std::string flag_words(std::uint32_t flags) {
  const auto word = [&](unsigned bit, const char* set, const char* clear) {
    return (flags >> bit & 1) != 0 ? set : clear;
  };
  return fmt::format("{} {} {} {} {} {} {} {}", word(11, "ov", "nv"), word(10, "dn", "up"),
                     word(9, "ei", "di"), word(7, "ng", "pl"), word(6, "zr", "nz"),
                     word(4, "ac", "na"), word(2, "pe", "po"), word(0, "cy", "nc"));
}

std::string iopl_text(const ProcessorFlags& flags) {
  return fmt::format("iopl={:x}         {}", flags.flags >> 12 & 3, flag_words(flags.flags));
}

std::string selectors_text(const ProcessorFlags& flags) {
  return fmt::format(
      "cs={:04x}  ss={:04x}  ds={:04x}  es={:04x}  fs={:04x}  gs={:04x}             efl={:08x}\n",
      flags.cs, flags.ss, flags.ds, flags.es, flags.fs, flags.gs, flags.flags);
}

// Names in rows, as kd sets them; each is right-aligned to three places.
std::string rows_text(const stacks::Registers& registers,
                      const std::vector<std::vector<std::string_view>>& rows, unsigned bits,
                      std::string_view between) {
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const auto value = register_named(registers, row[i]);
      out += fmt::format("{}{:>3}={}", i == 0 ? "" : between, row[i],
                         shown(value.value_or(RegisterValue{}), bits));
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::optional<ProcessorFlags> flags_of_context(base::Bytes context,
                                               base::Architecture architecture) {
  // CONTEXT of winnt.h.
  const auto word = [&](std::size_t at) { return context.get_or<std::uint16_t>(at, 0); };
  if (architecture == base::Architecture::x64 && context.contains(0, 0x48))
    return ProcessorFlags{context.get_or<std::uint32_t>(0x44, 0),
                          word(0x38),
                          word(0x42),
                          word(0x3a),
                          word(0x3c),
                          word(0x3e),
                          word(0x40)};
  if (architecture == base::Architecture::x86 && context.contains(0, 0xcc))
    return ProcessorFlags{context.get_or<std::uint32_t>(0xc0, 0),
                          word(0xbc),
                          word(0xc8),
                          word(0x98),
                          word(0x94),
                          word(0x90),
                          word(0x8c)};
  if (architecture == base::Architecture::arm64 && context.contains(0, 8))
    return ProcessorFlags{context.get_or<std::uint32_t>(4, 0), 0, 0, 0, 0, 0, 0};
  return std::nullopt;
}

std::optional<RegisterValue> register_named(const stacks::Registers& registers,
                                            std::string_view name_in_any_case) {
  const std::string name = base::lower(name_in_any_case);
  if (const auto* arm = std::get_if<arm64::Registers>(&registers))
    return arm64_register(*arm, name);
  if (const auto* wide = std::get_if<x64::Registers>(&registers)) {
    if (name == "rip") return RegisterValue{wide->rip, 64};
    if (name == "eip") return RegisterValue{wide->rip & UINT32_MAX, 32};
    const auto part = x86_part(name, true);
    return part ? std::optional(value_of(wide->gpr, wide->known, *part)) : std::nullopt;
  }
  const auto& narrow = std::get<x86::Registers>(registers);
  if (name == "eip") return RegisterValue{narrow.eip, 32};
  const auto part = x86_part(name, false);
  return part ? std::optional(value_of(narrow.gpr, narrow.known, *part)) : std::nullopt;
}

std::string registers_text(const stacks::Registers& registers,
                           const std::optional<ProcessorFlags>& flags) {
  if (std::holds_alternative<x64::Registers>(registers)) {
    std::string out = rows_text(registers,
                                {{"rax", "rbx", "rcx"},
                                 {"rdx", "rsi", "rdi"},
                                 {"rip", "rsp", "rbp"},
                                 {"r8", "r9", "r10"},
                                 {"r11", "r12", "r13"},
                                 {"r14", "r15"}},
                                64, " ");
    return flags ? out + iopl_text(*flags) + "\n" + selectors_text(*flags) : out;
  }
  if (std::holds_alternative<x86::Registers>(registers)) {
    std::string out = rows_text(
        registers, {{"eax", "ebx", "ecx", "edx", "esi", "edi"}, {"eip", "esp", "ebp"}}, 32, " ");
    if (!flags) return out;
    out.pop_back();
    return out + " " + iopl_text(*flags) + "\n" + selectors_text(*flags);
  }
  std::string out = rows_text(registers,
                              {{"x0", "x1", "x2", "x3"},
                               {"x4", "x5", "x6", "x7"},
                               {"x8", "x9", "x10", "x11"},
                               {"x12", "x13", "x14", "x15"},
                               {"x16", "x17", "x18", "x19"},
                               {"x20", "x21", "x22", "x23"},
                               {"x24", "x25", "x26", "x27"},
                               {"x28", "fp", "lr", "sp"},
                               {"pc"}},
                              64, "  ");
  if (!flags) return out;
  out.pop_back();
  return out + fmt::format(" psr={:08X}\n", flags->flags);
}

}  // namespace ntstack::console
