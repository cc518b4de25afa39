// Stacks as kf and its like list them. Truth: seed 3's own listing, its columns and its warning,
// and WinDbg's documentation of kv.
#include "console/stack_listing.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "analysis/seed3_listing.h"
#include "console/frame_notes.h"
#include "dump/dump_samples.h"

namespace ntstack::console {
namespace {

// "nt!IofCallDriver+0x45", "BabyHog+0x1196"
symbols::Symbol symbol_of(const std::string& site) {
  symbols::Symbol symbol;
  const std::size_t plus = site.rfind('+'), bang = site.find('!');
  symbol.module = site.substr(0, std::min(bang, plus));
  if (bang != std::string::npos) symbol.name = site.substr(bang + 1, plus - bang - 1);
  symbol.offset = std::strtoull(site.c_str() + plus + 1, nullptr, 16);
  // Of the product's drivers there were exports alone.
  symbol.is_export = !symbol.name.empty() && site.find("Hog") != std::string::npos;
  return symbol;
}

stacks::Stack seed_stack() {
  stacks::Stack stack;
  for (const analysis::ListedFrame& listed : analysis::kListing) {
    stacks::Frame frame;
    frame.ip = 0x80800000;
    frame.child_ebp = frame.child_sp = listed.child_ebp;
    frame.return_address = 0x80800000;
    frame.trust = unwind::Trust::frame_pointer;
    frame.symbol = symbol_of(listed.site);
    stack.frames.push_back(frame);
  }
  stack.end = stacks::End::base;
  return stack;
}

class ListingTest : public testing::Test {
 protected:
  std::string list(const StackColumns& columns, std::uint64_t most) {
    return listing_text(list_stack(*console_, stack_, columns, most), columns,
                        base::Architecture::x86);
  }
  void SetUp() override {
    file_ = dump::building::triage_sample(false, 0x14c, dump::building::TriageWriter::kernel);
    auto dump = dump::parse(base::Bytes(std::span<const std::byte>(file_)));
    ASSERT_TRUE(dump);
    dump_ = std::make_unique<dump::Dump>(std::move(*dump));
    kernel_.emplace(*dump_);
    machine_.emplace(*kernel_);
    symbolizer_.emplace(std::vector<symbols::ModuleKey>{}, symbols::Places{});
    walker_.emplace(*machine_, *symbolizer_);
    console_.emplace(Target{&*machine_, &*symbolizer_, &*walker_},
                     [this](std::string_view text) { written_ += text; });
  }

  std::vector<std::byte> file_;
  std::unique_ptr<dump::Dump> dump_;
  std::optional<target::Kernel> kernel_;
  std::optional<target::Machine> machine_;
  std::optional<symbols::Symbolizer> symbolizer_;
  std::optional<stacks::Walker> walker_;
  std::optional<Console> console_;
  std::string written_;
  stacks::Stack stack_ = seed_stack();
};

TEST_F(ListingTest, KfShowsTheSeedsBytesAndWarnsWhereTheSeedDoes) {
  StackColumns columns;
  columns.bytes = true;
  std::istringstream lines(list(columns, 0x200));
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  EXPECT_EQ(line, "  Memory  ChildEBP RetAddr");
  std::size_t i = 0;
  for (const analysis::ListedFrame& listed : analysis::kListing) {
    ASSERT_TRUE(std::getline(lines, line));
    if (i == 3) {
      EXPECT_EQ(line,
                "WARNING: Stack unwind information not available. Following frames may be wrong.");
      ASSERT_TRUE(std::getline(lines, line));
    }
    const std::string bytes = i == 0 ? std::string(9, ' ') : fmt::format("{:>9x}", listed.bytes);
    EXPECT_EQ(line, fmt::format("{} {:08x} 80800000 {}", bytes, listed.child_ebp, listed.site));
    ++i;
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(ListingTest, ACountCutsAndNumbersAreHexadecimal) {
  StackColumns columns;
  columns.numbers = true;
  const std::string text = list(columns, 0x11);
  EXPECT_NE(text.find("\n10 b8ae64b0 80800000 nt!MmAccessFault+0x89e\n"), std::string::npos);
  EXPECT_EQ(text.find("\n11 "), std::string::npos);
}

TEST_F(ListingTest, NamesAloneAreShownWhereAskedFor) {
  StackColumns columns;
  columns.only_names = true;
  EXPECT_EQ(list(columns, 2), "Call Site\nnt!IofCallDriver\nfltmgr!FltpDispatch\n");
}

TEST_F(ListingTest, CommandsAnswerOverASmallDump) {
  console_->run("3: kd> .kframes 200; ? 0x8+0x80");
  EXPECT_EQ(written_,
            "Default stack trace depth is 0n512 frames\nEvaluate expression: 136 = 00000088\n");
  written_.clear();
  console_->run("kk");
  EXPECT_NE(written_.find("No command is called 'kk'"), std::string::npos);
}

TEST(FrameNotes, AreWordedAsTheDocumentationHasThem) {
  FrameRecord record;
  EXPECT_EQ(frame_note(record), "");
  record.has_frame_data = true;
  EXPECT_EQ(frame_note(record), " (FPO: [Non-Fpo])");
  pdb::FpoRecord fpo;
  fpo.params_size = 8;
  fpo.saved_registers = 4;
  record.fpo = fpo;
  EXPECT_EQ(frame_note(record), " (FPO: [2,0,4])");
  record.trap_frame = 0xb8ae64b0;
  EXPECT_EQ(frame_note(record), " (FPO: [2,0] TrapFrame @ b8ae64b0)");
  record.fpo.reset();
  record.has_frame_data = false;
  EXPECT_EQ(frame_note(record), " (TrapFrame @ b8ae64b0)");
  record.decorated_name = "_NtClose@4";
  EXPECT_EQ(frame_note(record), " (TrapFrame @ b8ae64b0) (CONV: stdcall)");
}

TEST(FrameNotes, ConventionsAreReadFromDecoratedNames) {
  EXPECT_EQ(calling_convention_of("_NtClose@4"), "stdcall");
  EXPECT_EQ(calling_convention_of("@IofCallDriver@8"), "fastcall");
  EXPECT_EQ(calling_convention_of("_DbgPrint"), "cdecl");
  EXPECT_EQ(calling_convention_of("?f@@YGXXZ"), "stdcall");
  EXPECT_EQ(calling_convention_of("?f@C@@YAXXZ"), "cdecl");
  EXPECT_EQ(calling_convention_of("?f@C@@QAEXXZ"), "");  // a member: not read
  EXPECT_EQ(calling_convention_of("plain"), "");
  EXPECT_EQ(calling_convention_of("@"), "");
}

}  // namespace
}  // namespace ntstack::console
