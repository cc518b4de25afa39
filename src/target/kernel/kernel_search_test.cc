// Where nt is, by each way; kernels by hand.
#include "target/kernel/kernel_search.h"

#include <gtest/gtest.h>

#include "dump/start_block.h"
#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t base64 = 0xfffff802'3a2b8000, idt = 0xfffff802'38c5b000;

TEST(KernelSearch, ByTheInterruptTableOfAProcessor) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  builder.put_interrupt_table(idt, base64 + 0x1080);
  dump::Dump dump = builder.dump();
  dump.processors.resize(2);  // the first one's registers are not there
  dump.processors[1].number = 1;
  dump.processors[1].idt_base = idt;
  const auto found = find_kernel_by_processors(dump, builder.tables(dump));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->image.base, base64);
  EXPECT_EQ(found->found_by, "the interrupt table of processor 1");
}

TEST(KernelSearch, ByTheKpcrOfAProcessor) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  builder.put_interrupt_table(idt, base64 + 0x1080);
  builder.put_processor_region(0xfffff802'36e51000, 0xfffff802'36e51180, idt, 0);
  dump::Dump dump = builder.dump();
  dump.processors.resize(1);
  dump.processors[0].kernel_gs_base = 0xfffff802'36e51000;
  const auto found = find_kernel_by_processors(dump, builder.tables(dump));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->found_by, "the interrupt table of the KPCR of processor 0");
}

// As ReactOS and XP have it: no register is needed.
TEST(KernelSearch, ByTheFixedKpcrOf32BitKernels) {
  KernelBuilder builder(Paging::x86);
  constexpr std::uint64_t base = 0x80400000, version = base + KernelBuilder::data + 0x100;
  builder.put_image(base, "ntoskrnl.exe");
  builder.put_processor_region(0xffdff000, 0xffdff120, 0, version);
  builder.write(version + 0x10, std::uint64_t{0xffffffff'80400000});
  const dump::Dump dump = builder.dump();
  const auto found = find_kernel_by_processors(dump, builder.tables(dump));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->image.base, base);
  EXPECT_EQ(found->version_block, version);
  EXPECT_EQ(found->found_by, "KdVersionBlock of the KPCR at 0xffdff000");
}

TEST(KernelSearch, ByTheCodeThatAProcessorRuns) {
  KernelBuilder builder(Paging::arm64);
  builder.put_image(base64, "ntoskrnl.exe");
  builder.put_image(base64 + 0x10000, "ntfs.sys");
  dump::Dump dump = builder.dump();
  dump.processors.resize(2);
  for (std::uint64_t i = 0; i < 2; ++i) {
    dump.processors[i].context.resize(0x390);
    const std::uint64_t pc = base64 + 0x1230 + 0x10000 * (1 - i);
    std::memcpy(&dump.processors[i].context[0x108], &pc, 8);
    dump.processors[i].number = static_cast<std::uint32_t>(i);
  }
  const auto found = find_kernel_by_processors(dump, builder.tables(dump));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->image.base, base64);
  EXPECT_EQ(found->found_by, "the code that processor 1 ran");
}

TEST(KernelSearch, ByWhereFurtherProcessorsStart) {
  KernelBuilder builder(Paging::x64);
  const std::uint64_t block = builder.allocate();
  builder.put_image(base64, "ntoskrnl.exe");
  builder.put(block, std::uint64_t{0x00000001'000637e9});
  builder.put(block + 0x70, base64 + 0x1010);
  builder.put(block + 0xa0, builder.root());
  dump::Dump dump = builder.dump();
  const auto start = dump::find_start_block(*dump.physical);
  ASSERT_TRUE(start);
  EXPECT_EQ(start->address, block);
  EXPECT_EQ(start->page_tables, builder.root());
  const auto found = find_kernel_by_processors(dump, builder.tables(dump));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->image.base, base64);
  dump.architecture = base::Architecture::x86;
  EXPECT_FALSE(find_kernel_by_processors(dump, builder.tables(dump)));
}

TEST(KernelSearch, ThroughTheAddressSpaceOfEachKindOfPaging) {
  for (const Paging paging :
       {Paging::x86, Paging::x86_pae, Paging::x64, Paging::x64_la57, Paging::arm64}) {
    KernelBuilder builder(paging);
    const std::uint64_t base = builder.is_x86() ? 0x82639000 : base64;
    builder.put_image(base - 0x100000, "hal.dll");
    builder.put_image(base, "ntoskrnl.exe");
    const dump::Dump dump = builder.dump();
    EXPECT_FALSE(find_kernel_by_processors(dump, builder.tables(dump)));
    const auto found = find_kernel_by_search(dump, builder.tables(dump));
    ASSERT_TRUE(found) << memory::name_of(paging);
    EXPECT_EQ(found->image.base, base) << memory::name_of(paging);
  }
}

// Tables that map one page everywhere, and it begins like an image: 2^47 bytes are not looked at.
TEST(KernelSearch, EndsInTablesThatNeverEnd) {
  KernelBuilder builder(Paging::x64);
  const std::uint64_t page = builder.allocate();
  for (std::uint64_t i = 0; i < 512; ++i) builder.put(page + i * 8, page | 0x63);
  builder.put(page, std::uint16_t{0x5a4d});
  for (std::uint64_t i = 256; i < 512; ++i) builder.put(builder.root() + i * 8, page | 0x63);
  const dump::Dump dump = builder.dump();
  EXPECT_FALSE(find_kernel_by_search(dump, builder.tables(dump)));
}

}  // namespace
}  // namespace ntstack::target
