#include "code/disassembler_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "code/arm64_pointer_auth.h"
#include "code/instruction.h"

namespace ntstack::code {
namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 16;
}

}  // namespace

std::string_view name_of(Flow flow) {
  switch (flow) {
    case Flow::call:
      return "call";
    case Flow::jump:
      return "jump";
    case Flow::conditional:
      return "conditional";
    case Flow::returns:
      return "returns";
    case Flow::stops:
      return "stops";
    case Flow::other:
      break;
  }
  return "other";
}

std::string masm_number(std::uint64_t value) {
  if (value < 10) return fmt::format("{}", value);
  std::string text = fmt::format("{:X}h", value);
  if (text[0] > '9') text.insert(0, "0");
  return text;
}

std::string c_number(std::uint64_t value) {
  return value < 10 ? fmt::format("{}", value) : fmt::format("0x{:X}", value);
}

TextNumber number_at(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const bool is_negative = at == 1;
  const bool is_hex = text.substr(at).starts_with("0x");
  if (is_hex) at += 2;
  const int base = is_hex ? 16 : 10;
  const std::size_t first = at;
  std::uint64_t value = 0;
  while (at < text.size() && digit_of(text[at]) < base)
    value = value * static_cast<unsigned>(base) + static_cast<unsigned>(digit_of(text[at++]));
  if (at == first || (at < text.size() && (is_word(text[at]) || text[at] == '.'))) return {};
  return {is_negative ? 0 - value : value, at};
}

std::string arm64_word(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kNames = {
      {{"x16", "xip0"},
       {"x17", "xip1"},
       {"x18", "xpr"},
       {"x29", "fp"},
       {"x30", "lr"},
       {"w16", "wip0"},
       {"w17", "wip1"},
       {"w18", "wpr"}}};
  for (const auto& [from, to] : kNames)
    if (word == from) return std::string(to);
  return std::string(word);
}

std::string arm64_text(std::string_view operands) {
  std::string out;
  for (std::size_t i = 0; i < operands.size();) {
    const char c = operands[i];
    if (c == '#') {
      const bool is_negative = operands.substr(i + 1).starts_with('-');
      const TextNumber number = number_at(operands.substr(i + 1));
      out += '#';
      ++i;
      if (number.size == 0) continue;
      if (is_negative) out += '-';
      out += c_number(is_negative ? 0 - number.value : number.value);
      i += number.size;
    } else if (is_word(c)) {
      std::size_t end = i;
      while (end < operands.size() && is_word(operands[end])) ++end;
      out += arm64_word(operands.substr(i, end - i));
      i = end;
    } else {
      if (c != ' ' || i == 0 || operands[i - 1] != ',') out += c;
      ++i;
    }
  }
  return out;
}

std::string register_name(base::Architecture architecture, RegisterNumber number) {
  if (architecture == base::Architecture::arm64) return arm64_register(number, true);
  static constexpr std::array<std::string_view, 8> kNames = {"ax", "cx", "dx", "bx",
                                                             "sp", "bp", "si", "di"};
  if (number >= 8) return fmt::format("r{}", number);
  return fmt::format("{}{}", architecture == base::Architecture::x86 ? 'e' : 'r', kNames[number]);
}

void make_unknown(base::Bytes code, base::Architecture architecture, Disassembled& out) {
  out.is_known = false;
  out.mnemonic = "???";
  if (architecture == base::Architecture::arm64) {
    out.length = static_cast<std::uint8_t>(std::min<std::size_t>(code.size(), 4));
    return;
  }
  const auto mode = architecture == base::Architecture::x86 ? Mode::x86 : Mode::x64;
  const auto decoded = decode(code, mode);
  out.length = decoded ? decoded->length : 1;
}

}  // namespace ntstack::code
