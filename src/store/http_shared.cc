#include "store/http_shared.h"

#include <charconv>

namespace ntstack::store::http {
namespace {

template <class T>
bool take_number(std::string_view& text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::optional<ContentRange> read_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  ContentRange range;
  std::uint64_t last = 0;
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  if (!take_number(text, range.first) || !text.starts_with('-')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(text, last) || last < range.first || !text.starts_with('/')) return std::nullopt;
  text.remove_prefix(1);
  std::uint64_t length = 0;
  if (take_number(text, length)) {
    if (length <= last) return std::nullopt;
    range.length = length;
  }
  return range;
}

std::string_view validator_of(std::string_view etag, std::string_view last_modified) {
  const bool is_strong = etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"');
  return is_strong ? etag : last_modified;
}

std::optional<std::uint32_t> read_retry_after(std::string_view text) {
  std::uint32_t seconds = 0;
  if (!take_number(text, seconds) || !text.empty()) return std::nullopt;
  return seconds;
}

}  // namespace ntstack::store::http
