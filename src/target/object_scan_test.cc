// Scans of kernels whose lists lack something (fake_kernel.h: what there is, is ours).
#include "target/object_scan.h"

#include <gtest/gtest.h>

#include "fake_kernel.h"
#include "target/offsets/probe.h"

namespace ntstack::target {
namespace {

using base::Architecture;

class Scans : public testing::TestWithParam<Architecture> {
 protected:
  Scans() : kernel_(GetParam(), 3) { probe_offsets(kernel_.start(), offsets_); }
  ObjectScan scan(std::uint64_t most = 64u << 20) {
    const std::uint64_t near[] = {kernel_.processes().front()};
    return scan_for_objects(kernel_.memory(), layout(), near, {most});
  }
  Layout layout() const { return {offsets_, GetParam(), 4242}; }

  FakeKernel kernel_;
  Offsets offsets_;
};

TEST_P(Scans, FindEveryProcessAndEveryThread) {
  ObjectScan found = scan();
  std::ranges::sort(found.processes);
  EXPECT_EQ(found.processes, kernel_.processes());
  for (const std::uint64_t thread : kernel_.threads())
    EXPECT_EQ(std::ranges::count(found.threads, thread), 1) << std::hex << thread;
  EXPECT_TRUE(found.is_whole);
}

TEST_P(Scans, LookAtNoMoreThanTheyAreAllowedTo) {
  const ObjectScan found = scan(0x3000);
  EXPECT_EQ(found.bytes, 0x3000u);
  EXPECT_FALSE(found.is_whole);
}

TEST_P(Scans, WhatWasTakenOutOfItsListIsNotLive) {
  const std::uint64_t links = *offsets_[Field::eprocess_active_process_links];
  const auto entry = [&](std::size_t i) { return kernel_.processes()[i] + links; };
  EXPECT_TRUE(is_live(kernel_.memory(), entry(3), kernel_.wide()));
  kernel_.put(entry(2), entry(4));
  kernel_.put(entry(4) + kernel_.word(), entry(2));
  EXPECT_FALSE(is_live(kernel_.memory(), entry(3), kernel_.wide()));
  EXPECT_TRUE(is_live(kernel_.memory(), entry(2), kernel_.wide()));
}

TEST_P(Scans, NeighboursThatAreBrokenAreNoEvidence) {
  const std::uint64_t links = *offsets_[Field::eprocess_active_process_links];
  const auto entry = [&](std::size_t i) { return kernel_.processes()[i] + links; };
  kernel_.put(entry(2), 0x41414141);
  kernel_.put(entry(4) + kernel_.word(), 0x41414141);
  EXPECT_TRUE(is_live(kernel_.memory(), entry(3), kernel_.wide()));
}

INSTANTIATE_TEST_SUITE_P(Objects, Scans,
                         testing::Values(Architecture::x64, Architecture::x86,
                                         Architecture::arm64));

}  // namespace
}  // namespace ntstack::target
