// Functions of real images with their unwind data written anew as version 3, by an encoder of our
// own (see encoder.h). Two truths that are not ours: a processor executes prologues and epilogues;
// and at every instruction the step by version 1, which other tests prove, has the same answer.
#include <gtest/gtest.h>

#include "test_files.h"
#include "version_3/reencode.h"
#include "x64_images/function_run.h"

namespace ntstack {
namespace {

struct Pair {
  base::MappedFile file;
  pe::Image image;
  tests::Reencoded made;
  pe::Image remade;
};

std::vector<std::filesystem::path> images_below(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    const auto extension = entry.path().extension();
    if (extension == ".dll" || extension == ".exe" || extension == ".sys")
      found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

std::unique_ptr<Pair> open(const std::filesystem::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) return nullptr;
  auto image = pe::Image::from_file(file->bytes());
  if (!image) return nullptr;
  auto made = tests::reencode_as_version_3(file->bytes());
  if (made.file.empty()) return nullptr;
  auto remade = pe::Image::from_file(base::Bytes(std::span<const std::byte>(made.file)));
  if (!remade) return nullptr;
  return std::make_unique<Pair>(std::move(*file), std::move(*image), std::move(made),
                                std::move(*remade));
}

void add(tests::Reencoded& all, const tests::Reencoded& one) {
  all.functions += one.functions;
  all.left += one.left;
  all.fragments += one.fragments;
  all.epilogs += one.epilogs;
  all.chained += one.chained;
}

void print(const tests::Reencoded& all) {
  std::printf(
      "%zu functions as %zu fragments of version 3 with %zu epilogues, %zu were chained; "
      "%zu are left as they were\n",
      all.functions, all.fragments, all.epilogs, all.chained, all.left);
}

void execute(const std::filesystem::path& folder, std::size_t most_functions) {
  Counts counts;
  tests::Reencoded all;
  for (const auto& path : images_below(folder)) {
    const auto pair = open(path);
    if (!pair) continue;
    add(all, pair->made);
    run_image(pair->image, pair->remade, path.filename().string(), most_functions, counts);
  }
  if (counts.images == 0) GTEST_SKIP() << "no images at hand";
  print(all);
  std::printf(
      "executed: %zu functions (%zu with a frame register): %zu instructions of prologues, "
      "%zu bodies, %zu instructions of %zu epilogues; %zu differences\n",
      counts.functions, counts.framed, counts.in_prologues, counts.at_bodies, counts.in_epilogues,
      counts.epilogues, counts.differences);
  EXPECT_EQ(counts.differences, 0u);
  EXPECT_GT(counts.in_epilogues, 0u);
  EXPECT_GT(all.functions, all.left * 50);
}

TEST(Version3Images, StepsInImagesOfMicrosoftsCompilerGiveTheCallerAsItWas) {
  execute(tests::data_dir(), 4000);
}

TEST(Version3Images, StepsInFetchedImagesOfMicrosoftsCompilerGiveTheCallerAsItWas) {
  NTSTACK_NEED_FETCHED(tests::node_pty_x64());
  execute(tests::node_pty_x64(), 4000);
}

TEST(Version3Images, StepsInImagesOfWineGiveTheCallerAsItWas) {
  execute("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", 100);
}

TEST(Version3Images, TheRewrittenDataIsOfVersion3) {
  std::size_t images = 0, entries = 0, of_version_3 = 0;
  for (const auto& path : images_below(tests::data_dir())) {
    const auto pair = open(path);
    if (!pair) continue;
    ++images;
    const pe::x64::FunctionTable table(pair->remade);
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto info = pe::x64::decode(pair->remade, *table.at(i));
      ASSERT_TRUE(info) << path << " " << i << ": " << info.error().text();
      ++entries;
      of_version_3 += info->version == 3;
    }
  }
  if (images == 0) GTEST_SKIP() << "no images at hand";
  EXPECT_GT(of_version_3 * 100, entries * 98);
}

}  // namespace
}  // namespace ntstack
