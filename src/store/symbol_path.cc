#include "store/symbol_path.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

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

// Stores of one chain that keep copies; WinDbg takes ten in all.
constexpr std::size_t kMostDownstream = 10;

// A share of another machine: worth a copy at hand.
bool is_remote(std::string_view where) {
  return where.starts_with("\\\\") || is_server(where) || where.starts_with("//");
}

class Parser {
 public:
  explicit Parser(const std::string& default_store) : default_store_(default_store) {}

  void add(std::string_view text) {
    if (starts_with_ignoring_case(text, "srv*")) {
      add_chain(stores_of(text.substr(4)));
    } else if (starts_with_ignoring_case(text, "symsrv*")) {
      std::vector<std::string> stores = stores_of(text.substr(7));
      stores.erase(stores.begin());  // the DLL that would look it up
      if (stores.empty()) stores.emplace_back();
      add_chain(std::move(stores));
    } else if (starts_with_ignoring_case(text, "cache*")) {
      for (std::string& store : stores_of(text.substr(6)))
        is_server(store) ? add_chain({store}) : add_cache(or_default(store));
    } else if (is_server(text)) {
      add_chain({std::string(text)});
    } else {
      add_folder(std::string(text));
    }
  }

  SymbolPath path;

 private:
  static std::vector<std::string> stores_of(std::string_view text) {
    std::vector<std::string> stores;
    for (const std::string& part : split_quoted(text, '*')) stores.emplace_back(trimmed(part));
    return stores;
  }

  std::string or_default(const std::string& store) const {
    return store.empty() ? default_store_ : store;
  }

  void push(Place place) {
    place.expand_in = place.keep_in.empty() ? default_store_ : place.keep_in.front();
    path.places.push_back(std::move(place));
  }

  void add_chain(std::vector<std::string> stores) {
    if (stores.size() == 1 && stores.front().empty())
      stores.emplace_back(kMicrosoftServer);  // "srv*" alone
    std::vector<std::string> downstream;
    for (const std::string& written : stores) {
      const std::string where = or_default(written);
      Place place{is_server(where) ? Place::Kind::server : Place::Kind::store, where, downstream};
      if (place.keep_in.empty() && cache_ && *cache_ != where) place.keep_in = {*cache_};
      if (place.keep_in.empty() && is_server(where)) {
        push({Place::Kind::store, default_store_, {}});
        place.keep_in = {default_store_};
      }
      push(std::move(place));
      if (!is_server(where) && downstream.size() < kMostDownstream)
        downstream.insert(downstream.begin(), where);
    }
  }

  void add_cache(const std::string& where) {
    push({Place::Kind::store, where, {}});
    cache_ = where;
  }

  void add_folder(std::string where) {
    Place place{Place::Kind::folder, std::move(where), {}};
    if (cache_ && is_remote(place.where)) place.keep_in = {*cache_};
    push(std::move(place));
  }

  const std::string& default_store_;
  std::optional<std::string> cache_;  // of the elements that follow
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

bool is_server(std::string_view where) {
  return starts_with_ignoring_case(where, "http://") ||
         starts_with_ignoring_case(where, "https://");
}

SymbolPath SymbolPath::parse(std::string_view text, const std::string& default_store) {
  // A path quoted as a whole, as shells and registry values leave it, is the path inside.
  text = trimmed(text);
  if (std::ranges::count(text, '"') == 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  Parser parser(default_store);
  for (const std::string& part : split_quoted(text, ';')) {
    if (const auto element = trimmed(part); !element.empty()) parser.add(element);
  }
  return std::move(parser.path);
}

SymbolPath SymbolPath::parse(std::string_view text) { return parse(text, default_store()); }

SymbolPath SymbolPath::of_folder(std::string folder) {
  SymbolPath path;
  path.places.push_back({Place::Kind::folder, std::move(folder), {}, default_store()});
  return path;
}

bool SymbolPath::has_server() const {
  return std::ranges::any_of(places,
                             [](const Place& place) { return place.kind == Place::Kind::server; });
}

void SymbolPath::append(const SymbolPath& more) {
  places.insert(places.end(), more.places.begin(), more.places.end());
}

std::string default_store() {
#ifdef _WIN32
  const std::string data = environment("ProgramData");
  return (data.empty() ? "C:\\ProgramData" : data) + "\\Dbg\\Sym";
#else
  std::string cache = environment("XDG_CACHE_HOME");
  if (cache.empty()) cache = environment("HOME") + "/.cache";
  return cache + "/ntstack/symbols";
#endif
}

}  // namespace ntstack::store
