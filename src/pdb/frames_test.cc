#include "pdb/frames.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;

Blob frame(std::uint32_t rva, std::uint32_t size, std::uint32_t locals) {
  return Blob().u32(rva).u32(size).u32(locals).zeros(20);
}

std::uint32_t locals_at(const FrameRecords& records, std::uint32_t rva) {
  const base::Bytes found = records.find(rva);
  return found.empty() ? 0 : decode_frame_data(found, {}).locals_size;
}

TEST(FrameRecords, TheInnermostThatSpansIsTaken) {
  const Blob blob = Blob()
                        .add(frame(0x1000, 0x100, 1))
                        .add(frame(0x1003, 0x20, 2))
                        .add(frame(0x1003, 0x40, 3))
                        .add(frame(0x2000, 0x10, 4));
  const FrameRecords records = frame_data_records(blob.bytes());
  EXPECT_EQ(locals_at(records, 0x1000), 1U);
  EXPECT_EQ(locals_at(records, 0x1003), 2U);
  EXPECT_EQ(locals_at(records, 0x1030), 3U);
  EXPECT_EQ(locals_at(records, 0x1050), 1U);
  EXPECT_EQ(locals_at(records, 0x1100), 0U);
  EXPECT_EQ(locals_at(records, 0x200f), 4U);
}

TEST(FrameRecords, OutOfOrderOrBehindARelocationTheyAreFoundToo) {
  const Blob blob = Blob().u32(0).add(frame(0x2000, 0x10, 4)).add(frame(0x1000, 0x100, 1));
  const FrameRecords records = frame_data_records(blob.bytes());
  EXPECT_EQ(records.size(), 2U);
  EXPECT_EQ(locals_at(records, 0x1001), 1U);
  EXPECT_EQ(locals_at(records, 0x2001), 4U);
}

// winnt.h, FPO_DATA: cbProlog:8, cbRegs:3, fHasSEH:1, fUseBP:1, reserved:1, cbFrame:2
TEST(FrameRecords, FpoBitsAreThoseOfTheHeader) {
  const Blob blob =
      Blob().u32(0x1000).u32(0x10).u32(3).u16(2).u16(0x21 | 5 << 8 | 1 << 11 | 1 << 12 | 3U << 14);
  const FpoRecord fpo = decode_fpo(fpo_records(blob.bytes()).find(0x100f));
  EXPECT_EQ(fpo.locals_size, 12U);
  EXPECT_EQ(fpo.params_size, 8U);
  EXPECT_EQ(fpo.prolog_size, 0x21);
  EXPECT_EQ(fpo.saved_registers, 5);
  EXPECT_TRUE(fpo.has_seh);
  EXPECT_TRUE(fpo.uses_bp);
  EXPECT_EQ(fpo.frame_type, 3);
}

}  // namespace
}  // namespace ntstack::pdb
