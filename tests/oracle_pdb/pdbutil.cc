#include "pdbutil.h"

#include <bit>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "tool.h"

namespace ntstack::tests {
namespace {

bool has(std::string_view line, std::string_view text) {
  return line.find(text) != std::string_view::npos;
}

// What stands between `before` and `after` (or the end); empty where `before` does not.
std::string between(std::string_view line, std::string_view before, std::string_view after) {
  const std::size_t start = line.find(before);
  if (start == std::string_view::npos) return {};
  const std::string_view rest = line.substr(start + before.size());
  return std::string(rest.substr(0, after.empty() ? rest.size() : rest.find(after)));
}

std::uint32_t number(const std::string& text, int base = 10) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, base));
}
std::uint32_t number_after(std::string_view line, std::string_view before, int base = 10) {
  return number(between(line, before, ""), base);
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \r") - first + 1));
}

// "`name`" up to the line's last quote: names may hold quotes ("`anonymous namespace'").
std::string quoted_name(std::string_view line) {
  const std::size_t first = line.find('`');
  const std::size_t last = line.rfind('`');
  if (first == std::string_view::npos || last <= first) return {};
  return std::string(line.substr(first + 1, last - first - 1));
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> columns(std::string_view line, std::size_t most) {
  std::vector<std::string> found;
  while (found.size() + 1 < most) {
    const std::size_t bar = line.find('|');
    if (bar == std::string_view::npos) break;
    found.push_back(trimmed(line.substr(0, bar)));
    line = line.substr(bar + 1);
  }
  // The last column's spaces are its own.
  found.emplace_back(line.empty() ? line : line.substr(1));
  return found;
}

// "12 | S_GPROC32 [size = 44]": the number before the bar, where a record begins.
bool begins_record(std::string_view line) {
  const std::size_t bar = line.find(" | S_");
  return bar != std::string_view::npos && line.find_first_not_of(" 0123456789") == bar + 1;
}

bool module_line(const std::string& line, std::uint32_t& module) {
  const std::string text = trimmed(line);
  if (!text.starts_with("Mod ") || !has(text, " | `")) return false;
  module = number(text.substr(4));
  return true;
}

}  // namespace

Pdbutil::Pdbutil(std::filesystem::path tool, std::filesystem::path pdb)
    : tool_(std::move(tool)), pdb_(std::move(pdb)) {
  bool original = false;
  for (const std::string& line : dump("-section-headers")) {
    if (has(line, "Original Section Headers")) original = true;
    if (!original && has(line, " virtual address")) sections_.push_back(number(trimmed(line), 16));
  }
  symbols_ = dump("-symbols");
}

std::vector<std::string> Pdbutil::dump(const std::string& options) const {
  return lines_of("dump " + options);
}

std::vector<std::string> Pdbutil::lines_of(const std::string& command) const {
  const ToolResult result =
      run(quoted(tool_) + " " + command + " " + quoted(pdb_) + " 2>/dev/null");
  std::vector<std::string> lines;
  std::string_view rest = result.out;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    lines.emplace_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return lines;
}

std::uint32_t Pdbutil::rva(std::uint32_t section, std::uint32_t offset) const {
  if (section == 0 || section > sections_.size()) return 0;
  return sections_[section - 1] + offset;
}

std::vector<DumpedPublic> Pdbutil::publics() const {
  std::vector<DumpedPublic> found;
  std::string name;
  for (const std::string& line : dump("-publics")) {
    if (has(line, "| S_PUB32 ")) {
      name = quoted_name(line);
    } else if (has(line, "flags = ") && has(line, "addr = ") && !name.empty()) {
      const std::string address = between(line, "addr = ", "");
      const std::uint32_t place = rva(number(address), number(between(address, ":", "")));
      if (place) found.push_back({name, has(between(line, "flags = ", "addr"), "function"), place});
      name.clear();
    }
  }
  return found;
}

