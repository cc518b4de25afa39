// Who is blamed, on stacks made by hand. The rules are ours: docs/analyze.md.
#include "analysis/blame.h"

#include <gtest/gtest.h>

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using stacks::Stack;
using unwind::Trust;

Frame frame(std::string module, std::string name, Trust trust = Trust::unwind_info) {
  Frame made;
  made.ip = 0xfffff80000000000 + name.size();
  made.trust = trust;
  made.symbol.module = std::move(module);
  made.symbol.name = std::move(name);
  made.symbol.offset = 0x12;
  return made;
}

Stack stack_of(std::vector<Frame> frames) {
  Stack stack;
  stack.frames = std::move(frames);
  return stack;
}

Blame blame(const Stack& stack, std::uint32_t code = 0xd1, std::uint64_t first = 0) {
  CrashFacts facts;
  facts.code = code;
  facts.first_parameter = first;
  facts.stack = &stack;
  return blame_of(facts, nullptr);
}

TEST(Blame, TheYoungestFrameOfADriverIsBlamedForCertain) {
  const Blame found = blame(stack_of({frame("mydrv", "Read"), frame("nt", "IofCallDriver")}));
  EXPECT_EQ(found.module, "mydrv");
  EXPECT_EQ(found.frame, 0u);
  EXPECT_EQ(found.confidence, Confidence::high);
  EXPECT_TRUE(found.skipped.empty());
}

TEST(Blame, TheCrashsOwnMachineryIsPassedOverAndSaysWhy) {
  const Blame found = blame(stack_of({frame("nt", "KeBugCheckEx"), frame("nt", "KiPageFault"),
                                      frame("mydrv", "Read"), frame("other", "Call")}));
  EXPECT_EQ(found.module, "mydrv");
  EXPECT_EQ(found.confidence, Confidence::high);
  ASSERT_EQ(found.skipped.size(), 2u);
  EXPECT_EQ(found.skipped[0].passed.as, Passed::machinery);
  EXPECT_EQ(found.skipped[0].passed.why, "part of the crash itself");
}

TEST(Blame, BehindKernelCodeThatWorkedForItADriverIsLessCertain) {
  const Blame found = blame(stack_of({frame("nt", "RtlCopyMemory"), frame("mydrv", "Read")}));
  EXPECT_EQ(found.module, "mydrv");
  EXPECT_EQ(found.confidence, Confidence::medium);
}

TEST(Blame, BehindADriverOfWindowsItIsNotCertainAtAll) {
  const Blame found = blame(stack_of(
      {frame("Ntfs", "NtfsRead"), frame("fltmgr", "FltpDispatch"), frame("myfilter", "PreRead")}));
  EXPECT_EQ(found.module, "myfilter");
  EXPECT_EQ(found.confidence, Confidence::low);
}

TEST(Blame, FramesThatAreGuessesMakeItUncertain) {
  const Blame found =
      blame(stack_of({frame("nt", "RtlCopyMemory"), frame("mydrv", "Read", Trust::scan)}));
  EXPECT_EQ(found.confidence, Confidence::low);
  EXPECT_TRUE(found.because.contains("guesses"));
}

TEST(Blame, OfWindowsDriversAloneTheYoungestThatDoesMoreThanPassOnIsNamed) {
  const Blame found = blame(stack_of(
      {frame("nt", "RtlCopyMemory"), frame("fltmgr", "FltpDispatch"), frame("Ntfs", "NtfsRead")}));
  EXPECT_EQ(found.module, "Ntfs");
  EXPECT_EQ(found.confidence, Confidence::low);
}

TEST(Blame, WhereEveryFrameIsTheKernelsThatIsSaid) {
  const Blame found =
      blame(stack_of({frame("nt", "KeBugCheckEx"), frame("nt", "ExpReleaseThing")}));
  EXPECT_EQ(found.by, Blame::By::kernel);
  EXPECT_EQ(found.confidence, Confidence::low);
  EXPECT_EQ(found.symbol, "nt!ExpReleaseThing+0x12");
  EXPECT_TRUE(found.reason.contains("every frame"));
}

