// Task state segments and descriptors put together by Intel's layouts (volume 3, "Task-State
// Segment (TSS)", "TSS Descriptor").
#include "unwind/x86_task.h"

#include <gtest/gtest.h>

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kGdt = 0x80b95000, kMain = 0x80b96400, kFault = 0x80b97000;

class X86Task : public testing::Test {
 protected:
  X86Task() {
    for (std::uint32_t i = 0; i < main_.size(); ++i) main_[i] = 0x7000 + 4 * i;
    main_[0] = 0;
    main_[0x1c / 4] = 0x185000;
    main_[0x24 / 4] = 0x10246;
    main_[0x4c / 4] = 0x08;
    main_[0x50 / 4] = 0x10;
    fault_[0] = kMainTask;
    describe(kMainTask, kMain, 0x8b);  // present, busy
    describe(kDoubleFaultTask, kFault, 0x8b);
  }
  void describe(std::uint16_t selector, std::uint32_t address, std::uint32_t access,
                std::uint32_t limit = 0x20ab) {
    gdt_[selector / 4] = (limit & 0xffff) | address << 16;
    gdt_[selector / 4 + 1] = (address >> 16 & 0xff) | access << 8 | (address & 0xff000000);
  }
  base::SegmentSource memory() const {
    return base::SegmentSource({{kGdt, base::Bytes(std::as_bytes(std::span(gdt_)))},
                                {kMain, base::Bytes(std::as_bytes(std::span(main_)))},
                                {kFault, base::Bytes(std::as_bytes(std::span(fault_)))}});
  }

  std::array<std::uint32_t, 0x80> gdt_{};
  std::array<std::uint32_t, 0x1a> main_{}, fault_{};
};

TEST_F(X86Task, TheDoubleFaultsTaskLeadsToTheRegistersThatItInterrupted) {
  const auto fault = task_address(memory(), kGdt, kDoubleFaultTask);
  EXPECT_EQ(fault, kFault);
  const auto task = read_interrupted_task(memory(), kGdt, *fault);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->registers.eip, 0x7020u);
  const std::array<std::uint32_t, 8> expected = {0x7028, 0x702c, 0x7030, 0x7034,
                                                 0x7038, 0x703c, 0x7040, 0x7044};
  EXPECT_EQ(task->registers.gpr, expected);
  EXPECT_EQ(task->registers.known, 0xffu);
  EXPECT_EQ(task->cr3, 0x185000u);
  EXPECT_FALSE(task->from_user);
}

TEST_F(X86Task, ATaskMayHaveBeenLeftInUserModeOrVirtual8086Mode) {
  main_[0x4c / 4] = 0x1b;
  main_[0x50 / 4] = 0x23;
  EXPECT_TRUE(read_task_state(memory(), kMain)->from_user);
  main_[0x4c / 4] = 0xf000;
  EXPECT_FALSE(read_task_state(memory(), kMain));
  main_[0x24 / 4] |= 0x20000;
  EXPECT_TRUE(read_task_state(memory(), kMain)->from_v86);
}

TEST_F(X86Task, WithoutPlausibleFlagsDirectoryOrSelectorsItIsNone) {
  const auto saved = main_;
  for (const auto& [offset, value] : {std::pair{0x24, 0x10244u},
                                      {0x24, 0x10a46u | 0x8000},
                                      {0x1c, 0u},
                                      {0x1c, 0x185008u},
                                      {0x4c, 0x20u},
                                      {0x50, 0x23u},
                                      {0x20, 0u},
                                      {0x38, 0u}}) {
    main_ = saved;
    main_[static_cast<std::size_t>(offset) / 4] = value;
    EXPECT_FALSE(read_task_state(memory(), kMain)) << offset;
  }
  EXPECT_FALSE(read_task_state(memory(), kMain + 4));  // it ends in the memory that is missing
}

TEST_F(X86Task, OnlyTaskDescriptorsOfTheGdtCount) {
  EXPECT_FALSE(task_address(memory(), kGdt, 0));
  EXPECT_FALSE(task_address(memory(), kGdt, kMainTask | 4));  // the LDT's
  EXPECT_FALSE(task_address(memory(), kGdt, 0xff8));          // not in the dump
  describe(kMainTask, kMain, 0x89);                           // available
  EXPECT_EQ(task_address(memory(), kGdt, kMainTask), kMain);
  describe(kMainTask, kMain, 0x0b);  // not present
  EXPECT_FALSE(task_address(memory(), kGdt, kMainTask));
  describe(kMainTask, kMain, 0x9b);  // code
  EXPECT_FALSE(task_address(memory(), kGdt, kMainTask));
  describe(kMainTask, kMain, 0x8b, 0x66);  // one byte too small
  EXPECT_FALSE(task_address(memory(), kGdt, kMainTask));
}

TEST_F(X86Task, ATaskThatNamesItselfInterruptedNone) {
  fault_[0] = kDoubleFaultTask;
  EXPECT_FALSE(read_interrupted_task(memory(), kGdt, kFault));
}

}  // namespace
}  // namespace ntstack::unwind::x86
