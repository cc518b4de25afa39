// Seed 3's story on x64 and ARM64: from where its listing begins, every frame is the shadow
// stack's, by unwind data alone, and the account is its sums to the byte.
#include <gtest/gtest.h>

#include <map>

#include "analysis/seed3_listing.h"
#include "analysis/stack_account.h"
#include "stackhog/opened.h"
#include "stacks/frame_names.h"
#include "stacks/walker.h"

namespace ntstack::world {
namespace {

struct Case {
  const char* name;
  StackHog (*build)(const std::filesystem::path&);
  StackHogDump kind;
};

class WideStackHog : public testing::TestWithParam<Case> {
 protected:
  static const StackHog& hog() {
    static std::map<std::string, StackHog> built;
    const auto [found, is_new] = built.try_emplace(architecture());
    if (is_new) found->second = GetParam().build(stackhog_modules() / architecture());
    return found->second;
  }
  static std::string architecture() {
    const std::string name = GetParam().name;
    return name.substr(0, name.find('_'));
  }
  static std::span<const TruthFrame> frames() {
    return std::span(hog().thread().frames).subspan(hog().first_listed);
  }
};

std::uint64_t trap_size(base::Architecture architecture) {
  return architecture == base::Architecture::arm64 ? 0x150 : 0x190;
}

// From the listing's first call on, as `k = StackPtr InstructionPtr` would.
stacks::Stack walk_from_first(OpenedHog& opened, const TruthFrame& first) {
  const target::Machine& machine = opened.session().machine();
  const auto architecture = machine.dump().architecture;
  stacks::Walk walk(architecture, opened.thread().segments, {});
  walk.stack.thread = &opened.thread();
  walk.push(stacks::registers_at(architecture, first.ip, first.child_sp, first.frame_pointer),
            unwind::Trust::context, true);
  stacks::Stepper stepper({architecture, machine.kernel().build(), &machine.memory(),
                           &opened.session().symbolizer(), true});
  stepper.run(walk);
  stacks::name_frames(walk.stack.frames, opened.session().symbolizer());
  return std::move(walk.stack);
}

TEST_P(WideStackHog, TheWalkIsTheShadowStack) {
  OpenedHog opened(hog(), GetParam().kind, architecture(), Images::all);
  const stacks::Stack stack = walk_from_first(opened, frames()[0]);
  ASSERT_EQ(stack.frames.size(), frames().size() + 1);  // and user mode's
  EXPECT_EQ(stack.end, stacks::End::user_mode);
  for (std::size_t i = 0; i < frames().size(); i++) {
    EXPECT_EQ(stack.frames[i].ip, frames()[i].ip) << i;
    EXPECT_EQ(stack.frames[i].child_sp, frames()[i].child_sp) << i;
    EXPECT_NE(stack.frames[i].trust, unwind::Trust::scan) << i;
  }
  // The same calls as on x86, but that a system call and a fault have frames of their own.
  EXPECT_EQ(frames().size(), std::size(analysis::kListing));
}

TEST_P(WideStackHog, TheAccountIsTheShadowStacksToTheByte) {
  OpenedHog opened(hog(), GetParam().kind, architecture(), Images::all);
  const auto kind = opened.session().machine().dump().architecture;
  const stacks::Stack stack = walk_from_first(opened, frames()[0]);
  const analysis::StackAccount account = analysis::account_of(stack, kind);
  std::map<std::string, std::uint64_t> right;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < frames().size(); i++) {
    const std::uint64_t end = i + 1 < frames().size() ? frames()[i + 1].child_sp
                                                      : frames()[i].trap_frame + trap_size(kind);
    const std::string name = name_of_address(hog().world->images(), frames()[i].ip);
    right[name.substr(0, name.find_first_of("!+"))] += end - frames()[i].child_sp;
    total += end - frames()[i].child_sp;
  }
  std::map<std::string, std::uint64_t> found;
  for (const analysis::Share& share : account.modules) found[share.module] = share.bytes;
  EXPECT_EQ(found, right);
  EXPECT_EQ(account.counted, total);
  EXPECT_EQ(account.size, 0x6000u);
}

TEST_P(WideStackHog, TheStackEndedBelowItsLimit) {
  const auto& stopped = hog().thread().frames[hog().first_listed - 2];
  EXPECT_LT(stopped.child_sp, hog().thread().segments.back().limit);
  EXPECT_EQ(hog().crash.bugcheck, 0x7fu);
  EXPECT_EQ(hog().crash.parameters[0], 8u);
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, WideStackHog,
    testing::Values(Case{"x64_full", build_stackhog_x64, StackHogDump::full},
                    Case{"x64_kernel", build_stackhog_x64, StackHogDump::kernel},
                    Case{"x64_triage", build_stackhog_x64, StackHogDump::triage},
                    Case{"arm64_full", build_stackhog_arm64, StackHogDump::full},
                    Case{"arm64_kernel", build_stackhog_arm64, StackHogDump::kernel},
                    Case{"arm64_triage", build_stackhog_arm64, StackHogDump::triage}),
    [](const auto& each) { return std::string(each.param.name); });

// Frame records then tell who called whom, and not how large the hogs' frames are.
TEST(Arm64StackHog, WithoutTheHogsImagesTheChainOfFrameRecordsHasEveryCall) {
  const StackHog hog = build_stackhog_arm64(stackhog_modules() / "arm64");
  OpenedHog opened(hog, StackHogDump::triage, "arm64", Images::microsofts);
  const auto frames = std::span(hog.thread().frames).subspan(hog.first_listed);
  const stacks::Stack stack = walk_from_first(opened, frames[0]);
  ASSERT_EQ(stack.frames.size(), frames.size() + 1);
  std::size_t bounds = 0;
  for (std::size_t i = 0; i < frames.size(); i++) {
    EXPECT_EQ(stack.frames[i].ip, frames[i].ip) << i;
    EXPECT_NE(stack.frames[i].trust, unwind::Trust::scan) << i;
    bounds += stack.frames[i].child_sp_is_bound;
    if (stack.frames[i].child_sp_is_bound) {
      EXPECT_LE(stack.frames[i].child_sp, frames[i].child_sp) << i;
    } else {
      EXPECT_EQ(stack.frames[i].child_sp, frames[i].child_sp) << i;
    }
  }
  EXPECT_GT(bounds, 0u);
}

}  // namespace
}  // namespace ntstack::world
