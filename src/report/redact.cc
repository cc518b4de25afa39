#include "report/redact.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "base/text.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;

// Components of paths behind which a user's or a host's name stands; the second may be empty.
using Components = std::array<std::string_view, 2>;
constexpr Components kUserFolders[] = {
    {"users"}, {"documents and settings"}, {"docume~1"}, {"home"}, {"profiles"}};
constexpr Components kHostFolders[] = {
    {"unc"}, {"device", "mup"}, {"device", "lanmanredirector"}, {"device", "webdavredirector"}};

bool is_separator(char c) { return c == '\\' || c == '/'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c & 0x80) != 0; }
// What no name in a path has; names may have spaces.
bool ends_name(char c) { return is_separator(c) || std::string_view("\"<>|*?\n\t,;:").contains(c); }

// All functions take the text in lower case. Separators may stand twice: text may be escaped.
std::size_t behind_separators(std::string_view lower, std::size_t at) {
  while (at < lower.size() && is_separator(lower[at])) ++at;
  return at;
}

// An apostrophe is part of O'Brien, but not one that quotes the path.
bool ends_user(std::string_view lower, std::size_t at) {
  if (lower[at] == '\'') return at + 1 == lower.size() || !is_word(lower[at + 1]);
  return ends_name(lower[at]);
}
std::size_t end_of_user(std::string_view lower, std::size_t at) {
  while (at < lower.size() && !ends_user(lower, at)) ++at;
  return at;
}
std::size_t end_of_host(std::string_view lower, std::size_t at) {
  while (at < lower.size() && !ends_name(lower[at]) && lower[at] != '\'') ++at;
  return at;
}

// What must go: [begin, end), and what stands there instead.
struct Secret {
  std::size_t begin, end;
  std::string_view instead;
};

bool begins_path(std::string_view lower, std::size_t at) {
  return at == 0 || std::string_view(" '\"(*=;<").contains(lower[at - 1]);
}

// Behind the components at `at`, with or without a separator before the first; nothing: they are
// not there.
std::optional<std::size_t> behind(std::string_view lower, std::size_t at,
                                  const Components& components) {
  if (!is_separator(lower[at]) && !begins_path(lower, at)) return std::nullopt;
  at = behind_separators(lower, at);
  for (const std::string_view component : components) {
    if (component.empty()) break;
    if (!lower.substr(at).starts_with(component)) return std::nullopt;
    at += component.size();
    if (at == lower.size() || !is_separator(lower[at])) return std::nullopt;
    at = behind_separators(lower, at);
  }
  return at;
}

std::optional<Secret> user_at(std::string_view lower, std::size_t at) {
  for (const Components& folders : kUserFolders)
    if (const auto name = behind(lower, at, folders))
      return Secret{*name, end_of_user(lower, *name), "(user)"};
  return std::nullopt;
}

// \Device\Mup\;LanmanRedirector\;Z:000000000000a1b2\host\share
std::size_t behind_redirectors(std::string_view lower, std::size_t at) {
  while (at < lower.size() && lower[at] == ';') {
    while (at < lower.size() && !is_separator(lower[at])) ++at;
    at = behind_separators(lower, at);
  }
  return at;
}

// The host, and who logs in there; the port stays.
Secret authority_at(std::string_view lower, std::size_t at) {
  std::size_t end = at;
  while (end < lower.size() && !is_separator(lower[end]) &&
         !std::string_view(" \"'<>|*?#,;\n\t").contains(lower[end]))
    ++end;
  std::size_t port = end;
  while (port > at && is_digit(lower[port - 1])) --port;
  const bool has_port = port < end && port > at && lower[port - 1] == ':';
  return {at, has_port ? port - 1 : end, "(host)"};
}

// Two separators where a path begins: \\host\share, but not the \\?\ and \\.\ of devices, nor C:\\.
bool begins_share(std::string_view lower, std::size_t at) {
  if (!is_separator(lower[at])) return false;
  const bool is_begin =
      begins_path(lower, at) ||
      (ends_name(lower[at - 1]) && lower[at - 1] != ':' && !is_separator(lower[at - 1]));
  const bool is_behind_colon = at > 1 && lower[at - 1] == ':' && is_word(lower[at - 2]) && at > 2 &&
                               is_word(lower[at - 3]);  // no drive's
  const std::size_t name = behind_separators(lower, at);
  return (is_begin || is_behind_colon) && name - at >= 2 && name < lower.size() &&
         (is_word(lower[name]) || lower[name] == '[' || lower[name] == '_' || lower[name] == '-');
}

std::optional<Secret> host_at(std::string_view lower, std::size_t at) {
  if (lower.substr(at).starts_with("://")) return authority_at(lower, at + 3);
  for (const Components& folders : kHostFolders)
    if (const auto name = behind(lower, at, folders)) {
      const std::size_t begin = behind_redirectors(lower, *name);
      return Secret{begin, end_of_host(lower, begin), "(host)"};
    }
  if (!begins_share(lower, at)) return std::nullopt;
  const std::size_t name = behind_separators(lower, at);
  return Secret{name, end_of_host(lower, name), "(host)"};
}

void redact_dump(Json& dump) {
  dump["comment"] = nullptr;
  dump["file"] = base::file_name_of(dump["file"].get<std::string>());
}

// The text without the folder, wherever a path begins with it.
std::string without(std::string_view text, std::string_view folder) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at + folder.size();
    const bool is_here = text.substr(at).starts_with(folder) && begins_path(text, at) &&
                         (end == text.size() || is_separator(text[end]) || ends_name(text[end]) ||
                          text[end] == ' ' || text[end] == '\'');
    if (!is_here) {
      out += text[at++];
      continue;
    }
    at = behind_separators(text, end);
    if (at == end || at == text.size()) out += "(folder)";
  }
  return out;
}

void redact_all(Json& document, const std::vector<std::string>& folders) {
  if (document.is_object())
    for (auto& [name, value] : document.items()) {
      if (name == "dump" && value.is_object()) redact_dump(value);
      if (name == "more_dumps" && value.is_array())
        for (Json& dump : value) redact_dump(dump);
      redact_all(value, folders);
    }
  else if (document.is_array())
    for (Json& value : document) redact_all(value, folders);
  else if (document.is_string()) {
    std::string text = document.get<std::string>();
    for (const std::string& folder : folders) text = without(text, folder);
    document = redacted(text);
  }
}

}  // namespace

std::string redacted(std::string_view text) {
  const std::string lower = base::lower(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto secret = user_at(lower, at);
    if (!secret) secret = host_at(lower, at);
    if (!secret) {
      out += text[at++];
      continue;
    }
    out += text.substr(at, secret->begin - at);
    if (secret->begin < secret->end) out += secret->instead;
    // What stands behind is looked at anew from the separator on: \\host\Users\name.
    at = secret->end;
  }
  return out;
}

void redact(Json& document, std::vector<std::string> folders) {
  for (std::string& folder : folders)
    while (folder.size() > 1 && is_separator(folder.back())) folder.pop_back();
  std::erase_if(folders, [](const std::string& folder) { return folder.size() < 2; });
  // A folder in a folder first.
  std::ranges::sort(folders, std::ranges::greater(), &std::string::size);
  redact_all(document, folders);
}

}  // namespace ntstack::report