std::vector<DumpedProcedure> Pdbutil::procedures() const {
  std::vector<DumpedProcedure> found;
  std::uint32_t module = 0;
  DumpedProcedure procedure;
  bool open = false;
  for (const std::string& line : symbols_) {
    if (module_line(line, module)) continue;
    if (begins_record(line)) {
      open = has(line, "| S_GPROC32") || has(line, "| S_LPROC32") || has(line, "| S_THUNK32 ");
      if (!open) continue;
      procedure = {};
      procedure.module = module;
      procedure.record = number(trimmed(line));
      procedure.name = quoted_name(line);
      procedure.is_thunk = has(line, "| S_THUNK32 ");
    } else if (open && has(line, "addr = ")) {
      const std::string address = between(line, "addr = ", ",");
      procedure.section = number(address);
      procedure.rva = rva(procedure.section, number(between(address, ":", "")));
      procedure.end = number_after(line, "end = ");
      procedure.size = number_after(line, procedure.is_thunk ? "size = " : "code size = ");
      found.push_back(procedure);
      open = false;
    }
  }
  return found;
}

std::vector<DumpedSite> Pdbutil::sites() const {
  std::vector<DumpedSite> found;
  std::uint32_t module = 0;
  std::int32_t line_delta = 0;
  bool open = false;
  for (const std::string& line : symbols_) {
    if (module_line(line, module)) continue;
    if (begins_record(line)) {
      open = has(line, "| S_INLINESITE ") || has(line, "| S_INLINESITE2 ");
      if (!open) continue;
      found.emplace_back();
      found.back().module = module;
      found.back().record = number(trimmed(line));
      line_delta = 0;
      continue;
    }
    if (!open) continue;
    DumpedSite& site = found.back();
    if (has(line, "inlinee = ")) {
      site.id = number_after(line, "inlinee = ", 16);
      site.name = between(line.substr(0, line.rfind("), parent")), "(", "");
      if (!has(line, "), parent")) site.name.clear();
      site.parent = number_after(line, "parent = ");
      continue;
    }
    // The tool shows the running sums: "code 0x2A (+0x5) line 2 (+2)", "code end 0x2D (+0x3)".
    if (has(line, " line ")) line_delta = std::atoi(between(line, " line ", " ").c_str());
    const std::size_t code = line.find(" code 0x");
    if (code != std::string::npos) {
      const std::uint32_t begin = number_after(line, " code 0x", 16);
      if (!site.ranges.empty() && site.ranges.back().end == 0) site.ranges.back().end = begin;
      site.ranges.push_back({begin, 0, line_delta});
    }
    if (has(line, " code end 0x") && !site.ranges.empty())
      site.ranges.back().end = number_after(line, " code end 0x", 16);
  }
  return found;
}

namespace {

// "ARM64_SP", "VFRAME", "NONE": as the reader names them.
std::string base_name(std::string text) {
  text = lower(std::move(text));
  if (text.starts_with("arm64_")) text = text.substr(6);
  return text == "none" || text == "noreg" ? std::string() : text;
}

// Follows the records of the procedures, and of the scopes in them.
class LocalsOfDump {
 public:
  void take(const std::string& line) {
    if (module_line(line, module_)) return;
    if (begins_record(line))
      begin(line);
    else
      go_on(line);
  }

  std::vector<DumpedLocal> close() {
    end_procedure();
    return std::move(found_);
  }

 private:
  struct Place {
    DumpedLocal local;
    bool is_frame_relative = false;
  };

  void begin(const std::string& line) {
    kind_ = between(line, "| ", " ");
    if (kind_ == "S_GPROC32" || kind_ == "S_LPROC32") {
      end_procedure();
      local_ = {};
      local_.module = module_;
      local_.procedure = number(trimmed(line));
    } else if (kind_ == "S_INLINESITE" || kind_ == "S_INLINESITE2" || kind_ == "S_BLOCK32") {
      scopes_.push_back(local_.inlinee);
    } else if ((kind_ == "S_INLINESITE_END" || kind_ == "S_END") && !scopes_.empty()) {
      local_.inlinee = scopes_.back();
      scopes_.pop_back();
    } else if (kind_ == "S_END") {
      end_procedure();
    } else if (kind_ == "S_LOCAL" || kind_ == "S_REGREL32" || kind_ == "S_BPREL32") {
      local_.name = quoted_name(line);
      local_.is_parameter.reset();
    } else if (kind_ == "S_DEFRANGE_FRAMEPOINTER_REL_FULL_SCOPE") {
      add("", std::atoi(between(line, "offset = ", "").c_str()), true);
    }
  }

