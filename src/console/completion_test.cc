#include "console/completion.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

TEST(CommonBeginning, IsThatOfAllInTheFirstOnesLetters) {
  EXPECT_EQ(common_beginning({}), "");
  EXPECT_EQ(common_beginning({"nt!KeWait"}), "nt!KeWait");
  EXPECT_EQ(common_beginning({"nt!KeWait", "NT!kewake", "nt!KeWa"}), "nt!KeWa");
  EXPECT_EQ(common_beginning({"dps", "u"}), "");
}

}  // namespace
}  // namespace ntstack::console
