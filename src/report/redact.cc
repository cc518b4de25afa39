#include "report/redact.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kUserFolders[] = {"users", "documents and settings", "home", "profiles"};
constexpr std::string_view kHostMarks[] = {"\\device\\mup\\", "\\unc\\",
                                           "\\device\\lanmanredirector\\"};

bool is_separator(char c) { return c == '\\' || c == '/'; }
// What no name in a path has; names may have spaces.
bool ends_name(char c) {
  return is_separator(c) || std::string_view("\"'<>|*?\n\t,;:").contains(c);
}

std::string_view name_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && !ends_name(text[end])) ++end;
  return text.substr(at, end - at);
}

// Where a name that must go begins, behind what stands at `at`: the length of that, and what to
// call it. `lower` is the text in lower case.
struct Mark {
  std::size_t length;
  std::string_view instead;
};

std::optional<Mark> user_mark(std::string_view lower, std::size_t at) {
  if (!is_separator(lower[at])) return std::nullopt;
  for (const std::string_view folder : kUserFolders) {
    const std::size_t end = at + 1 + folder.size();
    if (lower.substr(at + 1).starts_with(folder) && end < lower.size() && is_separator(lower[end]))
      return Mark{folder.size() + 2, "(user)"};
  }
  return std::nullopt;
}

std::optional<Mark> host_mark(std::string_view lower, std::size_t at) {
  const std::string_view rest = lower.substr(at);
  for (const std::string_view mark : kHostMarks)
    if (rest.starts_with(mark)) return Mark{mark.size(), "(host)"};
  if (rest.starts_with("://")) return Mark{3, "(host)"};
  // \\host\share, but not the \\?\ and \\.\ of devices, nor a separator that stands twice in a
  // path.
  const bool begins = at == 0 || ends_name(lower[at - 1]) || lower[at - 1] == ' ' ||
                      lower[at - 1] == '(' || lower[at - 1] == '*' || lower[at - 1] == '=';
  if (begins && (at == 0 || !is_separator(lower[at - 1])) && rest.starts_with("\\\\") &&
      rest.size() > 2 && rest[2] != '?' && rest[2] != '.' && !ends_name(rest[2]))
    return Mark{2, "(host)"};
  return std::nullopt;
}

void redact_dump(Json& dump) {
  dump["comment"] = nullptr;
  dump["file"] = base::file_name_of(dump["file"].get<std::string>());
}

}  // namespace

std::string redacted(std::string_view text) {
  const std::string lower = base::lower(text);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    auto mark = user_mark(lower, at);
    if (!mark) mark = host_mark(lower, at);
    if (!mark) {
      out += text[at++];
      continue;
    }
    out += text.substr(at, mark->length);
    at += mark->length;
    const std::string_view name = name_at(text, at);
    // A port stays with its host.
    if (!name.empty()) out += mark->instead;
    at += name.size();
    // What stands behind is looked at anew from the separator on: \\host\Users\name.
  }
  return out;
}

void redact(Json& document) {
  if (document.is_object())
    for (auto& [name, value] : document.items()) {
      if (name == "dump" && value.is_object()) redact_dump(value);
      if (name == "more_dumps" && value.is_array())
        for (Json& dump : value) redact_dump(dump);
      redact(value);
    }
  else if (document.is_array())
    for (Json& value : document) redact(value);
  else if (document.is_string())
    document = redacted(document.get_ref<const std::string&>());
}

}  // namespace ntstack::report