  void go_on(const std::string& line) {
    const std::int32_t offset = std::atoi(between(line, "offset = ", "").c_str());
    const std::string base = base_name(between(line, "register = ", ","));
    if (kind_ == "S_INLINESITE" || kind_ == "S_INLINESITE2") {
      if (has(line, "inlinee = ")) local_.inlinee = number_after(line, "inlinee = ", 16);
    } else if (kind_ == "S_FRAMEPROC" && has(line, "local fp reg = ")) {
      local_base_ = base_name(between(line, "local fp reg = ", ","));
      parameter_base_ = base_name(between(line, "param fp reg = ", ""));
    } else if (kind_ == "S_LOCAL" && has(line, "type=")) {
      local_.type = number_after(line, "type=", 16);
      local_.is_parameter = has(between(line, "flags = ", ""), "param");
    } else if (kind_ == "S_DEFRANGE_FRAMEPOINTER_REL" && has(line, "offset = ")) {
      add("", offset, true);
    } else if (kind_ == "S_DEFRANGE_REGISTER_REL" && has(line, "register = ")) {
      add(base, offset, false);
    } else if ((kind_ == "S_REGREL32" || kind_ == "S_BPREL32") && has(line, "type = ")) {
      local_.type = number_after(line, "type = ", 16);
      add(kind_ == "S_BPREL32" ? "ebp" : base, offset, false);
    }
  }

  void add(const std::string& base, std::int32_t offset, bool is_frame_relative) {
    if (local_.procedure == 0) return;
    local_.base = base;
    local_.offset = offset;
    places_.push_back({local_, is_frame_relative});
  }

  void end_procedure() {
    for (Place& each : places_) {
      if (each.is_frame_relative)
        each.local.base = each.local.is_parameter.value_or(false) ? parameter_base_ : local_base_;
      found_.push_back(each.local);
    }
    places_.clear();
    scopes_.clear();
    local_ = {};
    local_base_.clear();
    parameter_base_.clear();
  }

  std::uint32_t module_ = 0;
  std::string kind_, local_base_, parameter_base_;
  DumpedLocal local_;
  std::vector<std::uint32_t> scopes_;
  std::vector<Place> places_;
  std::vector<DumpedLocal> found_;
};

}  // namespace

std::vector<DumpedLocal> Pdbutil::locals() const {
  LocalsOfDump locals;
  for (const std::string& line : symbols_) locals.take(line);
  return locals.close();
}

std::vector<DumpedPiece> Pdbutil::pieces() const {
  std::vector<DumpedPiece> found;
  std::uint32_t module = 0;
  std::string file;
  bool names_another_file = false;
  for (const std::string& line : dump("-l")) {
    if (module_line(line, module)) continue;
    std::string text = trimmed(line);
    const std::size_t count = text.find(", line/addr entries = ");
    if (count != std::string::npos && text.size() > 22 && text[4] == ':' && text[13] == '-') {
      DumpedPiece piece;
      piece.module = module;
      piece.section = number(text, 16);
      const std::uint32_t begin = number(text.substr(5, 8), 16),
                          end = number(text.substr(14, 8), 16);
      piece.begin = rva(piece.section, begin);
      piece.end = piece.begin + (end - begin);
      // Blocks of other files in the same piece repeat its header; functions of the same code that
      // were folded into one have pieces of their own.
      const bool same = !found.empty() && names_another_file && found.back().module == module &&
                        found.back().section == piece.section &&
                        found.back().begin == piece.begin && found.back().end == piece.end;
      if (!same) found.push_back(piece);
      names_another_file = false;
      continue;
    }
    const std::size_t hash = text.rfind(" (");
    const bool names_file = !text.empty() && text.back() == ')' && hash != std::string::npos &&
                            (has(text.substr(hash), "MD5") || has(text.substr(hash), "SHA") ||
                             has(text.substr(hash), "no checksum"));
    if (names_file) {
      file = text.substr(0, hash);
      names_another_file = true;
      continue;
    }
    if (text.empty() || found.empty() || found.back().module != module) continue;
    if (text.find_first_not_of("0123456789ABCDEFNSI !") != std::string::npos) continue;
    DumpedPiece& piece = found.back();
    const std::uint32_t base = piece.section == 0 ? 0 : rva(piece.section, 0);
    std::size_t at = 0;
    while (at < text.size()) {
      // NSI, ASI: code that is never, always stepped into, and of no line.
      const bool is_marker = text.compare(at, 4, "NSI ") == 0 || text.compare(at, 4, "ASI ") == 0;
      char* end = text.data() + at + 3;
      const auto number_of_line = is_marker ? 0 : std::strtoul(text.c_str() + at, &end, 10);
      const auto address = std::strtoul(end, &end, 16);
      while (*end == ' ' || *end == '!') ++end;
      if (!is_marker)
        piece.lines.push_back({file, static_cast<std::uint32_t>(number_of_line),
                               base + static_cast<std::uint32_t>(address)});
      at = static_cast<std::size_t>(end - text.c_str());
    }
  }
  return found;
}

