// !irp on IRPs built by hand. Truth: the offsets of wdm.h for both word sizes, written here a
// second time, and WinDbg's documentation of !irp.
#include <gtest/gtest.h>

#include "analysis/irp_names.h"
#include "console/object_memory.h"

namespace ntstack::console {
namespace {

using base::Architecture;
using building::ObjectMemory;
using testing::Test;

struct IrpMemory : ObjectMemory {
  explicit IrpMemory(Architecture architecture) : ObjectMemory(architecture, 19041) {
    const bool w = wide();
    irp = at(0x1000);
    locations = irp + (w ? 0xd0 : 0x70);
    put<std::uint16_t>(irp, 6);
    put<std::uint16_t>(irp + 2, static_cast<std::uint16_t>((w ? 0xd0 : 0x70) + 2 * size()));
    put_pointer(irp + (w ? 8 : 4), at(0x7100));  // MdlAddress
    put<std::uint8_t>(irp + (w ? 0x42 : 0x22), 2);
    put<std::uint8_t>(irp + (w ? 0x43 : 0x23), 2);
    put<std::uint32_t>(irp + (w ? 0x30 : 0x18), 0xc00000bb);
    put_pointer(irp + (w ? 0x98 : 0x50), at(0x7200));  // Tail.Overlay.Thread
    const std::uint64_t current = locations + size();
    put<std::uint8_t>(current, 0xc);
    put<std::uint8_t>(current + 1, 2);
    put<std::uint8_t>(current + 3, 0xe1);
    for (std::uint64_t i = 0; i < 4; ++i) put_pointer(current + word() * (1 + i), 0x111 * (i + 1));
    put_pointer(current + (w ? 0x28 : 0x14), at(0x3000));
    put_pointer(current + (w ? 0x30 : 0x18), at(0x7300));
    put_pointer(current + (w ? 0x38 : 0x1c), at(0x7400));
    put_pointer(current + (w ? 0x40 : 0x20), at(0x7500));
    put<std::uint16_t>(at(0x3000), 3);  // DEVICE_OBJECT
    put_pointer(at(0x3008), at(0x4000));
    put<std::uint16_t>(at(0x4000), 4);  // DRIVER_OBJECT
    put_string(at(0x4000) + (w ? 0x38 : 0x1c), at(0x5000), "\\FileSystem\\Ntfs");
  }
  std::uint64_t size() const { return wide() ? 0x48 : 0x24; }
  std::string hex(std::uint64_t value) const { return fmt::format("{:0{}x}", value, word() * 2); }

  std::uint64_t irp = 0, locations = 0;
};

class IrpTest : public testing::TestWithParam<Architecture> {
 protected:
  IrpMemory memory{GetParam()};
};

TEST_P(IrpTest, AnIrpIsShownWithItsDriversAndTheCurrentOneIsMarked) {
  const auto hex = [&](std::uint64_t offset) { return memory.hex(memory.at(offset)); };
  const std::string answer = memory.run(fmt::format("!irp {}", memory.hex(memory.irp)));
  EXPECT_TRUE(answer.starts_with(
      fmt::format("Irp is active with 2 stacks 2 is current (= 0x{})\n Mdl={}: No System Buffer: "
                  "Thread {}:  Irp stack trace.\n     cmd  flg cl Device   File     "
                  "Completion-Context\n [N/A(0), N/A(0)]\n",
                  memory.hex(memory.locations + memory.size()), hex(0x7100), hex(0x7200))))
      << answer;
  EXPECT_NE(
      answer.find(fmt::format(">[IRP_MJ_DIRECTORY_CONTROL(c), IRP_MN_NOTIFY_CHANGE_DIRECTORY(2)]\n"
                              "             0 e1 {} {} {}-{} Success Error Cancel pending\n"
                              "           \\FileSystem\\Ntfs\t",
                              hex(0x3000), hex(0x7300), hex(0x7400), hex(0x7500))),
      std::string::npos)
      << answer;
  EXPECT_TRUE(
      answer.ends_with(fmt::format("\t\t\tArgs: {} {} {} {}\n", memory.hex(0x111),
                                   memory.hex(0x222), memory.hex(0x333), memory.hex(0x444))))
      << answer;
}

TEST_P(IrpTest, OneShowsTheHeaderToo) {
  const std::string answer = memory.run(fmt::format("!irp {} 1", memory.hex(memory.irp)));
  EXPECT_NE(answer.find("IoStatus.Status = c00000bb\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("Tail.Overlay.Thread = " + memory.hex(memory.at(0x7200)) + "\n"),
            std::string::npos);
}

TEST_P(IrpTest, WhatIsNoIrpIsSaidToBeNone) {
  const std::string line = fmt::format("!irp {}", memory.hex(memory.irp));
  memory.put<std::uint16_t>(memory.irp + 2, 0x10);
  EXPECT_NE(memory.run(line).find("2 stack locations do not fit into its Size, 10"),
            std::string::npos);
  memory.put<std::uint16_t>(memory.irp, 5);
  EXPECT_NE(memory.run(line).find("probably not an IRP"), std::string::npos);
  memory.lose(memory.irp);
  EXPECT_NE(memory.run(line).find("is not in the dump"), std::string::npos);
}

TEST_P(IrpTest, ACompleteIrpHasNoCurrentLocation) {
  memory.put<std::uint8_t>(memory.irp + (memory.wide() ? 0x43 : 0x23), 4);
  const std::string answer = memory.run(fmt::format("!irp {}", memory.hex(memory.irp)));
  EXPECT_NE(answer.find("2 stacks 4 is current: it is complete"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("\n>"), std::string::npos);
}

TEST_P(IrpTest, AnInterruptEndsIt) {
  memory.interrupted = [] { return true; };
  EXPECT_TRUE(
      memory.run(fmt::format("!irp {}", memory.hex(memory.irp))).ends_with("interrupted\n"));
}

INSTANTIATE_TEST_SUITE_P(Every, IrpTest,
                         testing::Values(Architecture::x86, Architecture::x64,
                                         Architecture::arm64));

TEST(IrpNames, NumbersThatNoHeaderNamesHaveNoName) {
  EXPECT_EQ(analysis::irp_major_name(0x1b), "IRP_MJ_PNP");
  EXPECT_EQ(analysis::irp_major_name(0x1c), "");
  EXPECT_EQ(analysis::irp_minor_name(0x16, 2), "IRP_MN_SET_POWER");
  EXPECT_EQ(analysis::irp_minor_name(0x16, 4), "");
  EXPECT_EQ(analysis::irp_control_text(0), "");
}

}  // namespace
}  // namespace ntstack::console
