#include "report/html_page.h"

#include <string_view>

#include "base/text.h"
#include "report/page_parts.h"

namespace ntstack::report {
namespace {

// JSON in which no tag can begin or end.
std::string script_text(const nlohmann::ordered_json& document) {
  const std::string json =
      document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  std::string out;
  out.reserve(json.size() + json.size() / 16);
  for (const char c : json)
    if (c == '<')
      out += "\\u003c";
    else if (c == '>')
      out += "\\u003e";
    else if (c == '&')
      out += "\\u0026";
    else
      out += c;
  return out;
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : base::printable(text))
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  return out;
}

// The text with what each mark stands for; marks stand in the template alone.
std::string filled(std::string_view page,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> marks) {
  std::string out;
  while (!page.empty()) {
    std::size_t nearest = std::string_view::npos;
    const std::pair<std::string_view, std::string_view>* found = nullptr;
    for (const auto& mark : marks)
      if (const std::size_t at = page.find(mark.first); at < nearest) {
        nearest = at;
        found = &mark;
      }
    out += page.substr(0, nearest);
    if (!found) break;
    out += found->second;
    page.remove_prefix(nearest + found->first.size());
  }
  return out;
}

}  // namespace

std::string html_page(const nlohmann::ordered_json& document) {
  const std::string title =
      html_text(base::file_name_of(document["dump"]["file"].get<std::string>()));
  const std::string data = script_text(document);
  return filled(page_html(),
                {{"%TITLE%", title}, {"%CSS%", page_css()}, {"%JS%", page_js()}, {"%DATA%", data}});
}

}  // namespace ntstack::report
