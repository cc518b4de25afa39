// The user half of processes in a machine's memory that is laid out here by hand: page tables and
// the loader's list as public descriptions have them. The truth is ours.
#include "console/user_half.h"

#include <gtest/gtest.h>

#include "console/console.h"
#include "console/user_symbols.h"
#include "user_process.h"

namespace ntstack::console {
namespace {

constexpr std::uint64_t kPeb = 0x7ff6a000, kLoader = 0x350000, kImage = 0x140000000,
                        kImageSize = 0x5000, kData = 0x20000, kKernelData = 0xfffff80000010000;

using tests::PhysicalMemory;

// PEB.Ldr's list of one image (LDR_DATA_TABLE_ENTRY).
void put_loader_list(PhysicalMemory& memory, std::uint64_t root) {
  constexpr std::uint64_t head = kLoader + 0x10, entry = kLoader + 0x100, name = kLoader + 0x200;
  constexpr std::u16string_view text = u"C:\\app.exe";
  memory.put(root, kPeb + 0x18, kLoader);
  memory.put(root, head, entry);
  memory.put(root, head + 8, entry);
  memory.put(root, entry, head);
  memory.put(root, entry + 8, head);
  memory.put(root, entry + 0x30, kImage);
  memory.put(root, entry + 0x40, static_cast<std::uint32_t>(kImageSize));
  memory.put(root, entry + 0x48, static_cast<std::uint16_t>(2 * text.size()));
  memory.put(root, entry + 0x4a, static_cast<std::uint16_t>(2 * text.size()));
  memory.put(root, entry + 0x50, name);
  for (std::size_t i = 0; i < text.size(); ++i)
    memory.put(root, name + 2 * i, static_cast<std::uint16_t>(text[i]));
}

class UserHalfTest : public testing::Test {
 protected:
  UserHalfTest() {
    const std::uint64_t kernel_root = memory_.new_page();
    memory_.put(kernel_root, kKernelData, std::uint64_t{0x1111});
    for (std::size_t i = 0; i < 2; ++i) {
      const std::uint64_t root = memory_.new_page();
      memory_.share(kernel_root, root, kKernelData);
      memory_.put(root, kData, std::uint64_t{0x2222 + i});
      memory_.put(root, kPeb, std::uint64_t{0});
      processes_[i].address = 0xffff800000001000 + 0x1000 * i;
      processes_[i].directory_table_base = root;
      processes_[i].peb = kPeb;
      processes_[i].name = i == 0 ? "app.exe" : "other.exe";
    }
    put_loader_list(memory_, *processes_[0].directory_table_base);
    dump_ = memory_.dump_of(kernel_root);
    kernel_.emplace(dump_);
    machine_.emplace(*kernel_);
    symbolizer_.emplace(std::vector<symbols::ModuleKey>{}, symbols::Places{});
    walker_.emplace(*machine_, *symbolizer_);
    const Target target{&*machine_, &*symbolizer_, &*walker_, tests::symbolizer_of, "MEMORY.DMP"};
    console_.emplace(target, [this](std::string_view text) { text_ += text; });
    // The machine that is found then lists no processes.
    console_->reopen = [target](const SymbolPaths&) { return base::Result<Target>(target); };
    console_->context.process = &processes_[0];
  }

  std::string answer(std::string_view line) {
    text_.clear();
    console_->run(line);
    return text_;
  }

  PhysicalMemory memory_;
  target::Process processes_[2];
  dump::Dump dump_;
  std::optional<target::Kernel> kernel_;
  std::optional<target::Machine> machine_;
  std::optional<symbols::Symbolizer> symbolizer_;
  std::optional<stacks::Walker> walker_;
  std::string text_;
  std::optional<Console> console_;
};

TEST_F(UserHalfTest, UserAddressesAreTheImplicitProcesss) {
  EXPECT_EQ(answer("? poi(20000)"), "Evaluate expression: 8738 = 00000000`00002222\n");
  EXPECT_EQ(answer("dq 20000 L1"), "00000000`00020000  00000000`00002222\n");
  console_->context.process = &processes_[1];
  EXPECT_EQ(answer("dq 20000 L1"), "00000000`00020000  00000000`00002223\n");
}

TEST_F(UserHalfTest, KernelAddressesAreTheKernels) {
  EXPECT_EQ(answer("dq fffff800`00010000 L1"), "fffff800`00010000  00000000`00001111\n");
}

TEST_F(UserHalfTest, ModulesOfTheProcessAreSeenAfterTheyWereLookedUp) {
  EXPECT_EQ(answer("lm 1m"), "");
  text_.clear();
  ASSERT_TRUE(load_user_symbols(*console_));
  EXPECT_NE(text_.find("0 of 1 modules of app.exe have symbols"), std::string::npos) << text_;
  EXPECT_EQ(answer("lm 1m"), "app\n");
  EXPECT_EQ(answer("lm u 1m"), "app\n");
  EXPECT_EQ(answer("lm k 1m"), "");
  EXPECT_EQ(answer("ln 140001234"), "app+0x1234 (no symbol is before it)\n");
}

TEST_F(UserHalfTest, ModulesOfAnotherProcessAreNot) {
  ASSERT_TRUE(load_user_symbols(*console_));
  console_->context.process = &processes_[1];
  EXPECT_EQ(answer("lm 1m"), "");
  EXPECT_EQ(answer("ln 140001234"), "no module is at 00000001`40001234\n");
}

TEST_F(UserHalfTest, ReloadsSayWhatTheProcessLacks) {
  console_->context.process = &processes_[1];
  const auto done = load_user_symbols(*console_);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text().find("other.exe's list of modules is not in the dump"),
            std::string::npos);
  EXPECT_NE(answer(".reload /user").find("the context has no process"), std::string::npos);
}

}  // namespace
}  // namespace ntstack::console
