#include "symbols/undecorate.h"

#include <algorithm>
#include <array>
#include <memory_resource>
#include <optional>

#include "symbols/undecorate_parser.h"
#include "symbols/undecorate_print.h"
#include "symbols/undecorate_whole.h"

namespace ntstack::symbols {
namespace {

using undecorating::Detail;
using undecorating::Parser;
using undecorating::Printer;

// MSVC hashes names longer than 4096 characters; clang does not.
constexpr std::size_t kMaxDecorated = std::size_t{64} * 1024;

// Reads `decorated` and prints what `print` asks for; nothing where it can't be read.
template <class Print>
std::optional<std::string> printed(std::string_view decorated, Print print) {
  if (decorated.size() > kMaxDecorated) return std::nullopt;
  std::array<std::byte, 8 * 1024> first;
  std::pmr::monotonic_buffer_resource arena(first.data(), first.size());
  Parser parser(decorated, &arena);
  const undecorating::Symbol* symbol = parser.symbol();
  if (parser.failed()) return std::nullopt;
  Printer printer(undecorating::kMaxOutput);
  print(printer, *symbol);
  if (printer.overflowed()) return std::nullopt;
  return printer.take();
}

// "_f@8" (__stdcall), "@f@8" (__fastcall), "f@@16" (__vectorcall) and "_f" (__cdecl).
std::string_view without_c_decoration(std::string_view name) {
  const std::size_t at = name.rfind('@');
  const bool has_at = at != std::string_view::npos && at + 1 < name.size();
  const bool has_count = has_at && std::ranges::all_of(name.substr(at + 1), undecorating::is_digit);
  const std::string_view head = has_count ? name.substr(0, at) : name;
  std::string_view plain = name;
  if (has_count && head.ends_with('@')) {
    plain = head.substr(0, head.size() - 1);
  } else if (head.starts_with('_') || (has_count && head.starts_with('@'))) {
    plain = head.substr(1);
  }
  return plain.empty() ? name : plain;
}

}  // namespace

std::string undecorate(std::string_view decorated, bool is_x86) {
  if (decorated.starts_with('?') || decorated.starts_with('.')) {
    const auto name = printed(decorated, [](Printer& printer, const undecorating::Symbol& symbol) {
      printer.symbol_name(symbol);
    });
    // Some codes stand for no name at all ("??_Z@3HA"): then the decorated one is better than
    // nothing.
    return name && !name->empty() ? *name : std::string(decorated);
  }
  return std::string(is_x86 ? without_c_decoration(decorated) : decorated);
}

namespace undecorating {

std::optional<std::string> undecorate_whole(std::string_view decorated, Detail detail) {
  return printed(decorated, [detail](Printer& printer, const Symbol& symbol) {
    printer.symbol(symbol, detail);
  });
}

}  // namespace undecorating
}  // namespace ntstack::symbols
