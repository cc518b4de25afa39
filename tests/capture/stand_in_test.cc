// The stand-in refuses what Windows is published to refuse, so that a capture that asks wrongly
// fails here too.
#include "capture/stand_in.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "capture/debug_control.h"
#include "capture/status_text.h"
#include "capture/triage_request.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

using namespace capture;  // NOLINT: the whole of it is stood in for
using Word = std::uintptr_t;

const world::BigProcess& process() {
  static const world::BigProcess built =
      world::build_big_process(binary_dir() / "tests" / "world" / "modules", 4, 12);
  return built;
}

class TriageRules : public testing::Test {
 protected:
  TriageRules() : system_(process(), rules_of(process())), buffer_(kTriageDumpRoom) {
    EXPECT_TRUE(system_.set_debug_privilege(true));
  }
  Status ask() {
    control_.handles = reinterpret_cast<Word>(handles_.data());
    control_.thread_handles = static_cast<std::uint32_t>(handles_.size() + more_);
    return system_.debug_control(kGetTriageDump, std::as_bytes(std::span(&control_, 1)), buffer_,
                                 returned_);
  }
  Handle open(std::size_t thread, std::uint32_t access = kThreadAllAccess) {
    const auto handle = system_.open_thread(process().threads[thread].id, access);
    EXPECT_TRUE(handle);
    handles_.push_back(static_cast<Word>(handle.value_or(0)));
    return handle.value_or(0);
  }

  StandIn system_;
  std::vector<std::byte> buffer_;
  TriageDumpControl<Word> control_;
  std::vector<Word> handles_;
  std::uint32_t returned_ = 0, more_ = 0;
};

TEST_F(TriageRules, ADumpIsWrittenAndItsLengthReturned) {
  open(0);
  EXPECT_EQ(ask(), kSuccess);
  EXPECT_GT(returned_, 0x2000u);
  EXPECT_LE(returned_, kTriageDumpRoom);
}

TEST_F(TriageRules, WrongLengthsFlagsAndCountsAreRefused) {
  open(0);
  std::uint32_t returned = 0;
  const auto in = std::as_bytes(std::span(&control_, 1));
  EXPECT_EQ(system_.debug_control(29, in.first(in.size() - 4), buffer_, returned),
            kInfoLengthMismatch);
  EXPECT_EQ(system_.debug_control(29, in, std::span(buffer_).first(0x3fffc), returned),
            kInfoLengthMismatch);
  EXPECT_EQ(system_.debug_control(29, in, std::span(buffer_).subspan(1), returned), 0x80000002);
  control_.process_handles = 1;
  EXPECT_EQ(ask(), kInvalidParameter);
  control_.process_handles = 0;
  control_.flags = 2;
  EXPECT_EQ(ask(), kInvalidParameter);
  control_.flags = 1;
  EXPECT_EQ(ask(), kSuccess);
  handles_.clear();
  EXPECT_EQ(ask(), kInvalidParameter);
  more_ = UINT32_MAX / sizeof(Word) + 1;
  EXPECT_EQ(ask(), kInvalidParameter);
}

TEST_F(TriageRules, ItNeedsThePrivilegeAndNoContainer) {
  open(0);
  system_.rules().in_container = true;
  EXPECT_EQ(ask(), kAccessDenied);
  system_.rules().in_container = false;
  EXPECT_TRUE(system_.set_debug_privilege(false));
  EXPECT_EQ(ask(), kAccessDenied);
  EXPECT_EQ(system_.debug_control(7, {}, {}, returned_), kDebuggerInactive);
}

TEST_F(TriageRules, HandlesWithFewerRightsAreDeniedAndOnlyOfThemTheCallFails) {
  open(0, 0x1f03ff);  // THREAD_ALL_ACCESS before Vista
  EXPECT_EQ(ask(), kAccessDenied);
  open(1);
  handles_.push_back(0xdead0);
  handles_.push_back(static_cast<Word>(*system_.create_event()));
  EXPECT_EQ(ask(), kSuccess);
}

