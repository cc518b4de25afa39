// Seed 3's own machine (x86): it is what the seed shows, and ntstack shows of it what the seed's
// debugger did. The truth is the seed's listing (src/analysis/seed3_listing.h) and the emulator's
// shadow stack, which knows nothing of the listing.
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "analysis/seed3_listing.h"
#include "analysis/stack_account.h"
#include "analysis/stack_verdict.h"
#include "app/session.h"
#include "stackhog/story.h"
#include "stacks/frame_names.h"
#include "stacks/trap_frame.h"
#include "stacks/walker.h"
#include "test_files.h"
#include "tool.h"
#include "world_x86/kernel.h"

namespace ntstack::world {
namespace {

using analysis::kListing;
using analysis::ListedFrame;

constexpr std::size_t listed = std::size(kListing);

std::filesystem::path modules() {
  return tests::binary_dir() / "tests" / "stackhog" / "modules" / "x86";
}

const StackHog& hog() {
  static const StackHog built = build_stackhog_x86(modules());
  return built;
}

// The listing's frames of the shadow stack.
std::span<const TruthFrame> frames() {
  return std::span(hog().thread().frames).subspan(hog().first_listed);
}

std::uint32_t word(std::uint32_t address) {
  return hog().world->memory().get<std::uint32_t>(address);
}

// Where the processor found a trap, the listing gives the trap's bytes to the function that was
// interrupted; the frame that handles it has the ChildEBP of the one above, and 0 bytes.
bool is_trap(const ListedFrame& row, const ListedFrame& above) {
  return row.child_ebp == above.child_ebp;
}

TEST(Seed3World, EveryFrameHasTheListingsReturnAddressAndChildEbp) {
  ASSERT_EQ(listed, 117u);
  ASSERT_EQ(frames().size(), listed);
  for (std::size_t i = 0; i < listed; i++) {
    SCOPED_TRACE(kListing[i].site);
    const TruthFrame& frame = frames()[i];
    const bool is_last = i + 1 == listed;
    EXPECT_EQ(frame.return_address, is_last ? 0x7c8285ecu : frames()[i + 1].ip);
    if (i == 0 || !is_trap(kListing[i], kListing[i - 1])) {
      EXPECT_EQ(frame.return_slot - 4, kListing[i].child_ebp);
    } else {
      EXPECT_TRUE(frame.machine_frame);
    }
    // What the call left is what the listing's memory has there.
    EXPECT_EQ(word(static_cast<std::uint32_t>(frame.return_slot)), frame.return_address);
  }
  EXPECT_EQ(hog().thread().user_rip, 0x7c8285ecu);
  EXPECT_EQ(frames().back().trap_frame, 0xb8ae8d64u);
}

TEST(Seed3World, FramesAreAsLargeAsTheListingSays) {
  for (std::size_t i = 1; i + 1 < listed; i++) {
    std::uint64_t bytes = frames()[i + 1].child_sp - frames()[i].child_sp;
    if (is_trap(kListing[i], kListing[i - 1])) continue;
    if (is_trap(kListing[i - 1], kListing[i - 2 + (i == 1)]) && i > 1)
      bytes = frames()[i + 1].child_sp - frames()[i - 1].child_sp;
    EXPECT_EQ(bytes, kListing[i].bytes) << kListing[i].site;
  }
}

// As the seed shows them, from b8ae60ec on.
TEST(Seed3World, TheStacksWordsAreTheSeeds) {
  constexpr std::uint32_t shown[] = {0xb8ae6100, 0x8081df65, 0x8763f718, 0x87758bd8, 0x8b4abb00,
                                     0xb8ae6128, 0xf7a2ec45, 0x8b4abb00, 0x87758bd8, 0x00000000,
                                     0x89751350, 0x00000080, 0x00000000, 0xb8ae6130, 0x8084cff9,
                                     0xb8ae613c, 0x8081df65, 0x8765b6a8, 0x87758bd8, 0x89751350,
                                     0xb8ae6144, 0xb958e196, 0xb8ae61c4, 0xb958f4bc};
  for (std::uint32_t i = 0; i < std::size(shown); i++)
    EXPECT_EQ(word(0xb8ae60ec + 4 * i), shown[i]) << std::hex << 0xb8ae60ec + 4 * i;
}

// `ub b958ecdf L1`, `dps b9596090 L1`, `uf b8d8c0d0`.
TEST(Seed3World, TheCallOfTheLargestFrameIsTheSeeds) {
  const GuestMemory& memory = hog().world->memory();
  const std::vector<std::uint8_t> call{0xff, 0x15, 0x90, 0x60, 0x59, 0xb9};
  EXPECT_EQ(memory.read(0xb958ecd9, 6), call);
  EXPECT_EQ(word(0xb9596090), 0xb8d8c0d0u);
  const std::vector<std::uint8_t> prologue{0x55, 0x8b, 0xec, 0x6a, 0xff, 0x68, 0x40, 0xe2, 0xd9,
                                           0xb8, 0x68, 0x08, 0xb2, 0xd9, 0xb8, 0x64, 0xa1, 0,
                                           0,    0,    0,    0x50, 0x64, 0x89, 0x25, 0,    0,
                                           0,    0,    0x81, 0xc4, 0x70, 0xfd, 0xff, 0xff};
  EXPECT_EQ(memory.read(0xb8d8c0d0, prologue.size()), prologue);
}

TEST(Seed3World, TheDoubleFaultLeftTheThreadBelowItsLimit) {
  const std::uint32_t tss = word(static_cast<std::uint32_t>(hog().world->pcr(3)) + 0x40);
  const auto& stopped = hog().thread().frames[hog().first_listed - 2];
  EXPECT_EQ(word(tss + 0x20), stopped.ip);
  EXPECT_EQ(word(tss + 0x38), stopped.child_sp);
  EXPECT_LT(word(tss + 0x38), 0xb8ae6000u);
  EXPECT_EQ(hog().crash.crashed, 3u);
  EXPECT_EQ(hog().crash.threads.size(), 4u);
  EXPECT_EQ(hog().world->process(), 0x874c6800u);
}

// A dump of it, opened.
class Seed3Dump : public testing::TestWithParam<StackHogDump> {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_.path() / "symbols");
    for (const char* name :
         {"ntkrpamp.pdb", "fltMgr.pdb", "ntfs.pdb", "ntoskrnl.exe", "fltmgr.sys", "Ntfs.sys"})
      std::filesystem::copy_file(modules() / name, folder_.path() / "symbols" / name);
    write_stackhog(hog(), GetParam(), folder_.path() / "seed3.dmp");
    app::DumpOptions options;
    options.dump = (folder_.path() / "seed3.dmp").string();
    options.symbol_path = (folder_.path() / "symbols").string();
    auto session = app::Session::open(options);
    ASSERT_TRUE(session) << session.error().text();
    session_.emplace(std::move(*session));
  }

