// At each instruction that a program executes, every frame is stepped from and compared with the
// shadow stack: return address, ESP, and every register that the step says it knows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "machine.h"
#include "subject.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

using namespace unwind::x86;

struct Figures {
  std::size_t instructions = 0, youngest_right = 0, youngest_wrong = 0;
  std::size_t frames = 0, frames_right = 0, guesses = 0, registers = 0;
  std::size_t in_chkstk = 0;
  std::vector<std::string> faults;
};

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

  void check(const X86Machine& machine, std::uint32_t address) {
    Registers registers;
    registers.gpr = machine.gpr();
    registers.eip = address;
    registers.known = 0xff;
    ++figures_.instructions;
    const StackRange stack{X86Machine::stack_low, X86Machine::stack_high};
    const auto& shadow = machine.shadow();
    // The oldest frame returns to where no module is.
    for (std::size_t i = shadow.size() - 1; i > 0; --i) {
      const Call& truth = shadow[i];
      const bool youngest = i == shadow.size() - 1;
      const auto found = step(*subject_, machine, registers, !youngest, stack, &cache_);
      const bool right =
          found && found->caller.eip == truth.return_address && found->return_slot == truth.slot;
      // __chkstk takes its return address along as it moves ESP down: it is hand-written.
      if (youngest && is_in_chkstk(address)) {
        ++figures_.in_chkstk;
        next_frame(registers, truth);
        continue;
      }
      const bool guess = found && found->trust == unwind::Trust::scan;
      if (youngest)
        ++(right ? figures_.youngest_right : figures_.youngest_wrong);
      else
        ++figures_.frames, figures_.frames_right += right;
      figures_.guesses += guess;
      if (!right && (found ? !guess : !youngest))
        fault(fmt::format("{:#x} frame {}: {}", registers.eip, shadow.size() - 1 - i,
                          found ? "wrong" : text_of(found.error())));
      const std::uint32_t from = registers.eip;
      next_frame(registers, truth);
      if (!right) continue;  // the older frames are still to be checked
      compare_registers(found->caller, truth, from);
      registers.arguments = found->caller.arguments;
    }
  }

  static void next_frame(Registers& registers, const Call& truth) {
    registers = {};
    registers.gpr = truth.gpr;
    registers.eip = truth.return_address;
    registers.known = 1u << ebx | 1u << esp | 1u << ebp | 1u << esi | 1u << edi;
  }
  bool is_in_chkstk(std::uint32_t address) const {
    return address - subject_->module.base - 0x1000 < 5;  // the program's first function
  }

  void compare_registers(const Registers& caller, const Call& truth, std::uint32_t from) {
    for (const Name name : {ebx, ebp, esi, edi}) {
      if (!caller.knows(name)) continue;
      ++figures_.registers;
      if (caller.gpr[name] != truth.gpr[name])
        fault(fmt::format("{:#x}: register {} is {:#x}, not {:#x}", from, int{name},
                          caller.gpr[name], truth.gpr[name]));
    }
  }

  void fault(std::string text) {
    if (figures_.faults.size() < 100000) figures_.faults.push_back(std::move(text));
  }

  void run_all() {
    X86Machine machine(*subject_->image);
    machine.run(subject_->module.base + subject_->image->entry_point(),
                [&](std::uint32_t address) { check(machine, address); });
    EXPECT_EQ(machine.failure(), "");
    std::printf(
        "%s%s: %zu instructions, youngest right %zu, else %zu; other frames %zu of %zu; guesses "
        "%zu, registers %zu, in __chkstk %zu\n",
        GetParam(), subject_->with_records ? "" : " without records", figures_.instructions,
        figures_.youngest_right, figures_.youngest_wrong, figures_.frames_right, figures_.frames,
        figures_.guesses, figures_.registers, figures_.in_chkstk);
  }
  void expect_no_fault() {
    EXPECT_EQ(figures_.faults.size(), 0u);
    for (std::size_t i = 0; i < figures_.faults.size() && i < 20; ++i)
      ADD_FAILURE() << figures_.faults[i];
  }

  TemporaryFolder folder_;
  std::unique_ptr<X86Subject> subject_;
  ProgramCache cache_;
  Figures figures_;
};

TEST_P(ShadowStack, EveryFrameAtEveryInstructionIsRightWithFrameData) {
  run_all();
  expect_no_fault();
  EXPECT_EQ(figures_.frames_right, figures_.frames);
  EXPECT_EQ(figures_.youngest_wrong, 0u);
}

INSTANTIATE_TEST_SUITE_P(Compiled, ShadowStack,
                         testing::Values("-O2 -fomit-frame-pointer", "-O1 -fomit-frame-pointer",
                                         "-Os -fomit-frame-pointer", "-O2 -fno-omit-frame-pointer",
                                         "-O0"));

}  // namespace
}  // namespace ntstack::tests
