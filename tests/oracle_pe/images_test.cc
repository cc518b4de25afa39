// What the other tests here look at holds Microsoft's images of each architecture.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "oracle_images.h"
#include "pe/symbols.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

struct Totals {
  std::size_t images = 0, sections = 0, exports = 0, keys = 0;
};

// Of the images below a folder, which have to be of one architecture.
Totals totals_of(const std::filesystem::path& folder, base::Architecture architecture) {
  Totals totals;
  for (const std::filesystem::path& path : real_images()) {
    if (!path.string().starts_with(folder.string() + "/")) continue;
    const auto open = OpenImage::open(path);
    if (!open) {
      ADD_FAILURE() << open.error().text();
      continue;
    }
    EXPECT_EQ(open->image.architecture(), architecture) << path;
    ++totals.images;
    totals.sections += open->image.sections().size();
    totals.exports += pe::exports(open->image)->size();
    totals.keys += open->image.codeview().has_value();
  }
  std::cout << fmt::format("compared for {}: {} images, {} sections, {} exports, {} PDB keys\n",
                           folder.filename().string(), totals.images, totals.sections,
                           totals.exports, totals.keys);
  return totals;
}

TEST(RealImages, ThoseForX86AreAmongThem) {
  NTSTACK_NEED_DATA(folder, "seh/x86");
  const Totals totals = totals_of(folder, base::Architecture::x86);
  EXPECT_EQ(totals.images, 4u);
  EXPECT_EQ(totals.keys, 4u);
  EXPECT_GT(totals.sections, 12u);
  EXPECT_GT(totals.exports, 0u);
}

TEST(RealImages, MicrosoftsForArm64AndX64AreAmongThem) {
  NTSTACK_NEED_FETCHED(node_pty_arm64());
  const Totals arm64 = totals_of(node_pty_arm64(), base::Architecture::arm64);
  EXPECT_EQ(arm64.images, 7u);
  EXPECT_GT(arm64.exports, 0u);
  const Totals x64 = totals_of(node_pty_x64(), base::Architecture::x64);
  EXPECT_EQ(x64.images, 7u);
  EXPECT_GT(x64.exports, 0u);
}

}  // namespace
}  // namespace ntstack::tests
