// Signatures: the same wherever images lie. That others can recompute them is shown by
// tests/analyze with Python's hashlib.
#include "analysis/signature.h"

#include <gtest/gtest.h>

#include "base/sha256.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using unwind::Trust;

Frame frame(std::uint64_t base, std::string module, std::string name, std::uint64_t offset,
            Trust trust = Trust::unwind_info) {
  Frame made;
  made.ip = base + offset;
  made.trust = trust;
  made.symbol.module = std::move(module);
  made.symbol.name = std::move(name);
  made.symbol.offset = offset;
  return made;
}

stacks::Stack at(std::uint64_t base) {
  stacks::Stack stack;
  stack.frames = {frame(base, "nt", "KeBugCheckEx", 0x10), frame(base, "MyDrv", "Read", 0x44),
                  frame(base, "other", "", 0x1234), frame(base, "nt", "NtReadFile", 0x200)};
  for (std::size_t i = 0; i < stack.frames.size(); ++i)
    stack.frames[i].child_sp = base + 0x1000 * i;
  return stack;
}

TEST(Signature, IsTheSameWhereverImagesAndStacksLie) {
  const Signature one = signature_of("bugcheck 0xd1", at(0xfffff80010000000), false);
  const Signature two = signature_of("bugcheck 0xd1", at(0xfffff801c0de0000), false);
  EXPECT_EQ(one.hash, two.hash);
  EXPECT_EQ(one.lines, (std::vector<std::string>{"bugcheck 0xd1", "mydrv!Read", "other+0x1234",
                                                 "nt!NtReadFile"}));
  EXPECT_EQ(one.nameless, 1u);
  EXPECT_EQ(one.frames, 3u);
}

TEST(Signature, IsOfTheLinesAsTheyAreWritten) {
  const Signature one = signature_of("bugcheck 0xd1", at(0), false);
  EXPECT_EQ(
      one.hash,
      base::sha256_text("bugcheck 0xd1\nmydrv!Read\nother+0x1234\nnt!NtReadFile\n").substr(0, 16));
}

TEST(Signature, AnotherFunctionOrBugcheckMakesAnother) {
  const std::string one = signature_of("bugcheck 0xd1", at(0), false).hash;
  stacks::Stack other = at(0);
  other.frames[1].symbol.name = "Write";
  EXPECT_NE(one, signature_of("bugcheck 0xd1", other, false).hash);
  EXPECT_NE(one, signature_of("bugcheck 0xa", at(0), false).hash);
}

TEST(Signature, OffsetsInAFunctionGuessesInlinedAndUserFramesDoNotCount) {
  const std::string one = signature_of("bugcheck 0xd1", at(0), false).hash;
  stacks::Stack other = at(0);
  other.frames[1].symbol.offset = 0x60;
  other.frames.insert(other.frames.begin() + 2, frame(0, "guess", "Old", 1, Trust::scan));
  other.frames.insert(other.frames.begin() + 1, frame(0, "MyDrv", "Inlined", 1));
  other.frames[1].is_inline = true;
  other.frames.push_back(frame(0, "program", "main", 1));
  other.frames.back().is_user = true;
  EXPECT_EQ(one, signature_of("bugcheck 0xd1", other, false).hash);
}

TEST(Signature, WhoWasInterruptedDoesNotCount) {
  stacks::Stack stack = at(0);
  const std::string one = signature_of("bugcheck 0xd1", stack, false).hash;
  stack.frames.push_back(frame(0, "nt", "KiDpcInterrupt", 1));
  stack.frames.back().trap_frame = 0xfffff80000001000;
  stack.frames.push_back(frame(0, "anybody", "Read", 1));
  EXPECT_EQ(one, signature_of("bugcheck 0xd1", stack, false).hash);
}

TEST(Signature, AStackOfGuessesAloneSaysSo) {
  stacks::Stack stack = at(0);
  for (Frame& each : stack.frames) each.trust = Trust::scan;
  const Signature found = signature_of("bugcheck 0xd1", stack, false);
  EXPECT_TRUE(found.has_guesses);
  EXPECT_EQ(found.frames, 3u);
}

TEST(Signature, ADeepStackCountsWithItsYoungestFrames) {
  stacks::Stack stack;
  for (int i = 0; i < 1000; ++i) stack.frames.push_back(frame(0, "deep", "Again", 1));
  EXPECT_EQ(signature_of("no crash", stack, false).frames, kMostSignatureFrames);
}

}  // namespace
}  // namespace ntstack::analysis
