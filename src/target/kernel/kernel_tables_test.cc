// The kernel's page tables, named or not; memory by hand.
#include "target/kernel/kernel_tables.h"

#include <gtest/gtest.h>

#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t base64 = 0xfffff802'3a2b8000;

TEST(KernelTables, TheHeadersServeWhereTheyLeadToItsList) {
  KernelBuilder builder(Paging::x64_la57);
  builder.page(base64);
  dump::Dump dump = builder.dump();
  dump.dump_type = 1;
  dump.directory_table_base = builder.root();
  dump.ps_loaded_module_list = base64 + 0x10;
  const TablesFound found = find_kernel_tables(dump);
  EXPECT_EQ(found.root, builder.root());
  EXPECT_EQ(found.paging, Paging::x64_la57);
  EXPECT_EQ(found.found_by, "the dump's header");
  EXPECT_EQ(found.doubt, "");
}

TEST(KernelTables, AHeaderThatNamesAnotherPageIsNotBelieved) {
  KernelBuilder builder(Paging::x64);
  builder.put_shared_user_data(10, 0, 19045);
  // What a table that maps itself needs besides: two more entries of the kernel's half.
  for (const std::uint64_t address : {base64, std::uint64_t{0xffff8000'00000000}})
    builder.page(address);
  dump::Dump dump = builder.dump();
  dump.dump_type = 5;
  dump.directory_table_base = builder.page(base64);
  dump.ps_loaded_module_list = 0xfffff802'99990000;
  const TablesFound found = find_kernel_tables(dump);
  EXPECT_EQ(found.root, builder.root());
  EXPECT_EQ(found.found_by, "a search for a table that maps itself");
}

TEST(KernelTables, AProcessorInUserModeMayHaveShadowTables) {
  KernelBuilder builder(Paging::x64);
  builder.put_shared_user_data(10, 0, 19045);
  const std::uint64_t shadow = builder.allocate();  // maps nothing
  dump::Dump dump = builder.dump();
  dump.processors.resize(2);
  dump.processors[0].cr3 = shadow;
  dump.processors[1].number = 1;
  dump.processors[1].cr3 = builder.root() | 2;
  const TablesFound found = find_kernel_tables(dump);
  EXPECT_EQ(found.root, builder.root() | 2);
  EXPECT_EQ(found.found_by, "CR3 of processor 1");
}

// Shadow tables have the KPCR, and that the kernel's CR3.
TEST(KernelTables, OfAllProcessorsInUserModeAreInTheirKpcrs) {
  KernelBuilder builder(Paging::x64);
  builder.put_shared_user_data(10, 0, 19045);
  constexpr std::uint64_t region = 0xfffff802'36e51000;
  builder.put_processor_region(region, region + 0x180, 0, 0);
  builder.write(region + 0x9000, builder.root() | 2);
  const std::uint64_t shadow = builder.allocate(), level3 = builder.allocate(),
                      level2 = builder.allocate(), level1 = builder.allocate();
  builder.put(shadow + (region >> 39 & 511) * 8, level3 | 0x63);
  builder.put(level3 + (region >> 30 & 511) * 8, level2 | 0x63);
  builder.put(level2 + (region >> 21 & 511) * 8, level1 | 0x63);
  for (const std::uint64_t at : {region, region + 0x9000})
    builder.put(level1 + (at >> 12 & 511) * 8, builder.page(at) | 0x63);
  dump::Dump dump = builder.dump();
  dump.processors.resize(1);
  dump.processors[0].cr3 = shadow;
  dump.processors[0].gs_base = 0x7ffde000;
  dump.processors[0].kernel_gs_base = region;
  const TablesFound found = find_kernel_tables(dump);
  EXPECT_EQ(found.root, builder.root());
  EXPECT_EQ(found.found_by, "the KPCR of processor 0");
}

TEST(KernelTables, OfPaeAreReadFromTheDirectoryThatMapsItself) {
  KernelBuilder builder(Paging::x86_pae);
  builder.put_shared_user_data(6, 1, 0);
  builder.page(0x80001000);
  const TablesFound found = find_kernel_tables(builder.dump());
  EXPECT_EQ(found.root, builder.self_mapping_table());
  EXPECT_EQ(found.paging, Paging::x86_pae);
  const dump::Dump dump = builder.dump();
  const memory::PageTables tables(*dump.physical, found.paging, found.root);
  for (const std::uint64_t address : {0x80001234ull, 0xffdf0030ull}) {
    const auto translation = tables.translate(address);
    ASSERT_TRUE(translation);
    EXPECT_EQ(translation->physical, builder.page(address) + address % 0x1000);
  }
}

TEST(KernelTables, MemoryWithoutAnyHasNone) {
  KernelBuilder builder(Paging::x64);
  builder.put(builder.root() + 0x1ed * 8, std::uint64_t{0});
  const TablesFound found = find_kernel_tables(builder.dump());
  EXPECT_EQ(found.root, 0u);
}

TEST(KernelTables, WhatShowsNothingOfTheKernelIsDoubted) {
  KernelBuilder builder(Paging::x64);
  dump::Dump dump = builder.dump();
  dump.processors.resize(1);
  dump.processors[0].cr3 = builder.root();
  const TablesFound found = find_kernel_tables(dump);
  EXPECT_EQ(found.root, builder.root());
  EXPECT_NE(found.doubt, "");
}

}  // namespace
}  // namespace ntstack::target