  const target::Thread& thread() {
    const target::Machine& machine = session_->machine();
    return *machine.thread_at(machine.processors().at(3).current_thread);
  }

  // `kf=b8ae6100 b8ae60ec 8081df65`.
  stacks::Stack kf() {
    const target::Machine& machine = session_->machine();
    // What begins the stack is known: the system call's trap frame, below InitialStack.
    const std::uint64_t first = 0xb8ae8d64;
    const auto entered = stacks::read_trap_frame(machine.memory(), first, base::Architecture::x86,
                                                 machine.kernel().build());
    if (!entered) throw std::runtime_error("no trap frame");
    stacks::Walk walk(
        base::Architecture::x86, thread().segments,
        {{first, entered->registers, unwind::Trust::trap_frame, first, entered->from_user, false}});
    walk.stack.thread = &thread();
    unwind::x86::Registers start;
    start.eip = 0x8081df65;
    start.gpr[unwind::x86::esp] = 0xb8ae60ec;
    start.gpr[unwind::x86::ebp] = 0xb8ae6100;
    start.known = 1u << unwind::x86::ebp;
    walk.push(start, unwind::Trust::context, true);
    stacks::Stepper stepper({base::Architecture::x86, machine.kernel().build(), &machine.memory(),
                             &session_->symbolizer(), true});
    stepper.run(walk);
    stacks::name_frames(walk.stack.frames, session_->symbolizer());
    return std::move(walk.stack);
  }

  tests::TemporaryFolder folder_;
  std::optional<app::Session> session_;
};

std::string site_of(const stacks::Frame& frame) {
  const symbols::Symbol& symbol = frame.symbol;
  return symbol.module + (symbol.name.empty() ? "" : "!" + symbol.name) +
         fmt::format("+{:#x}", symbol.offset);
}

