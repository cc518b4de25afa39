// !dpcs, !pcr and !prcb on processors built by hand. Truth: where public PDB types of the builds
// have the fields, written here a second time.
#include <gtest/gtest.h>

#include "console/object_memory.h"

namespace ntstack::console {
namespace {

using base::Architecture;
using building::ObjectMemory;

struct Kind {
  Architecture architecture;
  std::uint32_t build;
  std::uint64_t dpc_stack;   // in the KPRCB
  std::uint64_t queue_size;  // of a KDPC_DATA
};

// Two processors; the first has two DPCs queued and a threaded one.
struct ProcessorMemory : ObjectMemory {
  explicit ProcessorMemory(const Kind& given)
      : ObjectMemory(given.architecture, given.build),
        kind(given),
        pcr_size(wide() ? given.architecture == Architecture::arm64 ? 0x980 : 0x180 : 0x120) {
    put_kdbg<std::uint16_t>(0x354, static_cast<std::uint16_t>(kind.dpc_stack));
    put_kdbg<std::uint16_t>(0x2b4, static_cast<std::uint16_t>(word() == 8 ? 8 : 4));
    put_kdbg<std::uint16_t>(0x350, static_cast<std::uint16_t>(word() == 8 ? 0x18 : 0xc));
    put_kdbg<std::uint16_t>(0x2be, static_cast<std::uint16_t>(wide() ? 0x24 : 0x3cc));
    put_kdbg<std::uint16_t>(0x2e6, static_cast<std::uint16_t>(pcr_size));
    put_kdbg<std::uint16_t>(0x2b0, 0x5000);
    put_processors(at(0x100), {prcb(0), prcb(1)});
    for (unsigned i = 0; i < 2; ++i) put_processor(i);
    put_queue(data(0), {at(0x2000), at(0x2100)});
    put_queue(data(0) + kind.queue_size, {at(0x2200)});
  }
  std::uint64_t prcb(unsigned i) const { return at(0x10000 * (i + 1)) + pcr_size; }
  std::uint64_t data(unsigned i) const { return prcb(i) + kind.dpc_stack - 2 * kind.queue_size; }

  void put_processor(unsigned i) {
    for (std::uint64_t page = 0; page < 0x5000; page += 0x1000)
      put<std::uint8_t>(prcb(i) + page, 0);
    const std::uint64_t threads = prcb(i) + (word() == 8 ? 8 : 4);
    for (std::uint64_t each = 0; each < 3; ++each)
      put_pointer(threads + each * word(), at(0x50000 + i * 0x1000 + each * 0x100));
    put<std::uint32_t>(prcb(i) + (wide() ? 0x24 : 0x3cc), i);
    put_queue(data(i), {});
    put_queue(data(i) + kind.queue_size, {});
    const std::uint64_t pcr = prcb(i) - pcr_size;
    const bool is_x86 = !wide();
    put_pointer(pcr + (is_x86 ? 0x1c : 0x18), pcr);
    put_pointer(pcr + 0x20, prcb(i));
    put_pointer(pcr + 0x38, at(0x60000));  // IDT
    put_pointer(pcr + (is_x86 ? 0x3c : 0), at(0x61000));
    put_pointer(pcr + (is_x86 ? 0x40 : 8), at(0x62000));
    if (is_x86) put<std::uint8_t>(pcr + 0x24, 2);
  }
  void put_queue(std::uint64_t head, const std::vector<std::uint64_t>& calls) {
    const std::uint64_t link = word();  // of the entry in a KDPC
    std::vector<std::uint64_t> entries = {head};
    for (const std::uint64_t call : calls) {
      entries.push_back(call + link);
      put_pointer(call + (wide() ? 0x18 : 0xc), call + 0x77);
    }
    put<std::uint32_t>(head + (wide() ? 0x18 : 0xc), static_cast<std::uint32_t>(calls.size()));
    if (kind.build < 9200) return put_ring(entries);
    for (std::size_t i = 0; i < entries.size(); ++i)
      put_pointer(entries[i], i + 1 < entries.size() ? entries[i + 1] : 0);
    put_pointer(head + word(), entries.back());
  }
  std::string hex(std::uint64_t value) const { return fmt::format("{:0{}x}", value, word() * 2); }

