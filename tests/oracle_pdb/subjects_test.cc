// What the other tests here look at holds every kind of record, as llvm-pdbutil counts them: x86
// PDBs with FPO and FrameData, and Microsoft's for ARM64.
#include "subjects.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "pdbutil.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

struct Totals {
  std::size_t pdbs = 0, publics = 0, procedures = 0, lines = 0, fpo = 0, frames = 0;
};

Totals totals_of(const std::filesystem::path& tool, std::string_view folder) {
  Totals totals;
  for (const Subject& subject : subjects()) {
    if (!subject.name.starts_with(std::string(folder) + "/")) continue;
    const Pdbutil truth(tool, subject.pdb);
    ++totals.pdbs;
    totals.publics += truth.publics().size();
    totals.procedures += truth.procedures().size();
    for (const DumpedPiece& piece : truth.pieces()) totals.lines += piece.lines.size();
    totals.fpo += truth.fpo().size();
    totals.frames += truth.frames().size();
  }
  std::cout << fmt::format(
      "compared for {}: {} PDBs, {} publics, {} procedures, {} lines, {} FPO and {} FrameData "
      "records\n",
      folder, totals.pdbs, totals.publics, totals.procedures, totals.lines, totals.fpo,
      totals.frames);
  return totals;
}

TEST(Subjects, PdbsForX86HaveFpoAndFrameData) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  NTSTACK_NEED_DATA(folder, "seh/x86");
  const Totals totals = totals_of(tool, "x86");
  EXPECT_EQ(totals.pdbs, 4u);
  EXPECT_GT(totals.publics, 900u);
  EXPECT_GT(totals.procedures, 100u);
  EXPECT_GT(totals.lines, 1000u);
  EXPECT_GT(totals.fpo, 200u);
  EXPECT_GT(totals.frames, 400u);
}

TEST(Subjects, MicrosoftsPdbsForArm64AndX64HaveLinesAndProcedures) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  NTSTACK_NEED_FETCHED(node_pty_arm64());
  for (const char* folder : {"win32-arm64", "win32-x64"}) {
    const Totals totals = totals_of(tool, folder);
    EXPECT_EQ(totals.pdbs, 5u);
    EXPECT_GT(totals.publics, 5000u);
    EXPECT_GT(totals.procedures, 3000u);
    EXPECT_GT(totals.lines, 20000u);
  }
}

}  // namespace
}  // namespace ntstack::tests
