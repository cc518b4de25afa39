// The addresses of handles and the control block are checked by tests/capture's stand-in; here what
// both kinds of kernel are given.
#include "capture/triage_request.h"

#include <gtest/gtest.h>

namespace ntstack::capture {
namespace {

template <class Word>
void expect_block() {
  const Handle handles[] = {0x100, 0x104, 0x108, 0x10c};
  const std::uint64_t objects[] = {0x85c01000, 0, 0x85c03000, 0x85c04000};
  const TriageRequest request{handles, objects, 7, 0, kTriageBugcheckCode};
  const auto control = control_block<Word>(request, 0x1234);
  EXPECT_EQ(control.bugcheck_code, 0x69696969u);
  EXPECT_EQ(control.process_handles, 0u);
  EXPECT_EQ(control.thread_handles, 4u);
  EXPECT_EQ(control.handles, 0x1234u);
  EXPECT_EQ(control.parameters[1], 0x85c01000u);
  EXPECT_EQ(control.parameters[2], 0u);
  EXPECT_EQ(control.parameters[3], 0x85c03000u);
  const auto tag = tag_of(control.parameters[0], sizeof(Word) == 8);
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->version, kTagVersion);
  EXPECT_EQ(tag->batch, 7u);
}

TEST(TriageRequest, TheControlBlockIsRightForKernelsOf64And32Bits) {
  expect_block<std::uint64_t>();
  expect_block<std::uint32_t>();
}

TEST(TriageRequest, ATagIsReadBackAndOnlyATagIs) {
  // N = 14, T = 20, S = 19, T, A = 1, C = 3, K = 11; version 1; batch 5.
  EXPECT_EQ(packed({1, 5}, true),
            std::uint64_t{0b01110'10100'10011'10100'00001'00011'01011} << 29 | 1u << 24 | 5u);
  EXPECT_EQ(packed({1, 5}, false), 0b01110'10100'10011u << 17 | 1u << 14 | 5u);
  EXPECT_EQ(tag_of(packed({1, 0x2000000}, true), true)->batch, 0xffffffu);
  EXPECT_EQ(tag_of(packed({1, 0x2000000}, false), false)->batch, 0x3fffu);
  for (const std::uint64_t other : {0ull, 0xffffffffffffffffull, 0x747a6d5461736b4dull})
    EXPECT_FALSE(tag_of(other, true));
  EXPECT_FALSE(tag_of(packed({1, 5}, false), true));
}

}  // namespace
}  // namespace ntstack::capture
