// Lists put down by hand: whole, broken at each kind of place, cyclic.
#include "target/list.h"

#include <gtest/gtest.h>

#include <array>

namespace ntstack::target {
namespace {

constexpr std::uint64_t kAt = 0xffffc00000001000;

// Entry i stands at kAt + 16 * i; entry 0 is the head.
class List : public testing::Test {
 protected:
  List() {
    for (std::size_t i = 0; i < 6; ++i) link(i, (i + 1) % 6, (i + 5) % 6);
  }
  static std::uint64_t at(std::size_t index) { return kAt + 16 * index; }
  void link(std::size_t index, std::size_t next, std::size_t previous) {
    words_[2 * index] = at(next);
    words_[2 * index + 1] = at(previous);
  }
  ListWalk walk(std::size_t most = 100) const {
    const base::SegmentSource memory({{kAt, base::Bytes(std::as_bytes(std::span(words_)))}});
    return walk_list(memory, at(0), true, most);
  }
  std::array<std::uint64_t, 12> words_{};
};

TEST_F(List, AWholeOneComesBackToItsHead) {
  EXPECT_EQ(walk().entries, (std::vector{at(1), at(2), at(3), at(4), at(5)}));
  EXPECT_EQ(walk().broken, "");
}

TEST_F(List, ABrokenOneIsFollowedFromBothEnds) {
  words_[4] = 0x1234;  // entry 2's Flink
  EXPECT_EQ(walk().entries, (std::vector{at(1), at(2), at(3), at(4), at(5)}));
  EXPECT_EQ(walk().broken, "the entry at 00000000`00001234 is not in the dump");
  link(4, 5, 1);  // its Blink leads elsewhere: 3 is lost
  EXPECT_EQ(walk().entries, (std::vector{at(1), at(2), at(4), at(5)}));
}

TEST_F(List, AnEntryMustPointBack) {
  link(3, 4, 5);  // found from the other end all the same
  EXPECT_EQ(walk().entries, (std::vector{at(1), at(2), at(3), at(4), at(5)}));
  link(3, 0, 5);
  EXPECT_EQ(walk().entries, (std::vector{at(1), at(2), at(4), at(5)}));
  EXPECT_NE(walk().broken.find("does not point back"), std::string::npos);
}

TEST_F(List, ItEndsHoweverLongItIs) {
  EXPECT_EQ(walk(2).entries.size(), 2u);
  EXPECT_EQ(walk(2).broken, "it has more than 2 entries");
}

}  // namespace
}  // namespace ntstack::target
