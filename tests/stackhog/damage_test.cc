// A few damaged stacks of every kind and architecture (bench/damage_rate.cc tries thousands): what
// is not damaged is found, as far as today's walks do, and nothing is invented as a fact.
#include "stackhog/damage.h"

#include <gtest/gtest.h>

namespace ntstack::world {
namespace {

struct Case {
  const char* architecture;
  StackHog (*build)(const std::filesystem::path&);
};

class DamagedStacks : public testing::TestWithParam<Case> {};

TEST_P(DamagedStacks, NothingIsInventedAsAFact) {
  const StackHog hog = GetParam().build(stackhog_modules() / GetParam().architecture);
  DamageRig rig(hog, GetParam().architecture, StackHogDump::kernel, Images::none);
  for (const Damage damage : all_damage) {
    Recovery all;
    for (std::uint64_t seed = 0; seed < 4; seed++) {
      all += rig.run(damage, seed);
      // Old return addresses where unwind data has one can't be told from the right ones yet.
      if (damage == Damage::top_old_contents) continue;
      for (const std::string& line : rig.inventions())
        ADD_FAILURE() << name_of(damage) << " " << seed << ": " << line;
    }
    EXPECT_GT(all.reachable, 50u) << name_of(damage);
    EXPECT_LE(all.recovered, all.reachable);
  }
}

// The same damage twice gives the same answer: the dump was put back in between.
TEST_P(DamagedStacks, DamageIsTakenBack) {
  const StackHog hog = GetParam().build(stackhog_modules() / GetParam().architecture);
  DamageRig rig(hog, GetParam().architecture, StackHogDump::kernel, Images::none);
  const Recovery before = rig.run(Damage::none, 0);
  for (const Damage damage : all_damage) rig.run(damage, 3);
  const Recovery after = rig.run(Damage::none, 0);
  EXPECT_EQ(before.reachable, after.reachable);
  EXPECT_EQ(before.recovered, after.recovered);
}

INSTANTIATE_TEST_SUITE_P(Architectures, DamagedStacks,
                         testing::Values(Case{"x86", build_stackhog_x86},
                                         Case{"x64", build_stackhog_x64},
                                         Case{"arm64", build_stackhog_arm64}),
                         [](const auto& each) { return std::string(each.param.architecture); });

}  // namespace
}  // namespace ntstack::world
