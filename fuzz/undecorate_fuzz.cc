// Any text as a decorated name: answers are bounded, the same each time, and agree with each other.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "symbols/undecorate.h"
#include "symbols/undecorate_whole.h"

using namespace ntstack::symbols;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string name = undecorate(text);
  if (name.size() > 16 * 1024 && name != text) std::abort();
  const auto whole = undecorating::undecorate_whole(text, undecorating::Detail::names);
  // The name is a piece of the whole text, unless that is too long to be printed.
  if (whole && !whole->empty() && name != text && whole->find(name) == std::string::npos) {
    std::abort();
  }
  if (undecorate(text, true).size() > name.size() + 1 && name != text) std::abort();
  static_cast<void>(undecorating::undecorate_whole(text, undecorating::Detail::full));
  return 0;
}
