#include "capture/status_text.h"

#include <gtest/gtest.h>

namespace ntstack::capture {
namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(StatusText, NamesWhatTheCallsReturnAndGivesTheNumberOfOthers) {
  EXPECT_EQ(status_name(kDebuggerInactive), "STATUS_DEBUGGER_INACTIVE");
  EXPECT_EQ(status_label(0xc0000804), "STATUS_CONTENT_BLOCKED (0xc0000804)");
  EXPECT_EQ(status_name(0xc0dead00), "");
  EXPECT_EQ(status_label(0xc0dead00), "status 0xc0dead00");
  EXPECT_TRUE(has(status_text(0xc0dead00, Call::live_dump), "0xc0dead00"));
}

TEST(StatusText, TheSameStatusSaysOfEachCallWhatItMeansThere) {
  EXPECT_TRUE(has(status_text(kAccessDenied, Call::triage_dump), "container"));
  EXPECT_TRUE(has(status_text(kAccessDenied, Call::triage_dump), "every thread's handle"));
  EXPECT_TRUE(has(status_text(kAccessDenied, Call::live_dump), "SeDebugPrivilege"));
  EXPECT_FALSE(has(status_text(kAccessDenied, Call::live_dump), "handle"));
  EXPECT_TRUE(has(status_text(kAccessDenied, Call::open_thread), "protected"));
  EXPECT_TRUE(has(status_text(kTimeout, Call::captured_thread), "5 s"));
  EXPECT_TRUE(has(status_text(kInvalidParameter, Call::open_thread), "ended"));
}

// The codes that published behaviour lists for each call (29: gate, arguments, memory; 37: section
// by section) are all told in words of their own.
TEST(StatusText, EveryListedStatusHasASentenceOfItsOwn) {
  const Status triage[] = {0xc0000354, 0xc0000022, 0xc0000002, 0xc0000003,
                           0xc0000004, 0xc000000d, 0xc0000017, 0xc0000001};
  for (const Status status : triage)
    EXPECT_FALSE(has(status_text(status, Call::triage_dump), "not known here;")
                     ? status != 0xc0000004 && status != 0xc000000d
                     : has(status_text(status, Call::triage_dump), "a reason that is not known"))
        << std::hex << status;
  const Status thread[] = {0,          0x102,      0xc000009a, 0xc0000001,
                           0xc0000022, 0xc0000008, 0xc0000024, 0xc0000005};
  for (const Status status : thread)
    EXPECT_FALSE(has(status_text(status, Call::captured_thread), "a reason that is not known"))
        << std::hex << status;
  const Status live[] = {0xc0000354, 0xc0000022, 0xc0000804, 0xc000022d, 0xc00000bb, 0xc0000240,
                         0xc000009a, 0xc0000017, 0xc0000120, 0x105,      0xc0000004, 0xc000000d};
  for (const Status status : live)
    EXPECT_FALSE(has(status_text(status, Call::live_dump), "a reason that is not known"))
        << std::hex << status;
}

TEST(StatusText, WindowsErrorsOfTheDriversServiceSayWhatWouldMendThem) {
  const auto of = [](std::uint32_t error) {
    return status_text(status_of_win32(error), Call::driver_service);
  };
  EXPECT_TRUE(has(of(577), "test signing") && has(of(577), "docs/driver.md"));
  EXPECT_TRUE(has(of(1275), "HVCI") && has(of(4551), "HVCI"));
  EXPECT_TRUE(has(of(5), "elevated") && has(of(5), "[Windows' error 5]"));
  EXPECT_TRUE(has(of(1058), "disabled"));
  EXPECT_TRUE(has(of(1056), "running already"));
  EXPECT_TRUE(has(of(1060), "ntstack driver install"));
  EXPECT_TRUE(has(of(1073), "installed already"));
  EXPECT_TRUE(has(of(2), "--from"));
  EXPECT_TRUE(has(of(216), "architecture"));
  EXPECT_TRUE(has(of(9999), "9999"));
}

TEST(StatusText, ASentenceHasNoFullStopAtItsEnd) {
  for (int call = 0; call <= static_cast<int>(Call::other); ++call) {
    for (const Status status :
         {kSuccess, kTimeout, kAccessDenied, kInvalidCid, kNoMemory, kRetry}) {
      const std::string text = status_text(status, static_cast<Call>(call));
      EXPECT_NE(text.find(" ["), 0u);
      EXPECT_EQ(text.find(". ["), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace ntstack::capture
