#include "stacks/kernel_walk_note.h"

#include <gtest/gtest.h>

namespace ntstack::stacks {
namespace {

class KernelWalkNote : public testing::Test {
 protected:
  std::string note(std::initializer_list<std::uint64_t> own, std::vector<std::uint64_t> kernel,
                   End end = End::user_mode) {
    Stack stack;
    stack.end = end;
    for (const std::uint64_t ip : own) {
      Frame frame;
      frame.ip = ip;
      frame.is_user = ip < 0x100;
      stack.frames.push_back(frame);
    }
    return kernel_walk_note(stack, kernel, symbolizer);
  }
  symbols::Symbolizer symbolizer{{}, {}};
};

TEST_F(KernelWalkNote, NothingIsSaidWhereBothAgree) {
  EXPECT_EQ(note({0x1000, 0x2000, 0x3000, 0x10}, {0x1000, 0x2000, 0x3000}), "");
  EXPECT_EQ(note({0x1000, 0x2000, 0x3000, 0x10}, {}), "");
  // Of an APC's routine the one begins above the other; the kernel's may end early, or go on in
  // user mode.
  EXPECT_EQ(note({0x1000, 0x2000, 0x3000}, {0x500, 0x1000, 0x2000}), "");
  EXPECT_EQ(note({0x1000, 0x2000, 0x3000}, {0x2000, 0x3000}), "");
  EXPECT_EQ(note({0x1000, 0x2000, 0x10}, {0x1000, 0x2000, 0x10, 0x20}), "");
}

TEST_F(KernelWalkNote, AnotherWayAndALongerOneAreSaid) {
  const std::string other = note({0x1000, 0x2000, 0x3000}, {0x1000, 0x2500, 0x3000});
  EXPECT_NE(other.find("from frame 1 on"), std::string::npos) << other;
  const std::string longer = note({0x1000, 0x2000}, {0x1000, 0x2000, 0x3000}, End::memory_missing);
  EXPECT_NE(longer.find("goes on"), std::string::npos) << longer;
  EXPECT_NE(note({0x1000}, {0x2000}).find("no frame of it"), std::string::npos);
}

}  // namespace
}  // namespace ntstack::stacks
