#include "store/symbol_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ntstack::store {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         base::equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// The parts of `text` between separators; quotes hold a part together and are dropped.
std::vector<std::string> split_quoted(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::vector<std::string> places_of(std::string_view text) {
  std::vector<std::string> places;
  for (const std::string& part : split_quoted(text, '*')) places.emplace_back(trimmed(part));
  return places;
}

PathElement element_of(std::string_view text) {
  using Kind = PathElement::Kind;
  PathElement element;
  if (starts_with_ignoring_case(text, "srv*")) {
    element = {Kind::store, places_of(text.substr(4))};
  } else if (starts_with_ignoring_case(text, "symsrv*")) {
    element = {Kind::store, places_of(text.substr(7))};
    element.places.erase(element.places.begin());  // the DLL that would look it up
    if (element.places.empty()) element.places.emplace_back();
  } else if (starts_with_ignoring_case(text, "cache*")) {
    element = {Kind::cache, places_of(text.substr(6))};
  } else {
    element = {Kind::folder, {std::string(text)}};
  }
  if (std::ranges::any_of(element.places, is_server)) element.kind = Kind::server;
  return element;
}

}  // namespace

bool is_server(std::string_view place) {
  return starts_with_ignoring_case(place, "http://") ||
         starts_with_ignoring_case(place, "https://");
}

SymbolPath SymbolPath::parse(std::string_view text) {
  SymbolPath path;
  // A path quoted as a whole, as shells and registry values leave it, is the path inside.
  text = trimmed(text);
  if (std::ranges::count(text, '"') == 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  for (const std::string& part : split_quoted(text, ';')) {
    if (const auto element = trimmed(part); !element.empty()) {
      path.elements.push_back(element_of(element));
    }
  }
  return path;
}

std::string store_key(const ImageKey& key) {
  return fmt::format("{:08X}{:x}", key.timestamp, key.size_of_image);
}

std::string store_key(const PdbKey& key) {
  return fmt::format("{}{:x}", key.guid.compact(), key.age);
}

}  // namespace ntstack::store
