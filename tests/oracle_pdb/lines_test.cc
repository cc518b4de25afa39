// Every line of every module against llvm-pdbutil.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>

#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

using LineAt =
    std::tuple<std::string, std::uint32_t, std::uint32_t>;  // file, line, where it begins

// What each line of a piece covers: visit(line, its last byte). Of lines that begin at one address
// the last has the code.
template <class Visit>
void for_each_covered(const DumpedPiece& piece, Visit visit) {
  for (std::size_t i = 0; i < piece.lines.size(); ++i) {
    const bool is_last = i + 1 == piece.lines.size();
    const std::uint32_t end = is_last ? piece.end : piece.lines[i + 1].rva;
    if (end > piece.lines[i].rva) visit(piece.lines[i], end - 1);
  }
}

// All that cover an address: functions of several modules with the same code were folded into one,
// and any of their lines is true.
std::set<LineAt> lines_at(const std::multimap<std::uint32_t, const DumpedPiece*>& pieces,
                          std::uint32_t rva) {
  constexpr int kPiecesBefore = 64;
  std::set<LineAt> found;
  auto piece = pieces.upper_bound(rva);
  for (int i = 0; i < kPiecesBefore && piece != pieces.begin(); ++i) {
    --piece;
    for_each_covered(*piece->second, [&](const DumpedLine& each, std::uint32_t last) {
      if (each.rva <= rva && rva <= last) found.insert({each.file, each.line, each.rva});
    });
  }
  return found;
}

TEST(LinesAgainstPdbutil, EveryLineStandsWhereItsCodeBeginsAndEnds) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t total = 0, count = 0, folded = 0;
  for (const Subject& subject : subjects()) {
    const Pdbutil truth(tool, subject.pdb);
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    auto pieces = truth.pieces();
    std::multimap<std::uint32_t, const DumpedPiece*> by_address;
    for (DumpedPiece& piece : pieces) {
      total += piece.lines.size();
      std::ranges::stable_sort(piece.lines, {}, &DumpedLine::rva);
      if (piece.section != 0)
        by_address.insert({piece.begin, &piece});  // 0: left out by the linker
    }
    for (const auto& [begin, piece] : by_address) {
      for_each_covered(*piece, [&](const DumpedLine& each, std::uint32_t last) {
        for (const std::uint32_t rva : {each.rva, last}) {
          const auto true_lines = lines_at(by_address, rva);
          const auto line = opened.pdb->line_at(rva);
          ASSERT_TRUE(line) << subject.name << " " << each.file << ":" << each.line;
          EXPECT_TRUE(true_lines.contains({std::string(line->file), line->line, line->rva}))
              << subject.name << " " << std::hex << rva << std::dec << " is " << line->file << ":"
              << line->line << ", not " << each.file << ":" << each.line;
          folded += true_lines.size() > 1;
        }
        ++count;
      });
    }
  }
  std::printf("lines: %zu printed, %zu with code of their own; %zu of folded functions\n", total,
              count, folded);
}

}  // namespace
}  // namespace ntstack::tests
