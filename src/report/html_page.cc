#include "report/html_page.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/sha256.h"
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

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i) three = three << 8 | (i < count ? bytes[at + i] : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      out += i <= count ? kDigits[three >> (18 - 6 * i) & 0x3f] : '=';
  }
  return out;
}

// How a content security policy names the one script or style that it lets through.
std::string source_of(std::string_view text) {
  return "'sha256-" + base64(base::sha256(text)) + "'";
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
  return filled(page_html(), {{"%TITLE%", title},
                              {"%STYLES%", source_of(page_css())},
                              {"%SCRIPTS%", source_of(page_js())},
                              {"%CSS%", page_css()},
                              {"%JS%", page_js()},
                              {"%DATA%", data}});
}

}  // namespace ntstack::report
