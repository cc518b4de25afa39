// Sizes of real files, whole and cut off at every place that matters; hostile headers by hand.
#include "store/file_extent.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/mapped_file.h"
#include "test_files.h"

namespace ntstack::store {
namespace {

TEST(FileExtent, RealFilesAreWholeAndTheirPiecesAreNot) {
  NTSTACK_NEED_DATA(folder, "seh/x64");
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto file = base::MappedFile::open(entry.path());
    ASSERT_TRUE(file);
    const FileKind kind = kind_of(file->bytes());
    if (kind != FileKind::pdb && kind != FileKind::image) continue;
    ++files;
    EXPECT_EQ(why_not_whole(file->bytes()), "") << entry.path();
    const auto extent = extent_of(file->bytes().clamp(0, extent_head));
    EXPECT_LE(extent.least, file->bytes().size()) << entry.path();
    EXPECT_GE(extent.most, file->bytes().size()) << entry.path();
    for (const std::size_t size : {extent_head, file->bytes().size() / 2})
      EXPECT_NE(why_not_whole(file->bytes().clamp(0, size)), "") << entry.path() << size;
    if (kind == FileKind::pdb) {
      EXPECT_EQ(extent.least, file->bytes().size()) << entry.path();
    }
  }
  EXPECT_GE(files, 2u);
}

TEST(FileExtent, APdbThatClaimsTheWorldIsBounded) {
  std::string head(
      "Microsoft C/C++ MSF 7.00\r\n\x1a"
      "DS\0\0\0",
      32);
  head += std::string("\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff", 12);
  const auto extent = extent_of(base::Bytes::of(head));
  EXPECT_LE(extent.most, std::uint64_t{1} << 33);
}

TEST(FileExtent, WhatIsNeitherIsUnknown) {
  for (const char* text : {"", "<html>", "M", "Microsoft C/C++ MSF 7.0"})
    EXPECT_EQ(kind_of(base::Bytes::of(std::string_view(text))), FileKind::unknown) << text;
}

}  // namespace
}  // namespace ntstack::store
