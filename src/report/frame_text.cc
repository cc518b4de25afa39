#include "report/frame_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
constexpr std::string_view kIn = "          ";  // before a frame's fields

Json symbol_json(const symbols::Symbol& symbol) {
  if (symbol.module.empty()) return nullptr;
  const std::string name = base::printable(symbol.name);
  Json json;
  json["module"] = base::printable(symbol.module);
  json["name"] = name.empty() ? Json(nullptr) : Json(name);
  json["offset"] = symbol.offset;
  json["from_export"] = symbol.is_export;
  return json;
}

// The last two fields of a frame, which the call site decides alone.
std::string site_text(const symbols::Symbol& symbol) {
  Json json;
  json["symbol"] = symbol_json(symbol);
  json["source"] = nullptr;
  if (symbol.source) {
    json["source"] = {{"file", base::printable(symbol.source->file)},
                      {"line", symbol.source->line}};
  }
  std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  text = text.substr(2, text.size() - 4);  // without the braces' lines
  std::string out = "        ";
  for (const char c : text) {
    out += c;
    if (c == '\n') out += "        ";
  }
  return out;
}

bool is_same(const symbols::Symbol& a, const symbols::Symbol& b) {
  const bool same_source =
      a.source.has_value() == b.source.has_value() &&
      (!a.source || (a.source->line == b.source->line && a.source->file == b.source->file));
  return a.offset == b.offset && a.is_export == b.is_export && a.name == b.name &&
         a.module == b.module && same_source;
}

void append_hex(std::string_view name, std::uint64_t value, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{}\"{}\": \"{:#x}\",\n", kIn, name, value);
}

}  // namespace

const std::string& FrameTexts::site_of(const stacks::Frame& frame) {
  std::vector<Site>& sites = sites_[frame.ip];
  const auto known = std::ranges::find_if(
      sites, [&](const Site& site) { return is_same(site.symbol, frame.symbol); });
  if (known != sites.end()) return known->text;
  sites.push_back({frame.symbol, site_text(frame.symbol)});
  return sites.back().text;
}

void FrameTexts::append(const stacks::Frame& frame, std::string& out) {
  out += "        {\n";
  append_hex("ip", frame.ip, out);
  append_hex("child_sp", frame.child_sp, out);
  if (frame.child_sp_is_bound)
    fmt::format_to(std::back_inserter(out), "{}\"child_sp_is_bound\": true,\n", kIn);
  if (frame.child_ebp) append_hex("child_ebp", *frame.child_ebp, out);
  append_hex("return_address", frame.return_address, out);
  const std::string bytes = frame.frame_bytes ? fmt::format("{}", *frame.frame_bytes) : "null";
  fmt::format_to(std::back_inserter(out), "{0}\"frame_bytes\": {1},\n{0}\"trust\": \"{2}\",\n", kIn,
                 bytes, unwind::name_of(frame.trust));
  if (frame.trap_frame)
    append_hex("trap_frame", *frame.trap_frame, out);
  else
    fmt::format_to(std::back_inserter(out), "{}\"trap_frame\": null,\n", kIn);
  fmt::format_to(std::back_inserter(out), "{}\"inline\": {},\n", kIn, frame.is_inline);
  if (frame.is_wow64) fmt::format_to(std::back_inserter(out), "{}\"wow64\": true,\n", kIn);
  out += site_of(frame);
  out += "\n        }";
}

void FrameTexts::append(const std::vector<stacks::Frame>& frames, std::string& out) {
  const char* separator = "\n";
  for (const stacks::Frame& frame : frames) {
    out += separator;
    append(frame, out);
    separator = ",\n";
  }
}

}  // namespace ntstack::report
