// Addresses across functions, named as llvm-symbolizer names them: function, file, line, inlined
// ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

constexpr std::size_t kAddressesForEach = 1500;

// Addresses in procedures: each one's first byte, the rest anywhere.
std::vector<std::uint32_t> addresses_in(const std::vector<DumpedProcedure>& procedures) {
  std::mt19937 random(1);
  std::set<std::uint32_t> found;
  std::vector<const DumpedProcedure*> with_code;
  for (const DumpedProcedure& each : procedures) {
    if (each.section != 0 && each.size != 0 && !each.is_thunk) with_code.push_back(&each);
  }
  if (with_code.empty()) return {};
  for (std::size_t i = 0; i < kAddressesForEach; ++i) {
    const DumpedProcedure& each = *with_code[i % with_code.size()];
    found.insert(each.rva + (i < with_code.size() ? 0 : random() % each.size));
  }
  return {found.begin(), found.end()};
}

struct Named {
  std::string function, file;
  std::uint32_t line = 0;
  bool operator==(const Named&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Named& each) {
  return out << each.function << " " << each.file << ":" << each.line;
}

std::vector<Named> ours_at(const pdb::Pdb& pdb, std::uint32_t rva) {
  std::vector<Named> all;
  for (const pdb::InlineFrame& each : pdb.inlined_at(rva, nullptr))
    all.push_back({each.name, std::string(each.file), each.line});
  const auto line = pdb.line_at(rva);
  const auto function = pdb.function_at(rva);
  all.push_back({function ? std::string(function->name) : "", line ? std::string(line->file) : "",
                 line ? line->line : 0});
  return all;
}

std::vector<Named> theirs_in(const nlohmann::json& answer) {
  std::vector<Named> all;
  for (const auto& each : answer.at("Symbol"))
    all.push_back({each.at("FunctionName").get<std::string>(),
                   each.at("FileName").get<std::string>(), each.at("Line").get<std::uint32_t>()});
  return all;
}

// Where several lines begin at one address the last has the code (as DIA has it, see the Breakpad
// test); the tool takes the first. What the tool may say instead, by where the lines begin.
std::multimap<std::uint32_t, DumpedLine> lines_by_start(const Pdbutil& truth) {
  std::multimap<std::uint32_t, DumpedLine> lines;
  for (const DumpedPiece& piece : truth.pieces()) {
    for (const DumpedLine& each : piece.lines) lines.insert({each.rva, each});
  }
  return lines;
}

// Puts our line where the tool took another one that begins at the same address, or a marker
// ("never step into", no line of any file) where we go on with the line before.
bool settle_tie(Named& theirs, const Named& ours, std::uint32_t start,
                const std::multimap<std::uint32_t, DumpedLine>& lines) {
  if (theirs == ours || theirs.function != ours.function) return false;
  const auto [begin, end] = lines.equal_range(start);
  const bool is_marker = theirs.line == 0xf00f00 || theirs.line == 0xfeefee;
  const bool is_tie = std::any_of(begin, end, [&](const auto& each) {
    return each.second.file == theirs.file && each.second.line == theirs.line;
  });
  if (is_marker || is_tie) theirs = ours;
  return is_marker || is_tie;
}

// Puts our line where the one that the tool took begins behind the address, everywhere: it does so
// in some functions whose code is of several files in turn.
bool settle_later_line(Named& theirs, const Named& ours, std::uint32_t rva,
                       const std::multimap<std::uint32_t, DumpedLine>& lines) {
  if (theirs == ours || theirs.function != ours.function) return false;
  const auto is_theirs = [&](const auto& each) {
    return each.second.file == theirs.file && each.second.line == theirs.line;
  };
  if (std::any_of(lines.begin(), lines.upper_bound(rva), is_theirs)) return false;
  if (std::none_of(lines.upper_bound(rva), lines.end(), is_theirs)) return false;
  theirs = ours;
  return true;
}

// The tool's answers by address. It dies of some ids of inlined functions that link-time code
// generation wrote: it is then started again behind that address.
std::map<std::uint32_t, nlohmann::json> ask(const std::filesystem::path& symbolizer,
                                            const std::filesystem::path& image,
                                            const std::vector<std::uint32_t>& addresses) {
  constexpr int kMostStarts = 40;
  const TemporaryFolder folder;
  const std::filesystem::path list = folder.path() / "addresses";
  std::map<std::uint32_t, nlohmann::json> found;
  auto next = addresses.begin();
  for (int start = 0; start < kMostStarts && next != addresses.end(); ++start) {
    std::ofstream input(list);
    for (auto each = next; each != addresses.end(); ++each)
      input << "0x" << std::hex << *each << "\n";
    input.close();
    const ToolResult result = run(quoted(symbolizer) +
                                  " --relative-address --no-demangle --functions=short "
                                  "--output-style=JSON --obj=" +
                                  quoted(image) + " < " + quoted(list) + " 2>/dev/null");
    std::istringstream answers(result.out);
    for (std::string line; next != addresses.end() && std::getline(answers, line); ++next) {
      auto answer = nlohmann::json::parse(line, nullptr, false);
      if (answer.is_discarded()) break;
      if (answer.contains("Symbol")) found[*next] = std::move(answer);
    }
    if (next != addresses.end()) ++next;
  }
  return found;
}

TEST(NamesAgainstSymbolizer, AddressesAreNamedAlike) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  NTSTACK_NEED_TOOL(symbolizer, "llvm-symbolizer-19");
  std::size_t compared = 0, unanswered = 0, with_inlines = 0, ties = 0, later = 0, differing = 0;
  for (const Subject& subject : subjects()) {
    if (subject.image.empty()) continue;
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const Pdbutil truth(tool, subject.pdb);
    const auto addresses = addresses_in(truth.procedures());
    const auto lines = lines_by_start(truth);
    const auto answers = ask(symbolizer, subject.image, addresses);
    unanswered += addresses.size() - answers.size();
    for (const auto& [rva, parsed] : answers) {
      auto ours = ours_at(*opened.pdb, rva), theirs = theirs_in(parsed);
      if (!subject.is_clang) {
        ours.erase(ours.begin(), ours.end() - 1);
        theirs.erase(theirs.begin(), theirs.end() - 1);
      }
      if (const auto line = opened.pdb->line_at(rva))
        ties += settle_tie(theirs.back(), ours.back(), line->rva, lines);
      later += settle_later_line(theirs.back(), ours.back(), rva, lines);
      if (ours != theirs && ++differing <= 40)
        ADD_FAILURE() << subject.name << " " << std::hex << rva << "\n  ours   "
                      << testing::PrintToString(ours) << "\n  theirs "
                      << testing::PrintToString(theirs);
      ++compared;
      with_inlines += parsed.at("Symbol").size() > 1;
    }
  }
  std::printf(
      "addresses: %zu, with inlined functions: %zu; first of several lines or marker: %zu; "
      "the tool's line begins behind: %zu; differing: %zu; the tool died on %zu\n",
      compared, with_inlines, ties, later, differing, unanswered);
  EXPECT_LE(later, compared / 1000);
}

}  // namespace
}  // namespace ntstack::tests
