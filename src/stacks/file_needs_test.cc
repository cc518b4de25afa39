// Stacks by hand over modules of which no file is at hand. Truth is ours: which files a walk
// lacks is what the walker's own trust says; that stacks then come out whole is proved on the
// world's dumps, against a server (tests/symbol_server).
#include "stacks/file_needs.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ntstack::stacks {
namespace {

using unwind::Trust;

constexpr std::uint64_t kFirst = 0xfffff80010000000;
constexpr std::uint64_t kSize = 0x10000;

// 250 drivers side by side; PDB keys are known of the first 100.
class FileNeedsTest : public testing::Test {
 protected:
  FileNeedsTest() : symbolizer_(modules(), {}) {}

  static std::vector<symbols::ModuleKey> modules() {
    std::vector<symbols::ModuleKey> all(250);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].name = "driver" + std::to_string(i) + ".sys";
      all[i].base = kFirst + i * kSize;
      all[i].size = kSize;
      all[i].timestamp = 0x5f000000 + static_cast<std::uint32_t>(i);
      if (i >= 100) continue;
      all[i].pdb_guid = base::Guid{static_cast<std::uint32_t>(i), 1, 2, {}};
      all[i].pdb_age = 1;
      all[i].pdb_name = "driver" + std::to_string(i) + ".pdb";
    }
    return all;
  }

  static Frame frame(std::size_t module, Trust trust) {
    Frame frame;
    frame.ip = kFirst + module * kSize + 0x1234;
    frame.trust = trust;
    frame.is_call_site = trust != Trust::context;
    return frame;
  }

  static Stack stack(std::vector<Frame> frames, End end = End::base) {
    Stack stack;
    stack.frames = std::move(frames);
    stack.end = end;
    return stack;
  }

  std::vector<FileNeeds> needs(const std::vector<Stack>& stacks, bool up_to_first_guess = false) {
    return file_needs(
        stacks, [&](const Stack&, const Frame&) { return &symbolizer_; }, is_hopeless(),
        up_to_first_guess);
  }
  std::vector<std::string> files(const std::vector<Stack>& stacks) {
    std::vector<std::string> names;
    for (const store::Wanted& file : files_of(needs(stacks, true), is_hopeless()))
      names.push_back(store::name_of(file));
    return names;
  }
  IsHopeless is_hopeless() const {
    return [this](const store::Wanted& file) { return hopeless_.contains(store::name_of(file)); };
  }

  symbols::Symbolizer symbolizer_;
  std::set<std::string> hopeless_;
};

using Names = std::vector<std::string>;

TEST_F(FileNeedsTest, WhatIsOnNoStackIsNotWanted) {
  std::vector<Frame> frames = {frame(0, Trust::context)};
  for (std::size_t i = 1; i < 12; ++i) frames.push_back(frame(i, Trust::unwind_info));
  EXPECT_EQ(needs({stack(frames)}).size(), 12u);
  const auto wanted = files({stack(frames)});
  EXPECT_EQ(wanted.size(), 12u);  // the PDBs: what was unwound needs no image
  for (const std::string& name : wanted) EXPECT_TRUE(name.ends_with(".pdb")) << name;
}

TEST_F(FileNeedsTest, TheImageBehindWhichTheWalkGuessesComesFirst) {
  const auto one = stack({frame(1, Trust::context), frame(2, Trust::unwind_info),
                          frame(3, Trust::scan), frame(4, Trust::scan)});
  EXPECT_EQ(files({one}), (Names{"driver2.sys", "driver2.pdb", "driver1.pdb"}));
  const auto all = needs({one});
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].module.name, "driver2.sys");
  EXPECT_EQ(all[0].image, Matters::walk);
  EXPECT_EQ(all[0].pdb, Matters::names);
  EXPECT_EQ(all[0].guessed_frames, 0u);
}

TEST_F(FileNeedsTest, BehindAGuessNothingIsWantedUntilItsImageIsKnownNotToBeHad) {
  const auto one = stack({frame(1, Trust::context), frame(2, Trust::scan), frame(3, Trust::scan)});
  EXPECT_EQ(files({one}), (Names{"driver1.sys", "driver1.pdb"}));
  hopeless_ = {"driver1.sys", "driver1.pdb"};
  EXPECT_EQ(files({one}), (Names{"driver2.sys", "driver2.pdb"}));
  hopeless_.insert({"driver2.sys", "driver2.pdb"});
  EXPECT_EQ(files({one}), (Names{"driver3.pdb"}));
}

TEST_F(FileNeedsTest, WhereAStackIsLostItsLastImageIsWanted) {
  EXPECT_EQ(files({stack({frame(1, Trust::context)}, End::lost)}),
            (Names{"driver1.sys", "driver1.pdb"}));
  EXPECT_EQ(files({stack({frame(1, Trust::context)}, End::memory_missing)}),
            (Names{"driver1.pdb"}));
}

TEST_F(FileNeedsTest, AnUnknownPdbMakesItsImageWanted) {
  EXPECT_EQ(files({stack({frame(150, Trust::context), frame(151, Trust::unwind_info)})}),
            (Names{"driver150.sys", "driver151.sys"}));
  const auto all = needs({stack({frame(150, Trust::context)})});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].lacking.pdb_is_unknown);
  EXPECT_EQ(all[0].image, Matters::names);
}

TEST_F(FileNeedsTest, X86HasItsUnwindDataInThePdb) {
  auto one = stack({frame(1, Trust::context), frame(2, Trust::frame_pointer)});
  for (Frame& each : one.frames) each.child_ebp = 0x1000;
  const auto all = needs({one});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].module.name, "driver1.sys");
  EXPECT_EQ(all[0].pdb, Matters::walk);
  EXPECT_EQ(all[0].image, Matters::no);
}

TEST_F(FileNeedsTest, ChainsOfFrameRecordsAreSecondBestWhereUnwindDataIsMissing) {
  const auto all = needs({stack({frame(1, Trust::context), frame(2, Trust::frame_pointer)})});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].image, Matters::walk);
}

TEST_F(FileNeedsTest, ModulesOfMoreStacksComeFirstAndInlinedFramesAreNotCounted) {
  auto inlined = frame(2, Trust::unwind_info);
  inlined.is_inline = true;
  const auto rare = stack({frame(1, Trust::context), frame(2, Trust::unwind_info)});
  const auto often = stack({inlined, frame(2, Trust::context)});
  const auto all = needs({rare, often});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].module.name, "driver2.sys");
  EXPECT_EQ(all[0].stacks, 2u);
  EXPECT_EQ(all[0].frames, 2u);
}

TEST_F(FileNeedsTest, FramesOutsideOfAllModulesAreNobodys) {
  Frame nowhere;
  nowhere.ip = 0x1000;
  EXPECT_TRUE(needs({stack({nowhere}, End::lost)}).empty());
}

}  // namespace
}  // namespace ntstack::stacks
