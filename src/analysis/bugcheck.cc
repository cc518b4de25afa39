#include "analysis/bugcheck.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "analysis/bugcheck_meanings.h"
#include "analysis/bugcheck_names.h"

namespace ntstack::analysis {
namespace {

constexpr auto is_rising = [](const auto& table) {
  return std::ranges::adjacent_find(table, [](const auto& a, const auto& b) {
           return a.code >= b.code;
         }) == std::end(table);
};
static_assert(is_rising(kBugcheckNames));
static_assert(is_rising(kBugcheckWords));

// Names and words in one, each word's code has a name.
constexpr auto put_together() {
  std::array<BugcheckMeaning, std::size(kBugcheckNames) + 1> all{};
  std::size_t words = 0, count = 0;
  for (const BugcheckName& each : kBugcheckNames) {
    all[count] = {each.code, each.name, {}, {}};
    if (words < std::size(kBugcheckWords) && kBugcheckWords[words].code == each.code) {
      all[count].sentence = kBugcheckWords[words].sentence;
      all[count].parameters = kBugcheckWords[words].parameters;
      ++words;
    }
    ++count;
  }
  if (words != std::size(kBugcheckWords)) throw "words of a code without a name";
  all[count] = {kTriageCaptureCode,
                "TRIAGE_DUMP_OF_A_LIVE_PROCESS",
                "no crash: threads of a running process were captured",
                {}};
  std::ranges::sort(all, {}, &BugcheckMeaning::code);
  return all;
}
constexpr auto kAll = put_together();

const BugcheckMeaning* find(std::uint32_t code) {
  const auto found = std::ranges::lower_bound(kAll, code, {}, &BugcheckMeaning::code);
  return found == kAll.end() || found->code != code ? nullptr : &*found;
}

}  // namespace

std::span<const BugcheckMeaning> known_bugchecks() { return kAll; }

const BugcheckMeaning* bugcheck_meaning(std::uint32_t code) {
  const BugcheckMeaning* found = find(code);
  return found ? found : find(plain_code(code));
}

bool is_no_crash(std::uint32_t code) {
  // Public codes: somebody's keys, NMI or tool; live dumps.
  constexpr std::uint32_t kAskedFor[] = {
      0x80,  0xE2,  0x161, 0x1C8, 0x11C8, 0x21C8,     0x1CC,
      0x1A1, 0x1A3, 0x15C, 0x15F, 0x1F5,  0xDEADDEAD, kTriageCaptureCode};
  if (std::ranges::find(kAskedFor, plain_code(code)) != std::end(kAskedFor)) return true;
  const BugcheckMeaning* meaning = bugcheck_meaning(code);
  return meaning && (meaning->name.ends_with("LIVEDUMP") || meaning->name.ends_with("LIVE_DUMP"));
}

}  // namespace ntstack::analysis
