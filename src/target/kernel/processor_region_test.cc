// KPCRs and gates by hand, as the processor manuals and the public PDB types have them.
#include "target/kernel/processor_region.h"

#include <gtest/gtest.h>

#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using base::Architecture;
using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t region64 = 0xfffff802'36e51000, idt64 = 0xfffff802'38c5b000;
constexpr std::uint64_t handler64 = 0xfffff802'3a3ff1c0;

TEST(ProcessorRegion, FirstHandlerOfAnInterruptTable) {
  KernelBuilder x64(Paging::x64);
  x64.put_interrupt_table(idt64, handler64);
  const dump::Dump dump64 = x64.dump();
  EXPECT_EQ(first_interrupt_handler(x64.tables(dump64), idt64, Architecture::x64), handler64);
  EXPECT_FALSE(first_interrupt_handler(x64.tables(dump64), idt64 + 0x10, Architecture::x64));
  EXPECT_FALSE(first_interrupt_handler(x64.tables(dump64), 0x1000, Architecture::x64));

  KernelBuilder x86(Paging::x86);
  x86.put_interrupt_table(0x8003f400, 0x804d7abc);
  const dump::Dump dump86 = x86.dump();
  EXPECT_EQ(first_interrupt_handler(x86.tables(dump86), 0x8003f400, Architecture::x86),
            0x804d7abcu);
}

TEST(ProcessorRegion, IsTheBaseOfGsThatPointsToItself) {
  KernelBuilder builder(Paging::x64);
  builder.put_processor_region(region64, region64 + 0x180, idt64, 0);
  const dump::Dump dump = builder.dump();
  dump::ProcessorRecord in_user_mode, in_kernel_mode, nowhere;
  in_user_mode.gs_base = 0x7ffde000;
  in_user_mode.kernel_gs_base = region64;
  in_kernel_mode.gs_base = region64;
  nowhere.gs_base = region64 + 0x1000;
  for (const auto& processor : {in_user_mode, in_kernel_mode}) {
    const auto found = processor_region_of(builder.tables(dump), processor, Architecture::x64);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->address, region64);
    EXPECT_EQ(found->prcb, region64 + 0x180);
    EXPECT_EQ(found->idt, idt64);
    EXPECT_EQ(found->version_block, 0u);
  }
  EXPECT_FALSE(processor_region_of(builder.tables(dump), nowhere, Architecture::x64));
}

// In user mode FS is the TEB; selector 30 of the descriptor table is the kernel's.
TEST(ProcessorRegion, OfX86IsInTheDescriptorTable) {
  KernelBuilder builder(Paging::x86_pae);
  constexpr std::uint64_t region = 0x807c5000, gdt = 0x80b95000;
  builder.put_processor_region(region, region + 0x120, 0x80b95400, 0x82741c90);
  builder.write(gdt + 0x30, std::uint64_t{0x80'c0'93'7c'5000'3748});
  const dump::Dump dump = builder.dump();
  dump::ProcessorRecord processor;
  processor.fs_base = 0x7ffdf000;
  processor.gdt_base = gdt;
  const auto found = processor_region_of(builder.tables(dump), processor, Architecture::x86);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, region);
  EXPECT_EQ(found->version_block, 0x82741c90u);
}

}  // namespace
}  // namespace ntstack::target