std::map<std::pair<std::uint32_t, std::uint32_t>, DumpedInlinee> Pdbutil::inlinees() const {
  std::map<std::pair<std::uint32_t, std::uint32_t>, DumpedInlinee> found;
  std::uint32_t module = 0;
  for (const std::string& line : dump("-il")) {
    if (module_line(line, module)) continue;
    const std::string text = trimmed(line);
    if (!text.starts_with("0x")) continue;
    const auto parts = columns(text, 3);
    if (parts.size() != 3) continue;
    found[{module, number(parts[0], 16)}] = {parts[2].substr(0, parts[2].rfind(" (")),
                                             number(parts[1])};
  }
  return found;
}

std::map<std::uint32_t, DumpedType> Pdbutil::types() const {
  std::map<std::uint32_t, DumpedType> found;
  DumpedType* type = nullptr;
  for (const std::string& line : dump("-types")) {
    const std::string text = trimmed(line);
    if (text.starts_with("0x") && has(text, " | LF_")) {
      type = &found[number(text, 16)];
      type->kind = between(text, " | ", " ");
      type->name = quoted_name(text);
    } else if (!type) {
      continue;
    } else if (text.starts_with("- LF_MEMBER ")) {
      DumpedField field;
      field.name = between(text, "[name = `", "`, Type = ");
      field.type = number_after(text, "`, Type = ", 16);
      field.offset = number(between(text.substr(text.rfind(", offset = ")), ", offset = ", ","));
      type->members.push_back(field);
    } else if (text.starts_with("- LF_INDEX") || has(text, "LF_INDEX")) {
      type->continued = number_after(text, "0x", 16);
    } else if (has(text, "unique name: `")) {
      type->unique_name = quoted_name(text);
    } else if (type->kind == "LF_BITFIELD" && has(text, "bit offset = ")) {
      type->bits_of = number_after(text, "type = ", 16);
      type->bit_offset = number_after(text, "bit offset = ");
      type->bit_count = number_after(text, "# bits = ");
    }
    if (type && has(text, "field list: 0x"))
      type->fields = number_after(text, "field list: 0x", 16);
    if (type && text.starts_with("options: ")) {
      type->size = std::strtoull(between(text, "sizeof ", "").c_str(), nullptr, 10);
      type->is_forward = has(text, "forward ref");
      if (has(text, "forward ref (-> 0x"))
        type->definition = number_after(text, "forward ref (-> 0x", 16);
    }
  }
  return found;
}

std::map<std::uint32_t, std::string> Pdbutil::function_ids() const {
  std::map<std::uint32_t, std::string> found;
  std::uint32_t id = 0;
  for (const std::string& line : dump("-ids")) {
    const std::string text = trimmed(line);
    if (text.starts_with("0x") && has(text, " | LF_"))
      id = has(text, "FUNC_ID") ? number(text, 16) : 0;
    else if (id && text.starts_with("name = "))
      found[id] = text.substr(7, text.rfind(", type = ") - 7);
  }
  return found;
}

// "   8004 | 'OneCore\\ntrtl.h'"
std::map<std::uint32_t, std::string> Pdbutil::strings() const {
  std::map<std::uint32_t, std::string> found;
  for (const std::string& line : dump("-string-table")) {
    const std::size_t first = line.find("| '");
    const std::size_t last = line.rfind('\'');
    if (first == std::string::npos || last < first + 3) continue;
    found[number(trimmed(line))] = line.substr(first + 3, last - first - 3);
  }
  return found;
}