TEST(Blame, CodeInNoModuleIsSaidToBeNobodys) {
  const Blame found = blame(stack_of({frame("", ""), frame("nt", "IofCallDriver")}));
  EXPECT_EQ(found.by, Blame::By::nobody);
  EXPECT_TRUE(found.reason.contains("no module"));
}

TEST(Blame, TheBugchecksOwnParameterCountsMost) {
  const Stack stack = stack_of({frame("nt", "KiPageFault"), frame("nearby", "Read")});
  CrashFacts facts;
  facts.code = 0xd1;
  facts.stack = &stack;
  facts.named = {
      {3, 0xfffff80012340000, "named.sys", "named", false, true, "parameter 4 lies in it"}};
  const Blame found = blame_of(facts, nullptr);
  EXPECT_EQ(found.by, Blame::By::parameter);
  EXPECT_EQ(found.module, "named.sys");
  EXPECT_EQ(found.parameter, 3u);
  EXPECT_EQ(found.confidence, Confidence::high);
  facts.named[0].short_name = "nt";  // the kernel itself is never named so
  EXPECT_EQ(blame_of(facts, nullptr).module, "nearby");
}

TEST(Blame, WhoFindsOldDamageMayBeAVictim) {
  const Stack stack = stack_of({frame("nt", "ExFreePoolWithTag"), frame("mydrv", "Free")});
  EXPECT_EQ(blame(stack, 0xd1).confidence, Confidence::high);
  EXPECT_EQ(blame(stack, 0x19).confidence, Confidence::medium);
  EXPECT_EQ(blame(stack, 0x139, 3).confidence, Confidence::medium);
  EXPECT_EQ(blame(stack, 0x139, 2).confidence, Confidence::high);
}

TEST(Blame, TheHardwaresOwnReportBlamesNoFrame) {
  const Blame found = blame(stack_of({frame("nt", "KeBugCheckEx"), frame("mydrv", "Isr")}), 0x124);
  EXPECT_EQ(found.by, Blame::By::hardware);
  EXPECT_TRUE(found.module.empty());
}

TEST(Blame, WhoWasInterruptedIsNotAtFaultButForAWatchdog) {
  Frame interrupt = frame("nt", "KiDpcInterrupt");
  interrupt.trap_frame = 0xfffff80000001000;
  const Stack dpc = stack_of({frame("nt", "KiPageFault"), frame("nt", "PopSomeDpc"),
                              frame("nt", "KiRetireDpcList"), interrupt, frame("mydrv", "Read")});
  EXPECT_EQ(blame(dpc, 0xd1).by, Blame::By::kernel);
  interrupt.symbol.name = "KiInterruptDispatchNoLock";
  const Stack clock = stack_of({frame("nt", "KeBugCheckEx"), frame("nt", "KeAccumulateTicks"),
                                interrupt, frame("mydrv", "Dpc")});
  EXPECT_EQ(blame(clock, 0x133).module, "mydrv");
  EXPECT_EQ(blame(clock, 0x133).confidence, Confidence::high);
}

TEST(Blame, InAKernelDumpUserFramesAreNotAtFault) {
  Frame user = frame("myprogram", "main");
  user.is_user = true;
  EXPECT_EQ(blame(stack_of({frame("nt", "NtClose"), user})).by, Blame::By::kernel);
}

TEST(Blame, InAUserDumpTheProgramBehindWindowsLayersIsNamed) {
  std::vector<Frame> frames = {frame("ntdll", "RtlReportFatalFailure"), frame("ucrtbase", "abort"),
                               frame("myprogram", "main")};
  for (Frame& each : frames) each.is_user = true;
  const Stack stack = stack_of(std::move(frames));
  CrashFacts facts;
  facts.stack = &stack;
  facts.is_user_dump = true;
  EXPECT_EQ(blame_of(facts, nullptr).module, "myprogram");
}

TEST(Blame, NoStackAndNoNameBlamesNobody) {
  const Blame found = blame_of({}, nullptr);
  EXPECT_EQ(found.by, Blame::By::nobody);
  EXPECT_EQ(found.confidence, Confidence::low);
}

}  // namespace
}  // namespace ntstack::analysis
