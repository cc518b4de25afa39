// At each instruction that a program executes, every frame is stepped from and compared with the
// shadow stack: return address, ESP, and every register that the step says it knows.
#include <gtest/gtest.h>

#include <cstdio>

#include "checker.h"
#include "subject.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

using namespace unwind::x86;

class ShadowStack : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const auto clang = find_tool("clang-19"), linker = find_tool("lld-link-19");
    if (clang.empty() || linker.empty()) GTEST_SKIP() << "clang-19 or lld-link-19 not installed";
    const auto object = folder_.path() / "calls.obj", image = folder_.path() / "calls.exe";
    const ToolResult compiled =
        run(quoted(clang) + " --target=i686-pc-windows-msvc -g -gcodeview " + GetParam() +
            " -ffreestanding -fno-stack-protector -c " +
            quoted(std::filesystem::path(NTSTACK_PROGRAMS) / "calls.c") + " -o " + quoted(object) +
            " 2>&1");
    ASSERT_EQ(compiled.exit_code, 0) << compiled.out;
    const ToolResult linked =
        run(quoted(linker) + " /nologo /debug /nodefaultlib /entry:start /subsystem:console " +
            "/safeseh:no /fixed /out:" + quoted(image) + " " + quoted(object) + " 2>&1");
    ASSERT_EQ(linked.exit_code, 0) << linked.out;
    subject_ = std::make_unique<X86Subject>(image, folder_.path() / "calls.pdb");
    ASSERT_TRUE(subject_->pdb);
  }

  Figures run_all() {
    X86Machine machine(*subject_->image);
    Checker checker(*subject_, machine, {X86Machine::stack_low, X86Machine::stack_high, {}});
    machine.run(subject_->module.base + subject_->image->entry_point(), [&](std::uint32_t address) {
      checker.check(machine.gpr(), address, machine.shadow());
    });
    EXPECT_EQ(machine.failure(), "");
    std::printf("%s%s: %s\n", GetParam(), subject_->with_records ? "" : " without records",
                checker.figures().text().c_str());
    for (const auto& [text, count] : checker.figures().faults) ADD_FAILURE() << text;
    return checker.figures();
  }

  TemporaryFolder folder_;
  std::unique_ptr<X86Subject> subject_;
};

TEST_P(ShadowStack, EveryFrameAtEveryInstructionIsRightWithFrameData) {
  const Figures figures = run_all();
  EXPECT_EQ(figures.frames_right, figures.frames);
  EXPECT_EQ(figures.youngest_right, figures.youngest);
}

TEST_P(ShadowStack, WithoutRecordsNoWrongFrameIsMoreThanAGuess) {
  subject_->with_records = false;
  const Figures figures = run_all();
  EXPECT_GT(figures.frames_right, 0u);
}

INSTANTIATE_TEST_SUITE_P(Compiled, ShadowStack,
                         testing::Values("-O2 -fomit-frame-pointer", "-O1 -fomit-frame-pointer",
                                         "-Os -fomit-frame-pointer", "-O2 -fno-omit-frame-pointer",
                                         "-O0"));

}  // namespace
}  // namespace ntstack::tests
