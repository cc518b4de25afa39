#include "pdb/contributions.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;

Blob table(const std::vector<Contribution>& all, bool is_version_2 = false) {
  Blob blob;
  blob.u32(0xeffe0000 + (is_version_2 ? 20140516 : 19970605));
  for (const Contribution& each : all) {
    blob.u16(each.section).u16(0).u32(each.offset).u32(each.size).u32(0).u16(each.module).zeros(10);
    if (is_version_2) blob.u32(1);
  }
  return blob;
}

TEST(Contributions, AreFoundInBothVersionsAndInAnyOrder) {
  for (const bool version_2 : {false, true}) {
    const Blob blob = table({{2, 0, 8, 7}, {1, 0x20, 0x10, 5}, {1, 0, 0x10, 4}}, version_2);
    const Contributions contributions(blob.bytes());
    EXPECT_EQ(contributions.find(1, 0)->module, 4);
    EXPECT_EQ(contributions.find(1, 0x2f)->module, 5);
    EXPECT_EQ(contributions.find(2, 7)->module, 7);
    EXPECT_FALSE(contributions.find(1, 0x10));
    EXPECT_FALSE(contributions.find(1, 0x30));
    EXPECT_FALSE(contributions.find(3, 0));
  }
}

TEST(Contributions, EmptyOnesDoNotHideTheOneAtTheirAddress) {
  const Blob blob = table({{1, 0, 0x10, 4}, {1, 0, 0, 5}, {1, 4, 0, 6}});
  EXPECT_EQ(Contributions(blob.bytes()).find(1, 4)->module, 4);
}

TEST(Contributions, OfAnUnknownVersionAreNone) {
  EXPECT_EQ(Contributions(Blob().u32(1).zeros(280).bytes()).size(), 0U);
  EXPECT_EQ(Contributions(base::Bytes()).size(), 0U);
}

}  // namespace
}  // namespace ntstack::pdb
