#include "console/memory_search.h"

#include <algorithm>

namespace ntstack::console {
namespace {

constexpr std::size_t kPiece = 0x10000;
constexpr std::uint64_t kPage = 0x1000;
// Steps over memory that is not there; the dumps say where it goes on, so these are few.
constexpr std::uint64_t kMostHoles = 4'000'000;

}  // namespace

bool search_memory(const base::ByteSource& memory, const SearchRange& range,
                   const std::vector<std::byte>& pattern,
                   const std::function<bool(std::uint64_t)>& visit,
                   const std::function<bool()>& is_stopped) {
  if (pattern.empty() || range.size < pattern.size()) return true;
  const std::uint64_t last = range.begin + (range.size - pattern.size());  // where one may begin
  std::vector<std::byte> piece(kPiece + pattern.size());
  std::uint64_t at = range.begin, holes = 0;
  while (at <= last) {
    if (is_stopped && is_stopped()) return false;
    const std::uint64_t wanted = std::min<std::uint64_t>(piece.size(), last - at + pattern.size());
    const std::size_t got =
        memory.read(at, std::span(piece).first(static_cast<std::size_t>(wanted)));
    if (got < pattern.size()) {
      if (++holes > kMostHoles) return false;
      const std::uint64_t missing = at + got;
      std::uint64_t next = memory.hole_end(missing);
      if (next == UINT64_MAX) return true;
      if (next <= missing + 1) next = (missing | (kPage - 1)) + 1;  // nobody knows where it ends
      if (next <= at || next > last) return true;
      const std::uint64_t behind = (next - range.begin) % range.step;
      at = behind == 0 ? next : next + (range.step - behind);
      continue;
    }
    std::size_t i = 0;
    for (; i + pattern.size() <= got; i += static_cast<std::size_t>(range.step))
      if (std::equal(pattern.begin(), pattern.end(),
                     piece.begin() + static_cast<std::ptrdiff_t>(i)) &&
          !visit(at + i))
        return true;
    if (at + i < at) return true;
    at += i;
  }
  return true;
}

}  // namespace ntstack::console
