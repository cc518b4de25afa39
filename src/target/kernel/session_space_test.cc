// Images in session space, which the tables of the system process do not map: a kernel by hand, and
// a second process whose top table has the session's entry besides.
#include <gtest/gtest.h>

#include "target/kernel/kernel.h"
#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;

constexpr std::uint64_t kNt = 0xfffff802'3a200000, kPool = 0xffffe001'00000000,
                        kHead = kNt + KernelBuilder::data + 0x10, kWin32k = 0xfffff960'00000000;

// The system's tables, and those of a process in a session: win32k.sys is mapped by these alone.
class Machine {
 public:
  Machine() {
    builder_.put_image(kNt, "ntoskrnl.exe");
    builder_.put_image(kWin32k, "win32k.sys");
    put_entry(kPool, kHead, kPool + 0x200, kNt);
    put_entry(kPool + 0x200, kPool, kHead, kWin32k);
    put_links(kHead, kPool + 0x200, kPool);
    builder_.write(kPool + 0x200 + 0x9c, std::uint32_t{0x5a0b1c2d});  // TimeDateStamp
    // The session's entry of the top table moves to the process's own.
    session_root_ = builder_.allocate();
    for (std::uint64_t i = 256; i < 512; ++i) {
      std::uint64_t entry = 0;
      std::memcpy(&entry, &builder_.bytes().at(builder_.root() + 8 * i), 8);
      builder_.put(session_root_ + 8 * i, entry);
    }
    builder_.put(builder_.root() + 8 * (kWin32k >> 39 & 511), std::uint64_t{0});
    dump_ = builder_.dump();
    dump_.directory_table_base = builder_.root();
    dump_.ps_loaded_module_list = kHead;
    kernel_.emplace(dump_);
  }
  Kernel& kernel() { return *kernel_; }
  std::uint64_t session_root() const { return session_root_; }

 private:
  void put_links(std::uint64_t entry, std::uint64_t before, std::uint64_t after) {
    builder_.write_pointer(entry, after);
    builder_.write_pointer(entry + 8, before);
  }
  void put_entry(std::uint64_t entry, std::uint64_t before, std::uint64_t after,
                 std::uint64_t base) {
    put_links(entry, before, after);
    builder_.write_pointer(entry + 0x30, base);
    builder_.write(entry + 0x40, KernelBuilder::image_size);
  }

  KernelBuilder builder_{memory::Paging::x64};
  std::uint64_t session_root_ = 0;
  dump::Dump dump_;
  std::optional<Kernel> kernel_;
};

TEST(SessionSpace, IsThatOfTheFirstProcessThatMapsAnImageInIt) {
  Machine machine;
  Kernel& kernel = machine.kernel();
  ASSERT_EQ(kernel.modules().size(), 2u);
  EXPECT_FALSE(kernel.memory().get<std::uint16_t>(kWin32k));
  const std::uint64_t roots[] = {0x7fffff000, kernel.page_tables()->root(), machine.session_root()};
  kernel.find_session_space(roots);
  EXPECT_EQ(kernel.memory().get<std::uint16_t>(kWin32k), 0x5a4d);
  EXPECT_FALSE(kernel.modules()[0].in_session_space);
  EXPECT_TRUE(kernel.modules()[1].in_session_space);
}

TEST(SessionSpace, IsLeftOutWhereNoProcessMapsIt) {
  Machine machine;
  Kernel& kernel = machine.kernel();
  const std::uint64_t roots[] = {kernel.page_tables()->root()};
  kernel.find_session_space(roots);
  EXPECT_FALSE(kernel.memory().get<std::uint16_t>(kWin32k));
  EXPECT_FALSE(kernel.modules().at(1).in_session_space);
}

// Its header can't be read when the list is: the list's own entry has the key of its file.
TEST(SessionSpace, AnImageInItHasTheTimestampOfTheList) {
  Machine machine;
  EXPECT_EQ(machine.kernel().modules().at(1).timestamp, 0x5a0b1c2du);
  EXPECT_EQ(machine.kernel().modules().at(0).timestamp, 0x12345678u);
}

}  // namespace
}  // namespace ntstack::target
