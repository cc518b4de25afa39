#include "console/aliases.h"

#include <algorithm>

#include "base/text.h"

namespace ntstack::console {
namespace {

bool parts_names(char c) {
  constexpr std::string_view all = " \t\r\n;{}(),\"'";
  return all.find(c) != std::string_view::npos;
}

// as, aS, ad and al speak of aliases themselves.
bool is_about_aliases(std::string_view text) {
  if (text.size() < 2) return false;
  const std::string_view name = text.substr(0, 2);
  const bool ends = text.size() == 2 || text[2] == ' ' || text[2] == '\t' || text[2] == ';';
  return ends && (name == "as" || name == "aS" || name == "ad" || name == "al");
}

}  // namespace

std::string_view alias_name(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) return text;
  text = text.substr(2, text.size() - 3);
  if (text.starts_with('/') && text.size() > 3 && text[2] == ':') text.remove_prefix(3);
  return text;
}

base::Result<void> Aliases::set(std::string_view name, std::string_view value) {
  constexpr std::size_t longest_name = 256, most = 4096;
  if (name.empty() || name.size() > longest_name || std::ranges::any_of(name, parts_names))
    return base::fail("{} can't be an alias's name", base::printable(name.substr(0, 80)));
  if (value.size() > kLongest)
    return base::fail("an alias's text has at most 0x{:x} characters", kLongest);
  if (named_.size() >= most && !named_.contains(name))
    return base::fail("there are 0n{} aliases already: ad deletes some", most);
  named_.insert_or_assign(std::string(name), std::string(value));
  return {};
}

bool Aliases::erase(std::string_view name) {
  const auto found = named_.find(name);
  if (found == named_.end()) return false;
  named_.erase(found);
  return true;
}

// What stands for ${inside}; `whole` where nothing does.
std::string Aliases::braced(std::string_view whole, std::string_view inside) const {
  char option = '\0';
  if (inside.size() > 3 && inside[0] == '/' && inside[2] == ':') {
    option = inside[1];
    inside.remove_prefix(3);
  }
  const auto found = named_.find(inside);
  const bool is_defined = found != named_.end();
  if (option == 'd') return is_defined ? "1" : "0";
  if (option == 'f' && !is_defined) return {};
  if (option == 'n' && is_defined) return std::string(inside);
  const bool is_value = is_defined && (option == '\0' || option == 'f');
  return is_value ? found->second : std::string(whole);
}

// The number of a "$u3" at the text's beginning; 10: none.
std::size_t Aliases::fixed_at(std::string_view text) const {
  if (!text.starts_with("$u") || text.size() < 3 || text[2] < '0' || text[2] > '9') return 10;
  return static_cast<std::size_t>(text[2] - '0');
}

base::Result<std::string> Aliases::replaced_in(std::string_view text) const {
  const bool whole_words = !is_about_aliases(text) && !named_.empty();
  std::string out;
  std::size_t at = 0;
  while (at < text.size() && out.size() <= kLongest) {
    const std::string_view rest = text.substr(at);
    if (const std::size_t number = fixed_at(rest); number < fixed_.size()) {
      out += fixed_[number];
      at += 3;
      continue;
    }
    const std::size_t close = rest.starts_with("${") ? rest.find('}') : std::string_view::npos;
    if (close != std::string_view::npos) {
      out += braced(rest.substr(0, close + 1), rest.substr(2, close - 2));
      at += close + 1;
      continue;
    }
    const bool begins = at == 0 || parts_names(text[at - 1]);
    const auto end = whole_words && begins ? std::ranges::find_if(rest, parts_names) : rest.begin();
    const std::string_view word(rest.begin(), end);
    const auto found = word.empty() ? named_.end() : named_.find(word);
    if (found != named_.end()) {
      out += found->second;
      at += word.size();
    } else {
      out += text[at++];
    }
  }
  if (out.size() > kLongest)
    return base::fail("with its aliases' texts the line has more than 0x{:x} characters", kLongest);
  return out;
}

}  // namespace ntstack::console
