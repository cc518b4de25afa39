// Every FPO_DATA and FRAMEDATA record against llvm-pdbutil.
#include <gtest/gtest.h>

#include <cstdio>
#include <tuple>

#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

// The record that an address should be given, by looking at all: the last start, then the least
// size.
template <class Record>
const Record* expected_at(const std::vector<Record>& records, std::uint32_t rva) {
  const Record* best = nullptr;
  for (const Record& each : records) {
    if (rva < each.rva || rva - each.rva >= each.size) continue;
    if (!best || each.rva > best->rva || (each.rva == best->rva && each.size < best->size))
      best = &each;
  }
  return best;
}

TEST(FramesAgainstPdbutil, EveryFpoRecordIsFoundAtItsCode) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t count = 0;
  for (const Subject& subject : subjects()) {
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto records = Pdbutil(tool, subject.pdb).fpo();
    for (const DumpedFpo& record : records) {
      if (record.size == 0) continue;
      for (const std::uint32_t rva : {record.rva, record.rva + record.size - 1}) {
        const DumpedFpo* truth = expected_at(records, rva);
        const auto ours = opened.pdb->fpo_at(rva);
        ASSERT_TRUE(ours) << subject.name << " " << std::hex << rva;
        EXPECT_EQ(ours->rva, truth->rva);
        EXPECT_EQ(ours->size, truth->size);
        EXPECT_EQ(ours->locals_size, truth->locals * 4);
        EXPECT_EQ(ours->params_size, truth->params * 4);
        // The tool takes four bits of the prolog's eight, and two of the three of the saved
        // registers for has_seh and uses_bp (winnt.h: cbProlog:8, cbRegs:3, fHasSEH:1, fUseBP:1).
        EXPECT_EQ(ours->prolog_size & 0xfU, truth->prolog);
        EXPECT_EQ(ours->saved_registers, truth->saved);
        EXPECT_EQ((ours->saved_registers & 2) != 0, truth->has_seh);
        EXPECT_EQ((ours->saved_registers & 4) != 0, truth->uses_bp);
      }
      ++count;
    }
  }
  std::printf("FPO records: %zu\n", count);
}

TEST(FramesAgainstPdbutil, EveryFrameDataRecordIsFoundAtItsCode) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t count = 0;
  for (const Subject& subject : subjects()) {
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto records = Pdbutil(tool, subject.pdb).frames();
    for (const DumpedFrame& record : records) {
      if (record.size == 0) continue;
      for (const std::uint32_t rva : {record.rva, record.rva + record.size - 1}) {
        const DumpedFrame* truth = expected_at(records, rva);
        const auto ours = opened.pdb->frame_data_at(rva);
        ASSERT_TRUE(ours) << subject.name << " " << std::hex << rva;
        EXPECT_EQ(ours->rva, truth->rva) << subject.name;
        EXPECT_EQ(ours->size, truth->size) << subject.name << " " << std::hex << rva;
        EXPECT_EQ(ours->locals_size, truth->locals);
        EXPECT_EQ(ours->params_size, truth->params);
        EXPECT_EQ(ours->max_stack, truth->stack);
        EXPECT_EQ(ours->prolog_size, truth->prolog);
        EXPECT_EQ(ours->saved_registers_size, truth->saved);
        EXPECT_EQ(ours->flags & 7U,
                  truth->has_seh * 1U + truth->has_cpp_eh * 2U + truth->is_start * 4U);
        EXPECT_EQ(ours->program, truth->program);
      }
      ++count;
    }
  }
  std::printf("FrameData records: %zu\n", count);
}

}  // namespace
}  // namespace ntstack::tests
