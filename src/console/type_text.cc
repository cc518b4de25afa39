#include "console/type_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace ntstack::console {
namespace {

struct Basic {
  std::string_view c, dt;
  bool is_signed;
};
constexpr std::array<Basic, 22> kBasic{{{"unsigned long", "Uint4B", false},
                                        {"unsigned", "Uint4B", false},
                                        {"unsigned int", "Uint4B", false},
                                        {"long", "Int4B", true},
                                        {"int", "Int4B", true},
                                        {"unsigned short", "Uint2B", false},
                                        {"short", "Int2B", true},
                                        {"unsigned char", "UChar", false},
                                        {"unsigned __int8", "UChar", false},
                                        {"char", "Char", true},
                                        {"signed char", "Char", true},
                                        {"__int8", "Char", true},
                                        {"unsigned __int64", "Uint8B", false},
                                        {"__int64", "Int8B", true},
                                        {"unsigned __int128", "Uint16B", false},
                                        {"wchar_t", "Wchar", false},
                                        {"char16_t", "Wchar", false},
                                        {"bool", "Bool", false},
                                        {"void", "Void", false},
                                        {"float", "Float", false},
                                        {"double", "Double", false},
                                        {"...", "...", false}}};

const Basic* basic_named(std::string_view name) {
  const auto found = std::ranges::find(kBasic, name, &Basic::c);
  return found == kBasic.end() ? nullptr : &*found;
}

// "const " and "volatile " are not shown.
std::string_view unqualified(std::string_view name) {
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view word : {"const ", "volatile "})
      if (name.starts_with(word)) name.remove_prefix(word.size()), again = true;
    for (const std::string_view word : {" const", " volatile", "const", "volatile", " "})
      if (name.ends_with(word)) name.remove_suffix(word.size()), again = true;
  }
  return name;
}

std::optional<std::uint64_t> read_number(const base::ByteSource& memory, std::uint64_t address,
                                         std::uint64_t size) {
  std::array<std::byte, 8> raw{};
  const auto wanted = std::span(raw).first(static_cast<std::size_t>(size));
  if (memory.read(address, wanted) != size) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(raw[i]);
  return value;
}

std::string bits_text(std::uint64_t value, const pdb::Field& field) {
  const std::uint64_t mask =
      field.bit_length >= 64 ? UINT64_MAX : (std::uint64_t{1} << field.bit_length) - 1;
  const std::uint64_t bits = field.bit_position < 64 ? value >> field.bit_position & mask : 0;
  if (field.bit_length > 20) return fmt::format("0y{:b} (0x{:x})", bits, bits);
  return fmt::format("0y{:0{}b}", bits, field.bit_length);
}

std::string number_text(std::uint64_t value, const Basic& basic, std::uint64_t size) {
  if (basic.is_signed && size > 1) {
    const unsigned unused = 64 - 8 * static_cast<unsigned>(size);
    return fmt::format("0n{}", static_cast<std::int64_t>(value << unused) >> unused);
  }
  if (size > 1) return value < 10 ? fmt::format("{}", value) : fmt::format("0x{:x}", value);
  const std::string shown = value < 10 ? fmt::format("{}", value) : fmt::format("0x{:x}", value);
  const bool is_printable = value >= 0x20 && value < 0x7f;
  return shown + (is_printable ? fmt::format(" '{}'", static_cast<char>(value)) : " ''");
}

std::string wide_address(std::uint64_t address, bool is_64_bit) {
  return "0x" + base::address_text(address, is_64_bit);
}

std::string list_entry_text(const base::ByteSource& memory, std::uint64_t address, bool is_64_bit) {
  const auto next = memory.pointer(address, is_64_bit);
  const auto before = memory.pointer(address + (is_64_bit ? 8 : 4), is_64_bit);
  if (!next || !before) return "_LIST_ENTRY [ ????  - ???? ]";
  return fmt::format("_LIST_ENTRY [ {} - {} ]", wide_address(*next, is_64_bit),
                     wide_address(*before, is_64_bit));
}

// At most as many characters as are worth a line.
std::string unicode_string_text(const base::ByteSource& memory, std::uint64_t address,
                                bool is_64_bit) {
  const auto length = memory.get<std::uint16_t>(address);
  const auto buffer = memory.pointer(address + (is_64_bit ? 8 : 4), is_64_bit);
  if (!length || !buffer) return "_UNICODE_STRING \"????\"";
  constexpr std::size_t most = 512;
  const auto raw = memory.copy(*buffer, std::min<std::size_t>(*length, most));
  return fmt::format("_UNICODE_STRING \"{}\"",
                     base::printable(base::utf8_from_utf16(base::Bytes(std::span(raw)))));
}

}  // namespace

std::string dt_type(std::string_view name, bool is_64_bit) {
  std::string out;
  name = unqualified(name);
  while (true) {
    const std::size_t open = name.rfind('[');
    if (name.ends_with('*')) {
      out += is_64_bit ? "Ptr64 " : "Ptr32 ";
      name = unqualified(name.substr(0, name.size() - 1));
    } else if (name.ends_with(']') && open != std::string_view::npos) {
      // The outermost dimension stands first.
      const std::size_t first = name.find('[');
      std::string_view dimensions = name.substr(first);
      while (!dimensions.empty()) {
        const std::size_t end = dimensions.find(']');
        if (end == std::string_view::npos) break;
        out += fmt::format("[{}] ", dimensions.substr(1, end - 1));
        dimensions = dimensions.substr(end + 1);
      }
      name = unqualified(name.substr(0, first));
    } else {
      break;
    }
  }
  const Basic* basic = basic_named(name);
  return out + base::printable(basic ? basic->dt : name);
}

std::string dt_value(const base::ByteSource& memory, std::uint64_t address, const pdb::Field& field,
                     std::string_view type_name, std::uint64_t size, bool is_64_bit) {
  const std::string_view name = unqualified(type_name);
  if (field.bit_length != 0) {
    const auto value = read_number(memory, address, std::clamp<std::uint64_t>(size, 1, 8));
    return value ? bits_text(*value, field) : "????";
  }
  if (name == "_LIST_ENTRY") return list_entry_text(memory, address, is_64_bit);
  if (name == "_UNICODE_STRING") return unicode_string_text(memory, address, is_64_bit);
  if (name.ends_with('*')) {
    const auto value = memory.pointer(address, is_64_bit);
    if (!value) return "????";
    if (*value == 0) return "(null)";
    return wide_address(*value, is_64_bit) + " " +
           dt_type(name.substr(0, name.size() - 1), is_64_bit);
  }
  const Basic* basic = basic_named(name);
  if (!basic || size == 0 || size > 8) return dt_type(name, is_64_bit);
  const auto value = read_number(memory, address, size);
  return value ? number_text(*value, *basic, size) : "????";
}

}  // namespace ntstack::console
