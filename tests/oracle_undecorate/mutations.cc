#include "mutations.h"

#include <algorithm>
#include <random>
#include <string_view>

namespace ntstack::tests {
namespace {

// The grammar's words.
constexpr std::string_view kWords[] = {
    "?",     "@",     "@@",    "$",     "$$",      "?$",      "??",    "??_",   "?1?",   "?A",
    "A",     "B",     "C",     "D",     "E",       "F",       "G",     "H",     "I",     "J",
    "K",     "L",     "M",     "N",     "O",       "P",       "Q",     "R",     "S",     "T",
    "U",     "V",     "W",     "X",     "Y",       "Z",       "_",     "0",     "1",     "2",
    "3",     "4",     "5",     "6",     "7",       "8",       "9",     "a",     "$$A6",  "$$A8@@",
    "$$B",   "$$C",   "$$Q",   "$$R",   "$$T",     "$$V",     "$$$V",  "$$Z",   "$$Y",   "$S",
    "$0",    "$1",    "$E?",   "$F",    "$G",      "$H",      "$I",    "$J",    "$M",    "$2",
    "P6A",   "P8",    "PEA",   "QEA",   "AEA",     "$$QEA",   "Y01",   "V?$",   "W4",    "U?$",
    "3HA",   "YAXXZ", "QEAA",  "UEAA",  "@Z",      "XZ",      "ZZ",    "_E",    "_K",    "_J",
    "_N",    "_W",    "_S",    "_U",    "_Q",      "_P",      "?A0x",  "?0",    "?1",    "?B",
    "??_7",  "??_8",  "??_9",  "??_B",  "??_C@_0", "??_C@_1", "??_R0", "??_R1", "??_R4", "??__E",
    "??__F", "??__J", "??__K", "??__L", "??__M",   "$B",      "$4",    "$R4",   "$$J0",  "6B@",
    "4HA",   "2HB",   "EQ",    "?$AA",  "@8",      ".",       "??@",   "W7E"};

class Spoiler {
 public:
  Spoiler(const Names& names, std::uint32_t seed) : names_(names), random_(seed) {}

  std::string next() {
    std::string name = any_name();
    const std::size_t changes = below(2) == 0 ? 1 : 1 + below(5);
    for (std::size_t i = 0; i < changes; ++i) change(name);
    return name;
  }

 private:
  // std::uniform_int_distribution differs between libraries.
  std::size_t below(std::size_t bound) { return random_() % bound; }
  const std::string& any_name() { return names_[below(names_.size())]; }
  std::string word() { return std::string(kWords[below(std::size(kWords))]); }

  void change(std::string& name) {
    const std::size_t at = below(name.size() + 1);
    const std::size_t rest = name.size() - at;
    switch (below(8)) {
      case 0:
        name.erase(at, 1 + below(3));
        break;
      case 1:
        name.replace(at, std::min<std::size_t>(rest, 1), word());
        break;
      case 2:
        name.insert(at, word());
        break;
      case 3:
        name.insert(at, name.substr(at, 1 + below(12)));
        break;
      case 4:
        name.insert(at, piece(any_name(), 20));
        break;
      case 5:
        name.insert(at, any_name());
        break;
      case 6:
        name.replace(at, std::min<std::size_t>(rest, 1), 1, static_cast<char>(33 + below(94)));
        break;
      default:
        name.replace(at, std::min<std::size_t>(rest, 8), piece(any_name(), 12));
        break;
    }
  }

  std::string piece(const std::string& of, std::size_t longest) {
    return of.substr(below(of.size()), 1 + below(longest));
  }

  const Names& names_;
  std::mt19937 random_;
};

// Others are left as they are without a look at them, or would be comments to the tool.
bool is_of_interest(const std::string& name) {
  return !name.empty() && name.size() < 2000 && (name[0] == '?' || name[0] == '.') &&
         name.find(' ') == std::string::npos;
}

}  // namespace

Names spoilt(const Names& names, std::size_t count, std::uint32_t seed) {
  Spoiler spoiler(names, seed);
  Names result;
  while (result.size() < count) {
    std::string name = spoiler.next();
    if (is_of_interest(name)) result.push_back(std::move(name));
  }
  return result;
}

}  // namespace ntstack::tests