// Each module's imports as 32-bit words: of a decoded list the tool prints the first import alone.
std::map<std::uint32_t, std::vector<std::uint32_t>> Pdbutil::import_chunks() const {
  std::map<std::uint32_t, std::vector<std::uint32_t>> found;
  std::uint32_t module = 0;
  bool open = false;
  for (const std::string& line : lines_of("bytes -chunks -split-chunks")) {
    if (module_line(line, module)) continue;
    const std::string text = trimmed(line);
    if (text.ends_with(" (") || text == ")") {
      open = text == "xmi (";
      continue;
    }
    // "28FBC: F7000000 24000000 ... |....$...|"
    const std::size_t colon = text.find(": ");
    if (!open || colon == std::string::npos) continue;
    const std::string bytes = trimmed(text.substr(colon + 2, text.find('|') - colon - 2));
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 9)
      found[module].push_back(std::byteswap(number(bytes.substr(at, 8), 16)));
  }
  return found;
}

std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> Pdbutil::imported_ids() const {
  std::map<std::string, std::map<std::uint32_t, std::uint32_t>> exported;  // by module's name
  std::string name;
  for (const std::string& line : dump("-xme")) {
    std::uint32_t module = 0;
    if (module_line(line, module)) {
      name = lower(quoted_name(line));
    } else if (const auto parts = columns(line, 2); parts.size() == 2 && has(line, " | 0x")) {
      exported[name][number(parts[0], 16)] = number(trimmed(parts[1]), 16);
    }
  }
  const auto names = strings();
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> found;
  for (const auto& [module, words] : import_chunks()) {
    // Kind and size; then for each import its module's name, a count, and so many ids.
    std::uint32_t import = 0;
    for (std::size_t at = 2; at + 2 <= words.size(); ++import) {
      const auto exports = exported.find(lower(names.at(words[at])));
      const std::uint32_t count = words[at + 1];
      at += 2;
      for (std::uint32_t index = 0; index < count && at < words.size(); ++index, ++at) {
        if (exports == exported.end()) continue;
        const auto id = exports->second.find(words[at]);
        if (id != exports->second.end())
          found[{module, 0x80000000U | import << 20 | index}] = id->second;
      }
    }
  }
  return found;
}

std::vector<DumpedFpo> Pdbutil::fpo() const {
  std::vector<DumpedFpo> found;
  bool is_old = false;
  for (const std::string& line : dump("-fpo")) {
    if (has(line, "Old FPO Data")) is_old = true;
    if (has(line, "New FPO Data")) is_old = false;
    const auto parts = columns(line, 9);
    if (!is_old || parts.size() != 9 || parts[0] == "RVA") continue;
    found.push_back({number(parts[0], 16), number(parts[1]), number(parts[2]), number(parts[3]),
                     number(parts[4]), number(parts[5]), parts[6] == "true", parts[7] == "true"});
  }
  return found;
}

std::vector<DumpedFrame> Pdbutil::frames() const {
  std::vector<DumpedFrame> found;
  bool is_new = false;
  for (const std::string& line : dump("-fpo")) {
    if (has(line, "New FPO Data")) is_new = true;
    const auto parts = columns(line, 11);
    if (!is_new || parts.size() != 11 || parts[0] == "RVA") continue;
    found.push_back({number(parts[0], 16), number(parts[1]), number(parts[2]), number(parts[3]),
                     number(parts[4]), number(parts[5]), number(parts[6]), parts[7] == "true",
                     parts[8] == "true", parts[9] == "true", parts[10]});
  }
  return found;
}

std::vector<DumpedContribution> Pdbutil::contributions() const {
  std::vector<DumpedContribution> found;
  for (const std::string& line : dump("-section-contribs")) {
    if (!has(line, "| mod = ")) continue;
    const std::string place = between(line.substr(line.find("| mod = ")), ", ", ",");
    found.push_back({number_after(line, "| mod = "), number(place), number(between(place, ":", "")),
                     number_after(line, ", size = ")});
  }
  return found;
}

}  // namespace ntstack::tests
