#include "target/kernel/kernel_lists.h"

#include <gtest/gtest.h>

#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t base64 = 0xfffff802'3a2b8000, base32 = 0x80400000;
constexpr std::uint64_t pool64 = 0xffffe001'00000000, pool32 = 0x85c00000;

struct Kernel {
  explicit Kernel(bool wide)
      : base(wide ? base64 : base32),
        pool(wide ? pool64 : pool32),
        data(base + KernelBuilder::data),
        builder(wide ? Paging::x64 : Paging::x86) {
    builder.put_image(base, "ntoskrnl.exe",
                      {{"PsLoadedModuleList", KernelBuilder::data + 0x10},
                       {"PsInitialSystemProcess", KernelBuilder::data + 0x40}});
  }
  KernelImage image() const { return {base, KernelBuilder::image_size, ""}; }
  std::uint64_t base, pool, data;
  KernelBuilder builder;
};

TEST(KernelLists, LoadedModulesByTheirExport) {
  for (const bool wide : {true, false}) {
    Kernel kernel(wide);
    kernel.builder.put_module(kernel.data + 0x10, kernel.pool, kernel.base);
    const dump::Dump dump = kernel.builder.dump();
    const auto tables = kernel.builder.tables(dump);
    const KernelExports exports(tables, kernel.image());
    EXPECT_EQ(exports.address_of("PsInitialSystemProcess"), kernel.data + 0x40);
    EXPECT_FALSE(exports.address_of("PsInitial"));
    EXPECT_EQ(find_loaded_module_list(tables, kernel.image(), exports, wide), kernel.data + 0x10);
  }
}

TEST(KernelLists, LoadedModulesByWhatTheyLeadTo) {
  for (const bool wide : {true, false}) {
    Kernel kernel(wide);
    // A list whose entry is of another image, and one that does not point back.
    kernel.builder.put_module(kernel.data + 0x20, kernel.pool + 0x1000, kernel.base + 0x1000);
    kernel.builder.put_module(kernel.data + 0x60, kernel.pool + 0x2000, kernel.base);
    kernel.builder.write_pointer(kernel.pool + 0x2000 + kernel.builder.word(), kernel.data);
    kernel.builder.put_module(kernel.data + 0x1ff0, kernel.pool, kernel.base);
    const dump::Dump dump = kernel.builder.dump();
    EXPECT_EQ(find_loaded_module_list(kernel.builder.tables(dump), kernel.image(), {}, wide),
              kernel.data + 0x1ff0);
  }
}

TEST(KernelLists, ProcessesByTheSystemProcess) {
  Kernel kernel(true);
  const std::uint64_t system = kernel.pool, head = kernel.data + 0x80, links = 0x448;
  kernel.builder.write_pointer(head, system + links);
  kernel.builder.write_pointer(system + links + 8, head);
  const dump::Dump dump = kernel.builder.dump();
  const auto tables = kernel.builder.tables(dump);
  EXPECT_EQ(find_active_process_head(tables, kernel.image(), system, links, true), head);
  EXPECT_FALSE(find_active_process_head(tables, kernel.image(), system, links + 8, true));
  EXPECT_FALSE(find_active_process_head(tables, kernel.image(), 0, links, true));
}

// The first processor's KPCR is in nt's data too, and names its KPRCB as the array does.
TEST(KernelLists, ProcessorsByTheKprcbsThatAreKnown) {
  for (const bool wide : {true, false}) {
    Kernel kernel(wide);
    const auto architecture = kernel.builder.architecture();
    const std::uint64_t word = kernel.builder.word(), block = kernel.data + 0x1400;
    const std::uint64_t regions[] = {kernel.data + 0x800, kernel.pool + 0x2000};
    std::vector<std::uint64_t> prcbs;
    for (const std::uint64_t region : regions) {
      prcbs.push_back(region + (wide ? 0x180 : 0x120));
      kernel.builder.put_processor_region(region, prcbs.back(), 0, 0);
      kernel.builder.write_pointer(block + (prcbs.size() - 1) * word, prcbs.back());
    }
    const dump::Dump dump = kernel.builder.dump();
    const auto tables = kernel.builder.tables(dump);
    const auto find = [&](const std::vector<std::uint64_t>& known) {
      return find_processor_block(tables, kernel.image(), known, architecture);
    };
    EXPECT_EQ(find(prcbs), block);
    EXPECT_EQ(find({prcbs[0]}), block);
    EXPECT_FALSE(find({}));
    EXPECT_FALSE(find({prcbs[1], prcbs[0]}));
    EXPECT_EQ(count_processors(tables, block, wide), 2u);
    EXPECT_EQ(count_processors(tables, kernel.base + 0x10000, wide), 0u);
  }
}

TEST(KernelLists, TheFirstKpcrIsInNt) {
  Kernel kernel(true);
  const std::uint64_t region = kernel.data + 0x1000;
  kernel.builder.put_processor_region(region, region + 0x180, 0, 0);
  const dump::Dump dump = kernel.builder.dump();
  EXPECT_EQ(find_first_prcb(kernel.builder.tables(dump), kernel.image(), base::Architecture::x64),
            region + 0x180);
}

}  // namespace
}  // namespace ntstack::target
