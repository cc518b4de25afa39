#include "pdb/info_stream.h"

#include <gtest/gtest.h>

#include "pdb/pdb.h"
#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

TEST(InfoStream, HasGuidAgeAndNamedStreams) {
  const auto stream = testing::info_stream({{"/LinkInfo", 5}, {"/names", 9}});
  const auto info = read_info_stream(stream.bytes());
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->guid.text(), "{00000001-0002-0003-0405-060708090A0B}");
  EXPECT_EQ(info->age, 3U);
  EXPECT_EQ(info->stream_named("/names"), 9U);
  EXPECT_EQ(info->stream_named("/LinkInfo"), 5U);
  EXPECT_FALSE(info->stream_named("/src/headerblock"));
  EXPECT_TRUE(info->has_ids);
  EXPECT_FALSE(info->fast_link);
}

TEST(InfoStream, AFastLinkPdbIsSaidByAnError) {
  const auto stream = testing::info_stream({}, {20140508, 0x494e494d});
  const auto file = testing::msf({{}, stream});
  const auto opened = Pdb::open(file.bytes());
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().text().find("FASTLINK"), std::string::npos);
}

TEST(InfoStream, CutShortItIsAnErrorOrHasLess) {
  const auto stream = testing::info_stream({{"/names", 9}});
  for (std::size_t size = 0; size < stream.size(); ++size) {
    const auto info = read_info_stream(stream.bytes().clamp(0, size));
    EXPECT_EQ(info.has_value(), size >= 28);
  }
}

TEST(InfoStream, AMapThatClaimsMorePairsThanThereAreEnds) {
  auto stream = testing::info_stream({{"/names", 9}});
  stream.set_u32(28 + 4 + 7, 0xffffffff);
  const auto info = read_info_stream(stream.bytes());
  ASSERT_TRUE(info);
  EXPECT_EQ(info->stream_named("/names"), 9U);
}

}  // namespace
}  // namespace ntstack::pdb
