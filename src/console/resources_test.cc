// !locks on ERESOURCEs built by hand. Truth: the offsets of the public PDB types for both word
// sizes, before Windows 7 and since, written here a second time; kd's words.
#include <gtest/gtest.h>

#include "console/object_memory.h"

namespace ntstack::console {
namespace {

using base::Architecture;
using building::ObjectMemory;

struct Kind {
  Architecture architecture;
  std::uint32_t build;
};

// A list of three: exclusively owned, shared by three owners, free.
struct ResourceMemory : ObjectMemory {
  explicit ResourceMemory(const Kind& kind)
      : ObjectMemory(kind.architecture, kind.build), is_old(kind.build < 7600) {
    head = at(0x100);
    put_kdbg<std::uint64_t>(0x60, head);
    put_ring({head, at(0x1000), at(0x1200), at(0x1400)});
    for (const std::uint64_t each : {at(0x1000), at(0x1200), at(0x1400)}) {
      put<std::uint16_t>(each + flag(), 0);
      put_pointer(each + word() * 2, 0);
    }
    put<std::uint16_t>(at(0x1000) + active(), 1);
    put<std::uint16_t>(at(0x1000) + flag(), 0x80);
    put_owner(at(0x1000) + owner(), at(0x9000), 3);
    put<std::uint32_t>(at(0x1000) + contention(), 62);
    if (is_old)
      put<std::uint16_t>(at(0x1000) + contention() + 6, 2);
    else
      put<std::uint32_t>(at(0x1000) + contention() + 8, 2);
    put<std::uint16_t>(at(0x1200) + active(), 3);
    put_owner(at(0x1200) + owner() + (is_old ? owner_size() : 0), at(0x9100), 1);
    put_pointer(at(0x1200) + word() * 2, at(0x2000));  // OwnerTable
    put_owner(at(0x2000), 0, 0);
    put<std::uint32_t>(at(0x2000) + word(), 4);  // TableSize
    put_owner(at(0x2000) + owner_size(), at(0x9200), 1);
    put_owner(at(0x2000) + 2 * owner_size(), 0, 0);
    put_owner(at(0x2000) + 3 * owner_size(), at(0x9300) | 3, 2);
  }
  void put_owner(std::uint64_t address, std::uint64_t thread, std::uint32_t count) {
    put_pointer(address, thread);
    put<std::uint32_t>(address + word(), count << shift());
  }
  unsigned shift() const { return is_old ? 0 : build() >= 14393 ? 3 : 2; }
  std::uint64_t owner_size() const { return wide() ? 0x10 : 8; }
  std::uint64_t active() const { return wide() ? 0x18 : 0xc; }
  std::uint64_t flag() const { return active() + 2; }
  std::uint64_t owner() const { return wide() ? 0x30 : 0x18; }
  std::uint64_t contention() const {
    return (wide() ? 0x44 : 0x24) + (is_old ? wide() ? 12 : 4 : 0);
  }
  std::string hex(std::uint64_t offset) const {
    return fmt::format("{:0{}x}", at(offset), word() * 2);
  }

  bool is_old;
  std::uint64_t head = 0;
};

class ResourceTest : public testing::TestWithParam<Kind> {
 protected:
  ResourceMemory memory{GetParam()};
};

TEST_P(ResourceTest, HeldResourcesAreListedWithTheirOwners) {
  const std::string answer = memory.run("!locks");
  EXPECT_EQ(answer, fmt::format("**** DUMP OF ALL RESOURCE OBJECTS ****\n"
                                "Resource @ 0x{}    Exclusively owned\n"
                                "    Contention Count = 62\n"
                                "    NumberOfExclusiveWaiters = 2\n"
                                "     Threads: {}-03\n\n"
                                "Resource @ 0x{}    Shared 3 owning threads\n"
                                "     Threads: {}-01    {}-01    {}-02\n\n"
                                "3 total locks, 2 locks currently held\n",
                                memory.hex(0x1000), memory.hex(0x9000), memory.hex(0x1200),
                                memory.hex(0x9100), memory.hex(0x9200), memory.hex(0x9303)));
}

TEST_P(ResourceTest, OthersAreShownWhereTheyAreAskedFor) {
  const std::string free = fmt::format("Resource @ 0x{}    Available\n\n", memory.hex(0x1400));
  EXPECT_NE(memory.run("!locks -v").find(free), std::string::npos);
  EXPECT_EQ(memory.run("!locks " + memory.hex(0x1400)), free);
}

TEST_P(ResourceTest, WhatIsInNoListIsNoResource) {
  EXPECT_NE(memory.run("!locks " + memory.hex(0x1100)).find("no resource is at"),
            std::string::npos);
  EXPECT_NE(memory.run("!locks " + memory.hex(0x77000)).find("is not in the dump"),
            std::string::npos);
}

TEST_P(ResourceTest, AListThatDoesNotEndIsLeft) {
  memory.put_pointer(memory.at(0x1400), memory.at(0x1200));
  const std::string answer = memory.run("!locks");
  EXPECT_NE(answer.find("the list of resources is not whole"), std::string::npos) << answer;
  EXPECT_NE(answer.find("2 locks currently held"), std::string::npos);
}

TEST_P(ResourceTest, AListThatTheDumpLacksIsNamed) {
  memory.lose(memory.head);
  EXPECT_NE(memory.run("!locks").find("a kernel or complete memory dump has it"),
            std::string::npos);
  memory.put_kdbg<std::uint64_t>(0x60, 0);
  EXPECT_NE(memory.run("!locks").find("nt!ExpSystemResourcesList"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Every, ResourceTest,
    testing::Values(Kind{Architecture::x86, 3790}, Kind{Architecture::x64, 3790},
                    Kind{Architecture::x86, 7601}, Kind{Architecture::x64, 7601},
                    Kind{Architecture::x64, 19041}, Kind{Architecture::arm64, 22000}));

}  // namespace
}  // namespace ntstack::console
