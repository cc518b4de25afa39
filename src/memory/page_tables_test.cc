// Entries written by hand as the processor manuals and the public PDB types (_MMPTE_*) have them.
// That whole tables are walked as a processor does is tests/page_tables' business.
#include "memory/page_tables.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>

namespace ntstack::memory {
namespace {

// Pages by number; all others are holes.
class Pages : public base::ByteSource {
 public:
  void put(std::uint64_t address, std::uint64_t value, std::size_t size = 8) {
    auto& page = pages_[address >> 12];
    page.resize(0x1000);
    std::memcpy(&page[address & 0xfff], &value, size);
  }
  void put32(std::uint64_t address, std::uint64_t value) { put(address, value, 4); }
  void add(std::uint64_t number) { put(number << 12, number); }

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto page = pages_.find((address + done) >> 12);
      if (page == pages_.end()) break;
      const std::size_t at = (address + done) & 0xfff;
      const std::size_t size = std::min(out.size() - done, 0x1000 - at);
      std::memcpy(&out[done], &page->second[at], size);
      done += size;
    }
    return done;
  }

 private:
  std::map<std::uint64_t, std::vector<std::byte>> pages_;
};

constexpr std::uint64_t kKernel = 0xfffff80002a00000;  // PML4 1f0, PDPT 0, PD 15, PT 0

// Four levels at pages 1 to 4 that lead to kKernel's entry in page 4.
struct X64 {
  Pages pages;
  X64() {
    pages.put(0x1000 + 8 * 0x1f0, 0x2063);
    pages.put(0x2000, 0x3063);
    pages.put(0x3000 + 8 * 0x15, 0x4063);
    pages.put(0x4000, 0);
  }
  PageTables tables() const { return {pages, Paging::x64, 0x1000}; }
  Fault fault(std::uint64_t entry) {
    pages.put(0x4000, entry);
    const auto found = tables().translate(kKernel + 0x123);
    return found ? Fault::not_canonical : found.error();
  }
};

TEST(PageTables, AWalkOfFourLevelsGivesThePageAndWhatIsLeftOfIt) {
  X64 world;
  world.pages.put(0x4000, 0x8000000000007063);  // no execution: a bit that is no address
  const auto found = world.tables().translate(kKernel + 0x123);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->physical, 0x7123u);
  EXPECT_EQ(found->bytes, 0x1000u - 0x123u);
  EXPECT_FALSE(found->in_transition);
  EXPECT_FALSE(found->through_prototype);
}

TEST(PageTables, BitsOfCr3ThatAreNoAddressAreIgnored) {
  X64 world;
  world.pages.put(0x4000, 0x7063);
  const PageTables tables(world.pages, Paging::x64, 0x8000000000001fff);  // PCID, no flush
  EXPECT_TRUE(tables.translate(kKernel));
}

TEST(PageTables, ATransitionEntrysPageStillHoldsTheContents) {
  X64 world;
  world.pages.add(7);
  world.pages.put(0x4000, 0x7880);
  const auto found = world.tables().translate(kKernel + 0x123);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->physical, 0x7123u);
  EXPECT_TRUE(found->in_transition);
}

TEST(PageTables, ATransitionEntryWithMarkedHighBitsLeadsToThePageThatIsThere) {
  X64 world;
  world.pages.add(7);
  world.pages.put(0x4000, 0x0000200000007880);
  const auto found = world.tables().translate(kKernel);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->physical, 0x7000u);
  EXPECT_TRUE(found->in_transition);
}

TEST(PageTables, APrototypeEntryIsFollowedToThePageOfItsSection) {
  X64 world;
  world.pages.add(7);
  world.pages.put(0x4000 + 8, 0x5063);  // kKernel + 1000: where prototype entries are
  world.pages.put(0x5010, 0x7063);
  world.pages.put(0x4000, (kKernel + 0x1010) << 16 | 0x400);
  auto found = world.tables().translate(kKernel + 0x123);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->physical, 0x7123u);
  EXPECT_TRUE(found->through_prototype);
  EXPECT_FALSE(found->in_transition);
  world.pages.put(0x5010, 0x7880);  // itself in transition
  found = world.tables().translate(kKernel + 0x123);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->through_prototype);
  EXPECT_TRUE(found->in_transition);
}

