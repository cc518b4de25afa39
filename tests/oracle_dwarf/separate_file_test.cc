// DWARF that objcopy put into a file of its own, and images that strip took it away from.
#include <gtest/gtest.h>

#include <fstream>

#include "compiled.h"
#include "symbols/image_dwarf.h"
#include "symbols/image_symbolizer.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

// A stripped image that names its debug file, and the RVA of `work` in it.
struct Stripped {
  fs::path image, debug_file;
  std::uint32_t work = 0;
};

std::optional<Stripped> strip_into(const fs::path& folder, const std::string& extra = "") {
  const auto compiled = compile(builds().front(), "calls.c", folder);
  if (!compiled || !compiled->dwarf) return std::nullopt;
  const Stripped stripped{folder / "stripped.sys", folder / "stripped.sys.debug",
                          compiled->dwarf->rva_of("work").value_or(0)};
  const std::string objcopy = "x86_64-w64-mingw32-objcopy ";
  const auto ran = [](const std::string& command) { return run(command).exit_code == 0; };
  const bool done = ran(objcopy + "--only-keep-debug " + quoted(compiled->path) + " " +
                        quoted(stripped.debug_file)) &&
                    ran(objcopy + "--strip-debug " + extra +
                        " --add-gnu-debuglink=" + quoted(stripped.debug_file) + " " +
                        quoted(compiled->path) + " " + quoted(stripped.image));
  return done ? std::optional(stripped) : std::nullopt;
}

TEST(DwarfSeparateFile, NamesAndLinesComeFromTheFileBesideTheImage) {
  NTSTACK_NEED_TOOL(compiler, "x86_64-w64-mingw32-gcc");
  NTSTACK_NEED_TOOL(objcopy, "x86_64-w64-mingw32-objcopy");
  const TemporaryFolder folder;
  const auto stripped = strip_into(folder.path());
  ASSERT_TRUE(stripped);
  const auto opened = open_compiled(stripped->image);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->dwarf);
  const auto found = symbols::dwarf_of(opened->image, stripped->image);
  ASSERT_TRUE(found.dwarf) << found.remedy;
  EXPECT_EQ(found.dwarf->function_at(stripped->work)->name, "work");
  EXPECT_TRUE(found.dwarf->line_at(stripped->work));
}

TEST(DwarfSeparateFile, AnotherBuildsFileIsNotTaken) {
  NTSTACK_NEED_TOOL(compiler, "x86_64-w64-mingw32-gcc");
  NTSTACK_NEED_TOOL(objcopy, "x86_64-w64-mingw32-objcopy");
  const TemporaryFolder folder;
  const auto stripped = strip_into(folder.path());
  ASSERT_TRUE(stripped);
  std::ofstream(stripped->debug_file, std::ios::app) << "more";
  const auto opened = open_compiled(stripped->image);
  ASSERT_TRUE(opened);
  const auto found = symbols::dwarf_of(opened->image, stripped->image);
  EXPECT_FALSE(found.dwarf);
  EXPECT_EQ(found.what, "debug file");
  EXPECT_NE(found.remedy.find("stripped.sys.debug"), std::string::npos);
}

TEST(DwarfSeparateFile, AStrippedImageStillHasItsCoffNames) {
  NTSTACK_NEED_TOOL(compiler, "x86_64-w64-mingw32-gcc");
  NTSTACK_NEED_TOOL(objcopy, "x86_64-w64-mingw32-objcopy");
  const TemporaryFolder folder;
  const auto stripped = strip_into(folder.path());
  ASSERT_TRUE(stripped);
  const auto opened = open_compiled(stripped->image);
  ASSERT_TRUE(opened);
  symbols::ImageSymbolizer symbolizer(&opened->image, nullptr, nullptr);
  const symbols::Frames frames = symbolizer.frames_at(stripped->work + 2);
  EXPECT_EQ(frames.function.name, "work");
  EXPECT_EQ(frames.function.offset, 2u);
  EXPECT_FALSE(frames.function.source);
}

}  // namespace
}  // namespace ntstack::tests