TEST_F(TriageRules, EachThreadThatDoesNotAnswerTakesFiveSeconds) {
  open(0);
  open(7);  // wedged
  EXPECT_EQ(ask(), kSuccess);
  EXPECT_EQ(system_.milliseconds(), 5020u);
  EXPECT_NE(system_.imbalance(), "");
}

class LiveRules : public testing::Test {
 protected:
  LiveRules() : system_(process(), rules_of(process())) {
    EXPECT_TRUE(system_.set_debug_privilege(true));
    system_.rules().live_dump.assign(1000, std::byte{7});
    file_ = *system_.create_file(path_ = folder_.path() / "live.dmp");
    control_.first.version = 2;
    control_.first.file = static_cast<Word>(file_);
  }
  Status ask(bool version_2 = true) {
    std::uint32_t returned = 0;
    const auto in = std::as_bytes(std::span(&control_, 1));
    return system_.debug_control(37, version_2 ? in : in.first(sizeof(LiveDumpControl<Word>)), {},
                                 returned);
  }
  TemporaryFolder folder_;
  std::filesystem::path path_;
  StandIn system_;
  Handle file_ = kNoHandle;
  LiveDumpControl2<Word> control_;
  SelectiveControl selective_;
};

TEST_F(LiveRules, BothFormsWriteTheFileWhereTheyAreKnown) {
  EXPECT_EQ(ask(false), kSuccess);
  EXPECT_EQ(ask(true), kSuccess);
  EXPECT_EQ(std::filesystem::file_size(path_), 1000u);
  system_.rules().knows_version_2 = false;
  EXPECT_EQ(ask(true), kInfoLengthMismatch);
  EXPECT_EQ(ask(false), kSuccess);
}

TEST_F(LiveRules, ASelectiveDumpWantsItsBlockAndNoPagesMore) {
  control_.first.flags = kSelective;
  EXPECT_EQ(ask(), kInvalidParameter);
  control_.selective = reinterpret_cast<Word>(&selective_);
  EXPECT_EQ(ask(), kInvalidParameter);  // its flags are 0
  selective_.flags = 1;
  EXPECT_EQ(ask(), kSuccess);
  control_.first.add_pages = kHypervisorPages;
  EXPECT_EQ(ask(), kInvalidParameter);
  control_.first.add_pages = 0;
  control_.first.version = 1;
  EXPECT_EQ(ask(), kInvalidParameter);
}

TEST_F(LiveRules, UserPagesNeedLocalDebuggingOnOlderWindows) {
  control_.first.flags = kUserPages;
  EXPECT_EQ(ask(false), kSuccess);
  system_.rules().knows_version_2 = false;
  EXPECT_EQ(ask(false), kDebuggerInactive);
  system_.rules().local_debugging = true;
  EXPECT_EQ(ask(false), kSuccess);
  control_.first.add_pages = kNonEssentialHypervisorPages;
  EXPECT_EQ(ask(false), kInvalidParameter);
}

TEST_F(LiveRules, TheEventCancelsItAndEachListedStatusCanBeHad) {
  const Handle event = *system_.create_event();
  control_.first.cancel_event = static_cast<Word>(event);
  std::size_t events = 0;
  Status why = kUnsuccessful;
  const auto watch = system_.watch_live_dumps([&](const auto&) { ++events; }, why);
  EXPECT_EQ(why, kSuccess);
  system_.rules().live_events.resize(3);
  system_.rules().during_live_dump = [&] { system_.set_event(event); };
  EXPECT_EQ(ask(), kCancelled);
  EXPECT_EQ(events, 3u);
  EXPECT_EQ(std::filesystem::file_size(path_), 500u);
  for (const Status status : {kContentBlocked, kRetry, kNotSupported, kRequestAborted, kNoMemory}) {
    system_.rules().live_status = status;
    EXPECT_EQ(ask(), status);
  }
  control_.first.cancel_event = 0;
  system_.rules().live_status = kMoreEntries;
  EXPECT_EQ(ask(), kMoreEntries);
  EXPECT_EQ(std::filesystem::file_size(path_), 1000u);
}

}  // namespace
}  // namespace ntstack::tests