TEST(PageTables, WhatIsNotThereSaysWhy) {
  X64 world;
  EXPECT_EQ(world.fault(0), Fault::not_mapped);
  EXPECT_EQ(world.fault(0x0001234500000080), Fault::paged_out);
  EXPECT_EQ(world.fault(0x80), Fault::demand_zero);
  EXPECT_EQ(world.fault(0xffffffff00000400), Fault::paged_out);     // by the VAD
  EXPECT_EQ(world.fault((kKernel << 16) | 0x400), Fault::looping);  // its own entry
  EXPECT_EQ(world.fault((kKernel + 0x5000) << 16 | 0x400), Fault::not_mapped);
  EXPECT_EQ(world.tables().translate(0x0000800000000000).error(), Fault::not_canonical);
  EXPECT_EQ(world.tables().translate(0xffff7fffffffffff).error(), Fault::not_canonical);
  world.pages.put(0x3000 + 8 * 0x16, 0x9063);  // a table in a page that is not in the dump
  EXPECT_EQ(world.tables().translate(kKernel + 0x200000).error(), Fault::table_missing);
}

TEST(PageTables, LargePagesOfTwoMegabytesAndOfOneGigabyte) {
  X64 world;
  world.pages.put(0x3000 + 8 * 0x16, 0x40000000 | 0x10e3);  // bit 12 is the PAT's
  auto found = world.tables().translate(kKernel + 0x200000 + 0x12345);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->physical, 0x40012345u);
  EXPECT_EQ(found->bytes, 0x200000u - 0x12345u);
  world.pages.put(0x2000 + 8, 0x80000000 | 0xe3);
  found = world.tables().translate(0xfffff80040000000 + 0x3456789);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->physical, 0x83456789u);
  EXPECT_EQ(found->bytes, 0x40000000u - 0x3456789u);
}

TEST(PageTables, FiveLevels) {
  X64 world;
  world.pages.put(0x6000 + 8 * 0x1ff, 0x1063);
  world.pages.put(0x4000, 0x7063);
  const PageTables tables(world.pages, Paging::x64_la57, 0x6000);
  ASSERT_TRUE(tables.translate(kKernel + 0x10));
  EXPECT_EQ(tables.translate(kKernel + 0x10)->physical, 0x7010u);
  EXPECT_EQ(tables.translate(0x0000800000000000).error(), Fault::not_mapped);  // canonical here
  EXPECT_EQ(tables.translate(0x0100000000000000).error(), Fault::not_canonical);
}

TEST(PageTables, X86WithPse36) {
  Pages pages;
  pages.put32(0x1000 + 4 * 0x200, 0x2063);
  pages.put32(0x2000 + 4 * 3, 0x7063);
  pages.put32(0x1000 + 4 * 0x201, 0x00c00000 | 0xe3 | 0x5 << 13);
  const PageTables tables(pages, Paging::x86, 0x1000);
  ASSERT_TRUE(tables.translate(0x80003abc));
  EXPECT_EQ(tables.translate(0x80003abc)->physical, 0x7abcu);
  ASSERT_TRUE(tables.translate(0x80500123));
  EXPECT_EQ(tables.translate(0x80500123)->physical, 0x500c00000u + 0x100123u);
  EXPECT_EQ(tables.translate(0x80500123)->bytes, 0x400000u - 0x100123u);
  EXPECT_EQ(tables.translate(0x180003abc).error(), Fault::not_canonical);
}

