// Functions of real images (MSVC, GCC, clang), their prologues and epilogues executed.
#include <gtest/gtest.h>

#include "test_files.h"
#include "x64_images/function_run.h"

namespace ntstack {
namespace {

void run_file(const std::filesystem::path& path, std::size_t most_functions, Counts& counts) {
  const auto file = base::MappedFile::open(path);
  if (!file) return;
  const auto image = pe::Image::from_file(file->bytes());
  if (!image || image->architecture() != base::Architecture::x64) return;
  run_image(*image, *image, path.filename().string(), most_functions, counts);
}

void run_folder(const std::filesystem::path& folder, std::size_t most_functions, Counts& counts) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored)) {
    const auto extension = entry.path().extension();
    if (extension == ".dll" || extension == ".exe" || extension == ".sys")
      run_file(entry.path(), most_functions, counts);
  }
}

void expect_equal(const Counts& counts) {
  if (counts.images == 0) GTEST_SKIP() << "no images at hand";
  std::printf(
      "%zu images, %zu functions (%zu with a frame register): %zu instructions of prologues, %zu "
      "bodies, %zu instructions of %zu epilogues; %zu functions could not be executed; %zu frames "
      "stand for another context; %zu "
      "differences\n",
      counts.images, counts.functions, counts.framed, counts.in_prologues, counts.at_bodies,
      counts.in_epilogues, counts.epilogues, counts.not_executed, counts.made_up,
      counts.differences);
  EXPECT_EQ(counts.differences, 0u);
  EXPECT_GT(counts.in_epilogues, 0u);
}

TEST(X64Images, StepsInImagesOfMicrosoftsCompilerGiveTheCallerAsItWas) {
  Counts counts;
  run_folder(tests::data_dir(), 4000, counts);
  expect_equal(counts);
}

TEST(X64Images, StepsInFetchedImagesOfMicrosoftsCompilerGiveTheCallerAsItWas) {
  NTSTACK_NEED_FETCHED(tests::node_pty_x64());
  Counts counts;
  run_folder(tests::node_pty_x64(), 4000, counts);
  expect_equal(counts);
}

TEST(X64Images, StepsInImagesOfWineGiveTheCallerAsItWas) {
  Counts counts;
  run_folder("/usr/lib/x86_64-linux-gnu/wine/x86_64-windows", 100, counts);
  expect_equal(counts);
}

}  // namespace
}  // namespace ntstack