// Names that the seed's PDB gave through a map of moved code: the function begins nearer here.
std::string_view site_here(std::string_view site) {
  const std::map<std::string_view, std::string_view> moved = {
      {"Ntfs!NtfsNonCachedIo+0x1ee", "Ntfs!NtfsNonCachedIo+0x19c"},
      {"Ntfs!NtfsCommonRead+0xaf5", "Ntfs!NtfsCommonRead+0xc6"},
      {"Ntfs!NtfsUpdateDuplicateInfo+0x2b0", "Ntfs!NtfsUpdateDuplicateInfo+0x186"},
      {"Ntfs!NtfsCommonCleanup+0x1e82", "Ntfs!NtfsCommonCleanup+0x126"}};
  const auto found = moved.find(site);
  return found == moved.end() ? site : found->second;
}

// Frames of functions that only another one's export stands before may be guesses that came out
// right: what they are, is compared; the trust is not.
TEST_P(Seed3Dump, TheWalkFromTheSeedsRegistersIsTheSeedsListing) {
  const stacks::Stack stack = kf();
  ASSERT_EQ(stack.frames.size(), listed + 1);  // and user mode's
  EXPECT_EQ(stack.frames.back().ip, 0x7c8285ecu);
  EXPECT_EQ(stack.end, stacks::End::user_mode);
  for (std::size_t i = 0; i < listed; i++) {
    SCOPED_TRACE(kListing[i].site);
    const stacks::Frame& frame = stack.frames[i];
    EXPECT_EQ(frame.ip, frames()[i].ip);
    EXPECT_EQ(frame.return_address, frames()[i].return_address);
    const bool names_are_there = frame.symbol.module == "nt" || frame.symbol.module == "fltmgr" ||
                                 frame.symbol.module == "Ntfs" ||
                                 GetParam() != StackHogDump::triage;
    if (names_are_there) {
      EXPECT_EQ(site_of(frame), site_here(kListing[i].site));
    }
    if (i == 0) continue;  // the seed's stack pointer is not the call's
    EXPECT_EQ(frame.child_sp, frames()[i].child_sp);
    // Of a frame that handles a trap, ntstack shows the trap frame, which EBP points to.
    EXPECT_EQ(frame.child_ebp,
              frames()[i].machine_frame ? frames()[i].trap_frame : kListing[i].child_ebp);
    EXPECT_EQ(frame.frame_bytes,
              (i + 1 < listed ? frames()[i + 1].child_sp : frames()[i].trap_frame + 0x8c) -
                  frame.child_sp);
  }
}

TEST_P(Seed3Dump, TheAccountIsTheShadowStacksToTheByte) {
  const stacks::Stack stack = kf();
  const analysis::StackAccount account = analysis::account_of(stack, base::Architecture::x86);
  std::map<std::string, std::uint64_t> right;
  for (std::size_t i = 1; i < listed; i++) {
    const std::uint64_t end =
        i + 1 < listed ? frames()[i + 1].child_sp : frames()[i].trap_frame + 0x8c;
    const std::string_view site = kListing[i].site;
    right[std::string(site.substr(0, site.find_first_of("!+")))] += end - frames()[i].child_sp;
  }
  right["nt"] += frames()[1].child_sp - 0xb8ae60ec;  // the first line's, as the seed begins
  std::map<std::string, std::uint64_t> found;
  for (const analysis::Share& share : account.modules) found[share.module] = share.bytes;
  EXPECT_EQ(found, right);
  std::uint64_t product = 0;
  for (const char* name : {"BabyHog", "BossHog", "BossHog01", "MamaHog", "daddyHog"})
    product += right[name];
  // The seed's author, who summed by hand and left four frames out, came to 4176.
  EXPECT_EQ(product, 4496u);
  EXPECT_EQ(analysis::verdict_of(account).bytes, 4496u);
}

std::string name_of_dump(const testing::TestParamInfo<StackHogDump>& each) {
  constexpr const char* kinds[] = {"full", "kernel", "triage"};
  return kinds[static_cast<int>(each.param)];
}

INSTANTIATE_TEST_SUITE_P(Containers, Seed3Dump,
                         testing::Values(StackHogDump::full, StackHogDump::kernel,
                                         StackHogDump::triage),
                         name_of_dump);

}  // namespace
}  // namespace ntstack::world