TEST(PageTables, X86WithPae) {
  Pages pages;
  pages.put(0x1020 + 8 * 2, 0x2001);
  pages.put(0x2000, 0x3063);
  pages.put(0x2008, 0x1'4000'00e3);
  pages.put(0x3000 + 8 * 3, 0x7063);
  pages.add(7);
  pages.put(0x3000 + 8 * 4, 0x7880);
  pages.put(0x3000 + 8 * 5, 0x80003008'00000400);  // the prototype: this table's second entry
  pages.put(0x3000 + 8 * 6, 0x7063);
  const PageTables tables(pages, Paging::x86_pae, 0x1020);
  ASSERT_TRUE(tables.translate(0x80003abc));
  EXPECT_EQ(tables.translate(0x80003abc)->physical, 0x7abcu);
  ASSERT_TRUE(tables.translate(0x80200123));
  EXPECT_EQ(tables.translate(0x80200123)->physical, 0x1'4000'0123u);
  ASSERT_TRUE(tables.translate(0x80004010));
  EXPECT_TRUE(tables.translate(0x80004010)->in_transition);
  pages.put(0x7008, 0x9880);
  pages.add(9);
  ASSERT_TRUE(tables.translate(0x80005010));
  EXPECT_EQ(tables.translate(0x80005010)->physical, 0x9010u);
  EXPECT_TRUE(tables.translate(0x80005010)->through_prototype);
}

TEST(PageTables, Arm64BlocksAndPages) {
  Pages pages;
  pages.put(0x1000 + 8 * 0x1f0, 0x2003);
  pages.put(0x2000, 0x3003);
  pages.put(0x2008, 0x00600000'80000701);  // a block of 1 GB
  pages.put(0x3000 + 8 * 0x15, 0x4003);
  pages.put(0x3000 + 8 * 0x16, 0x40000701);  // a block of 2 MB
  pages.put(0x4000, 0x00600000'00007703);
  pages.put(0x4008, 0x00600000'00007701);  // reserved: no page
  pages.put(0x1000 + 8 * 0x1f1, 0x2001);   // a block where none may be
  const PageTables tables(pages, Paging::arm64, 0x1000);
  ASSERT_TRUE(tables.translate(kKernel + 0x123));
  EXPECT_EQ(tables.translate(kKernel + 0x123)->physical, 0x7123u);
  EXPECT_EQ(tables.translate(kKernel + 0x1123).error(), Fault::not_mapped);
  ASSERT_TRUE(tables.translate(kKernel + 0x200000 + 0x12345));
  EXPECT_EQ(tables.translate(kKernel + 0x200000 + 0x12345)->physical, 0x40012345u);
  ASSERT_TRUE(tables.translate(0xfffff80040000000 + 0x3456789));
  EXPECT_EQ(tables.translate(0xfffff80040000000 + 0x3456789)->physical, 0x83456789u);
  EXPECT_EQ(tables.translate(0xfffff88000000000).error(), Fault::not_mapped);
}

TEST(PageTables, ReadingStopsAtAHoleInVirtualOrInPhysicalMemory) {
  X64 world;
  for (const std::uint64_t number : {7u, 8u}) world.pages.add(number);
  world.pages.put(0x4000, 0x7063);
  world.pages.put(0x4008, 0x8063);
  world.pages.put(0x4018, 0x9063);  // page 9 is not in the dump
  const PageTables tables = world.tables();
  std::vector<std::byte> out(0x4000);
  EXPECT_EQ(tables.read(kKernel + 0x10, out), 0x1ff0u);
  EXPECT_EQ(tables.get<std::uint64_t>(kKernel + 0x1000), 8u);
  EXPECT_EQ(tables.read(kKernel + 0x3000, out), 0u);
  EXPECT_EQ(tables.read(kKernel + 0x2000, out), 0u);
}

TEST(PageTables, AHolesEndIsTheNextPageThatIsThere) {
  X64 world;
  world.pages.add(7);
  world.pages.put(0x4000 + 8 * 9, 0x7063);
  EXPECT_EQ(world.tables().hole_end(kKernel + 5), kKernel + 0x9000);
  EXPECT_EQ(world.tables().hole_end(kKernel + 0x9000), kKernel + 0x9000);  // none begins here
  // From far below in a few steps, each over many entries and none over what is there.
  std::uint64_t at = 0;
  for (int i = 0; i < 16 && at < kKernel; i++) at = world.tables().hole_end(at);
  EXPECT_EQ(at, kKernel + 0x9000);
  EXPECT_EQ(world.tables().hole_end(UINT64_MAX), UINT64_MAX);
}

// A finding of fuzzing: memory that ends inside of a large page was said to be there up to its end.
TEST(PageTables, AHoleMayBeginAndEndInsideOfAPage) {
  std::array<std::byte, 0x10> start{std::byte{0xe3}};  // x86: entry 0 is the 4 MB page at 0
  std::array<std::byte, 0x10> later{};
  const base::SegmentSource physical({{0, base::Bytes(start.data(), start.size())},
                                      {0x5020, base::Bytes(later.data(), later.size())}});
  const PageTables tables(physical, Paging::x86, 0);
  std::byte byte;
  EXPECT_EQ(tables.read(0x22, std::span(&byte, 1)), 0u);
  EXPECT_EQ(tables.hole_end(0x22), 0x5020u);
  EXPECT_EQ(tables.read(0x5020, std::span(&byte, 1)), 1u);
  EXPECT_GE(tables.hole_end(0x5030), 0x400000u);  // the end of what the entry maps, or beyond
}

}  // namespace
}  // namespace ntstack::memory
