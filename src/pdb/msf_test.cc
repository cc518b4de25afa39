#include "pdb/msf.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;

Blob counting(std::size_t size) {
  Blob blob;
  for (std::size_t i = 0; i < size; ++i) blob.u8(static_cast<std::uint32_t>(i * 7 + i / 256));
  return blob;
}

bool same(base::Bytes a, base::Bytes b) { return std::ranges::equal(a.span(), b.span()); }

TEST(Msf, StreamsWhoseBlocksLieTogetherAreSeenInPlace) {
  const Blob content = counting(1300);
  const Blob file = testing::msf({Blob(), content});
  const auto opened = Msf::open(file.bytes());
  ASSERT_TRUE(opened) << opened.error().text();
  const auto stream = opened->stream(1);
  ASSERT_TRUE(stream);
  const base::Bytes bytes = stream->bytes();
  EXPECT_TRUE(same(bytes, content.bytes()));
  EXPECT_GE(bytes.data(), file.bytes().data());
  EXPECT_LE(bytes.data() + bytes.size(), file.bytes().data() + file.size());
}

TEST(Msf, ScatteredStreamsArePutTogetherAndPiecesInOneBlockAreNotCopied) {
  const Blob content = counting(1300);
  const Blob file = testing::msf({Blob(), content}, 512, true);
  const auto opened = Msf::open(file.bytes());
  ASSERT_TRUE(opened) << opened.error().text();
  const auto stream = opened->stream(1);
  ASSERT_TRUE(stream);
  EXPECT_TRUE(same(stream->bytes(), content.bytes()));
  EXPECT_TRUE(same(stream->range(500, 30), content.bytes().clamp(500, 30)));
  const base::Bytes inside = stream->range(520, 100);
  EXPECT_TRUE(same(inside, content.bytes().clamp(520, 100)));
  EXPECT_LT(inside.data() - file.bytes().data(), static_cast<std::ptrdiff_t>(file.size()));
  EXPECT_EQ(stream->get<std::uint32_t>(510), content.bytes().get<std::uint32_t>(510));
  EXPECT_FALSE(stream->get<std::uint32_t>(1298));
  EXPECT_TRUE(stream->range(1200, 101).empty());
}

TEST(Msf, AnAbsentStreamIsEmptyAndOnePastTheDirectoryIsAnError) {
  Blob file = testing::msf({Blob(), counting(10)});
  const auto opened = Msf::open(file.bytes());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->stream(0)->size(), 0U);
  EXPECT_FALSE(opened->stream(2));
  EXPECT_FALSE(opened->stream(0xffff));
}

TEST(Msf, ADirectoryOfManyBlocksIsFollowed) {
  std::vector<Blob> streams(3000);
  streams[2999] = counting(700);
  const auto file = testing::msf(streams, 512, true);
  const auto opened = Msf::open(file.bytes());
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(opened->stream_count(), 3000U);
  EXPECT_TRUE(same(opened->stream(2999)->bytes(), streams[2999].bytes()));
}

TEST(Msf, OtherContainersAreNamed) {
  const auto error_of = [](std::string text) {
    text.resize(600);
    return Msf::open(base::Bytes::of(std::string_view(text))).error().message;
  };
  EXPECT_NE(error_of("Microsoft C/C++ program database 2.00\r\n\x1aJG").find("2.00"),
            std::string::npos);
  EXPECT_NE(error_of("Microsoft MSFZ Container").find("MSFZ"), std::string::npos);
  EXPECT_NE(error_of("BSJB").find("portable"), std::string::npos);
  EXPECT_NE(error_of("MSCF").find("cabinet"), std::string::npos);
  EXPECT_NE(error_of("MZ").find("not a PDB"), std::string::npos);
  EXPECT_FALSE(Msf::open({}));
}

TEST(Msf, EveryCutShortFileIsAnErrorOrStillSound) {
  const Blob file = testing::msf({Blob(), counting(1300), counting(100)}, 512, true);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const auto opened = Msf::open(file.bytes().clamp(0, size));
    if (!opened) continue;
    for (std::uint32_t i = 0; i < opened->stream_count(); ++i) {
      const auto stream = opened->stream(i);
      if (stream) {
        EXPECT_EQ(stream->bytes().size(), stream->size());
      }
    }
  }
}

TEST(Msf, NumbersThatCanNotBeAreRefused) {
  for (const std::size_t at : {32U, 44U, 52U}) {  // block size, directory size, its block list
    for (const std::uint32_t value : {0x7fffffffU, 0xffffffffU, 3U, 0x80000000U}) {
      Blob file = testing::msf({Blob(), counting(1300)});
      file.set_u32(at, value);
      const auto opened = Msf::open(file.bytes());
      if (!opened) continue;
      for (std::uint32_t i = 0; i < opened->stream_count(); ++i) (void)opened->stream(i);
    }
  }
}

TEST(Msf, StreamsThatShareBlocksAreNotPutTogetherWithoutEnd) {
  // A thousand streams of the same scattered blocks: only as much as the file is ever copied.
  const Blob content = counting(2000);
  Blob directory;
  constexpr std::uint32_t kStreams = 1000;
  directory.u32(kStreams);
  for (std::uint32_t i = 0; i < kStreams; ++i) directory.u32(1024);
  for (std::uint32_t i = 0; i < kStreams; ++i) directory.u32(5).u32(3);
  Blob file = testing::msf({directory, content});
  // The directory is stream 0 of the file: its own directory is replaced by it.
  Blob list;
  const std::uint32_t first = 3;
  const std::uint32_t count = static_cast<std::uint32_t>((directory.size() + 511) / 512);
  for (std::uint32_t i = 0; i < count; ++i) list.u32(first + i);
  const auto list_at = static_cast<std::uint32_t>(file.size() / 512);
  file.add(list.align(512));
  file.set_u32(44, static_cast<std::uint32_t>(directory.size())).set_u32(52, list_at);
  const auto opened = Msf::open(file.bytes());
  ASSERT_TRUE(opened) << opened.error().text();
  std::size_t copied = 0;
  for (std::uint32_t i = 0; i < kStreams; ++i) copied += opened->stream(i)->bytes().size();
  EXPECT_GT(copied, 0U);
  EXPECT_LE(copied, file.size());
}

}  // namespace
}  // namespace ntstack::pdb
