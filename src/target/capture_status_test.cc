// The list of statuses as the kernel is known to leave it in a triage dump: codes and "TCSB", a
// block that counts them, a pointer of the kernel's to that.
#include "target/capture_status.h"

#include <gtest/gtest.h>

namespace ntstack::target {
namespace {

class Statuses : public testing::Test {
 protected:
  void add(std::uint64_t address, base::Bytes bytes) {
    triage_.data_blocks.push_back({address, bytes, 0});
  }
  std::vector<std::uint32_t> read() {
    triage_.data_blocks.clear();
    add(0x1000, base::Bytes(std::as_bytes(std::span(list_))));
    add(0x2000, base::Bytes(std::as_bytes(std::span(head_))));
    add(0x3000, base::Bytes(std::as_bytes(std::span(pointer_))));
    return read_capture_statuses(triage_);
  }
  dump::TriageRecords triage_;
  std::vector<std::uint32_t> list_ = {0, 0x102, 0xc000009a, 0x42534354};
  std::vector<std::uint64_t> head_ = {3, 0x1000}, pointer_ = {0x2000};
};

TEST_F(Statuses, AreFoundByHowTheirBlocksPointToEachOther) {
  EXPECT_EQ(read(), (std::vector<std::uint32_t>{0, 0x102, 0xc000009a}));
}

TEST_F(Statuses, EachLinkMustHold) {
  head_[0] = 4;  // another count
  EXPECT_TRUE(read().empty());
  head_[0] = 3;
  pointer_[0] = 0x1000;
  EXPECT_TRUE(read().empty());
  pointer_[0] = 0x2000;
  list_.back() = 0;
  EXPECT_TRUE(read().empty());
}

TEST_F(Statuses, ThoseOf32BitDumpsHaveShorterPointers) {
  const std::vector<std::uint32_t> head = {3, 0x1000}, pointer = {0x2000};
  add(0x1000, base::Bytes(std::as_bytes(std::span(list_))));
  add(0x2000, base::Bytes(std::as_bytes(std::span(head))));
  add(0x3000, base::Bytes(std::as_bytes(std::span(pointer))));
  EXPECT_EQ(read_capture_statuses(triage_), (std::vector<std::uint32_t>{0, 0x102, 0xc000009a}));
}

// The kernel stops at the first thread without room: before it every thread was tried.
TEST_F(Statuses, ARefusalBeforeTheEndIsAThreadThatIsAboutToEnd) {
  const std::uint32_t statuses[] = {0xc0000001, 0, 0xc0000001, 0xc0000022, 0xc000009a, 0xc0000001};
  using enum Capture;
  EXPECT_EQ(captures_of(statuses),
            (std::vector{gone, captured, gone, denied, did_not_fit, not_attempted}));
}

TEST_F(Statuses, CodesAreSaidInWords) {
  EXPECT_EQ(capture_of(0), Capture::captured);
  EXPECT_EQ(capture_of(0x102), Capture::timed_out);
  EXPECT_EQ(capture_of(0xc000009a), Capture::did_not_fit);
  EXPECT_EQ(capture_of(0xc0000001), Capture::not_attempted);
  EXPECT_EQ(capture_of(0xc0000022), Capture::denied);
  EXPECT_EQ(name_of(capture_of(0xc0000005)), "failed");
}

}  // namespace
}  // namespace ntstack::target
