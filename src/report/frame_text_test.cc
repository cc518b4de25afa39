// Frames as text against a JSON library's reading of it.
#include "report/frame_text.h"

#include <gtest/gtest.h>

namespace ntstack::report {
namespace {

using nlohmann::json;

json read(FrameTexts& texts, const std::vector<stacks::Frame>& frames) {
  std::string out = "[";
  texts.append(frames, out);
  return json::parse(out + "]", nullptr, false);
}

stacks::Frame named_frame() {
  stacks::Frame frame;
  frame.ip = 0xfffff80002a01312;
  frame.child_sp = 0xfffff8801adf6d20;
  frame.return_address = 0xfffff80002a01733;
  frame.frame_bytes = 0x80;
  frame.trust = unwind::Trust::unwind_info;
  frame.symbol = {"nt", "KiSwap\"Thread\\", 0x32, false, symbols::SourceLine{"d:\\nt.c", 169}};
  return frame;
}

TEST(FrameText, IsReadAsWhatItWasMadeOf) {
  FrameTexts texts;
  const json read_back = read(texts, {named_frame()});
  const json expected = {
      {"ip", "0xfffff80002a01312"},
      {"child_sp", "0xfffff8801adf6d20"},
      {"return_address", "0xfffff80002a01733"},
      {"frame_bytes", 128},
      {"trust", "unwind_info"},
      {"trap_frame", nullptr},
      {"inline", false},
      {"symbol",
       {{"module", "nt"}, {"name", "KiSwap\"Thread\\"}, {"offset", 50}, {"from_export", false}}},
      {"source", {{"file", "d:\\nt.c"}, {"line", 169}}}};
  ASSERT_EQ(read_back.size(), 1u);
  EXPECT_EQ(read_back[0], expected);
}

TEST(FrameText, FieldsThatSomeFramesHaveAreThereOnlyInThose) {
  stacks::Frame frame;
  frame.child_sp_is_bound = frame.is_wow64 = frame.is_inline = true;
  frame.child_ebp = 0x1000;
  frame.trap_frame = 0x2000;
  FrameTexts texts;
  const json read_back = read(texts, {frame, stacks::Frame{}});
  EXPECT_EQ(read_back[0]["child_sp_is_bound"], true);
  EXPECT_EQ(read_back[0]["wow64"], true);
  EXPECT_EQ(read_back[0]["child_ebp"], "0x1000");
  EXPECT_EQ(read_back[0]["trap_frame"], "0x2000");
  EXPECT_EQ(read_back[0]["inline"], true);
  for (const char* name : {"child_sp_is_bound", "wow64", "child_ebp"})
    EXPECT_FALSE(read_back[1].contains(name)) << name;
  EXPECT_EQ(read_back[1]["symbol"], nullptr);
  EXPECT_EQ(read_back[1]["frame_bytes"], nullptr);
}

TEST(FrameText, OneAddressMayHaveSeveralNames) {
  FrameTexts texts;
  stacks::Frame first = named_frame(), inlined = named_frame(), other = named_frame();
  inlined.symbol.name = "inlined";
  other.symbol.source->line = 170;
  for (int again = 0; again < 2; ++again) {
    const json read_back = read(texts, {first, inlined, other});
    EXPECT_EQ(read_back[0]["symbol"]["name"], "KiSwap\"Thread\\");
    EXPECT_EQ(read_back[1]["symbol"]["name"], "inlined");
    EXPECT_EQ(read_back[2]["source"]["line"], 170);
  }
}

TEST(FrameText, NamesThatAreNoTextAreMadePrintable) {
  stacks::Frame frame = named_frame();
  frame.symbol.name = "bad\xff\n\x01";
  FrameTexts texts;
  EXPECT_FALSE(read(texts, {frame}).is_discarded());
}

}  // namespace
}  // namespace ntstack::report