  Kind kind;
  std::uint64_t pcr_size;
};

class ProcessorTest : public testing::TestWithParam<Kind> {
 protected:
  ProcessorMemory memory{GetParam()};
  std::string row(std::string_view kind, std::uint64_t offset) const {
    const std::uint64_t call = memory.at(offset);
    return fmt::format(" 0: {:<8}: 0x{} 0x{} ", kind, memory.hex(call), memory.hex(call + 0x77));
  }
};

TEST_P(ProcessorTest, QueuedDpcsAreListedInTheirOrder) {
  const std::string answer = memory.run("!dpcs");
  const std::size_t first = answer.find(row("Normal", 0x2000)),
                    second = answer.find(row("Normal", 0x2100)),
                    third = answer.find(row("Threaded", 0x2200));
  EXPECT_TRUE(answer.starts_with("CPU Type      KDPC       Function\n")) << answer;
  EXPECT_NE(third, std::string::npos) << answer;
  EXPECT_LT(first, second) << answer;
  EXPECT_LT(second, third) << answer;
  EXPECT_EQ(std::ranges::count(answer, '\n'), 4) << answer;
  EXPECT_NE(memory.run("!dpcs 1").find("No DPCs are queued on 1 processor\n"), std::string::npos);
}

TEST_P(ProcessorTest, QueuesThatCantBeAreNotShown) {
  memory.put_pointer(memory.at(0x2100) + memory.word(), memory.at(0x2000) + memory.word());
  const std::string answer = memory.run("!dpcs 0");
  EXPECT_NE(answer.find("or this build has them elsewhere: nt's PDB (-y) would tell"),
            std::string::npos)
      << answer;
}

TEST_P(ProcessorTest, ThePcrShowsItsTablesAndThreads) {
  const std::string answer = memory.run("!pcr 1");
  const auto has = [&](std::string_view name, std::uint64_t offset) {
    return answer.find(fmt::format("{:>23}: {}\n", name, memory.hex(memory.at(offset)))) !=
           std::string::npos;
  };
  EXPECT_TRUE(answer.starts_with(
      fmt::format("KPCR for Processor 1 at {}:\n", memory.hex(memory.at(0x20000)))))
      << answer;
  EXPECT_TRUE(has("CurrentThread", 0x51000) && has("NextThread", 0x51100) &&
              has("IdleThread", 0x51200))
      << answer;
  const bool has_tables = GetParam().architecture != Architecture::arm64;
  EXPECT_EQ(has("IDT", 0x60000) && has("GDT", 0x61000) && has("TSS", 0x62000), has_tables)
      << answer;
}

TEST_P(ProcessorTest, WhatIsNoPcrIsNotShownAsOne) {
  const std::uint64_t self = memory.wide() ? 0x18 : 0x1c;
  memory.put_pointer(memory.prcb(0) - memory.pcr_size + self, memory.at(0));
  const std::string answer = memory.run("!pcr 0");
  EXPECT_NE(answer.find("no KPCR is there: it does not point to itself"), std::string::npos);
  EXPECT_EQ(answer.find(memory.hex(memory.at(0x60000))), std::string::npos);
}

TEST_P(ProcessorTest, ThePrcbHasItsThreads) {
  const std::string answer = memory.run("!prcb");
  EXPECT_NE(answer.find(fmt::format("Threads--  Current {} Next {} Idle {}\n",
                                    memory.hex(memory.at(0x50000)), memory.hex(memory.at(0x50100)),
                                    memory.hex(memory.at(0x50200)))),
            std::string::npos)
      << answer;
  if (!memory.wide()) {
    EXPECT_NE(answer.find("Current IRQL -- 2 (KPCR.Irql)"), std::string::npos);
  }
  EXPECT_NE(memory.run("!prcb 2").find("has the number 2: it has those up to 1"),
            std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Every, ProcessorTest,
                         testing::Values(Kind{Architecture::x64, 7601, 0x21c0, 0x20},
                                         Kind{Architecture::x86, 7601, 0x1908, 0x14},
                                         Kind{Architecture::x64, 9600, 0x2dc0, 0x20},
                                         Kind{Architecture::x64, 19041, 0x3110, 0x28},
                                         Kind{Architecture::x86, 19041, 0x2100, 0x18},
                                         Kind{Architecture::x64, 22621, 0x3110, 0x30},
                                         Kind{Architecture::arm64, 22000, 0xaf8, 0x28}));

}  // namespace
}  // namespace ntstack::console
