// The listing that a public article shows of the provider's events, from the same times. How the
// events' data is laid out is ours: no real event was at hand.
#include "capture/live_dump_events.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ntstack::capture {
namespace {

LiveDumpEvent event(std::uint64_t time, std::uint16_t id, std::vector<std::byte> data = {}) {
  return {time, id, std::move(data)};
}

template <class... Values>
std::vector<std::byte> bytes_of(Values... values) {
  std::vector<std::byte> bytes;
  const auto add = [&](auto value) {
    const std::size_t at = bytes.size();
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  (add(values), ...);
  return bytes;
}

std::vector<LiveDumpEvent> published() {
  return {
      event(68533715, 1),
      event(68535649, 108),
      event(68535652, 109),
      event(68535979, 101),
      event(68586117, 102),
      event(68586136, 104),
      event(70432997, 103),
      event(70556710, 105),
      event(70560841, 106,
            bytes_of(std::uint64_t{37429248}, std::uint64_t{1675096064}, std::uint64_t{0},
                     std::uint64_t{0})),
      event(72512462, 107, bytes_of(std::uint64_t{1675100160}, std::uint64_t{0}, std::uint64_t{0})),
      event(72512920, 151),
      event(72568896, 152),
      event(72609501, 154),
      event(74204586, 153),
      event(74346195, 156),
      event(77354418, 157),
      event(77354793, 155),
      event(77356464, 3),
      event(418362706, 4,
            bytes_of(std::uint32_t{0}, std::uint64_t{1571217408}, std::uint64_t{286720},
                     std::uint64_t{1570930688}, std::uint64_t{0})),
      event(418362725, 2, bytes_of(std::uint32_t{0}))};
}

TEST(LiveDumpEvents, ReadAsTheArticleShowsThem) {
  const auto events = published();
  EXPECT_EQ(event_text(events[3]), "Sizing Workflow: Mirroring started.");
  EXPECT_EQ(event_text(events[8]),
            "Sizing Workflow: Estimation. NT: 1675096064 bytes (Minimum 37429248 bytes). "
            "Hypervisor: Primary 0 bytes. Secondary 0 bytes.");
  EXPECT_EQ(event_text(events[9]),
            "Sizing Workflow: Allocation. NT: 1675100160 bytes. Hypervisor: Primary 0 bytes. "
            "Secondary 0 bytes.");
  EXPECT_EQ(event_text(events[18]),
            "Writing dump file ended. NT Status: 0x0. Total 1571217408 bytes "
            "(Header|Primary|Secondary: 286720|1570930688|0 bytes).");
  EXPECT_EQ(event_text(events[19]), "Live Dump Capture Dump Data API ended. NT Status: 0x0.");
  const std::string text = events_text(events);
  EXPECT_TRUE(
      text.starts_with("00.0000000 Live Dump Capture Dump Data API started.\n"
                       "00.0001934 Sizing Workflow: RemovePages Callbacks started.\n"))
      << text;
  EXPECT_NE(text.find("\n34.9829010 Live Dump Capture Dump Data API ended."), std::string::npos)
      << text;
}

TEST(LiveDumpEvents, TellHowLongTheSystemStoodStill) {
  // 05.8586136 to 07.0556710, and 07.2609501 to 07.7354793: 0.1970574 and 0.4745292 seconds.
  EXPECT_EQ(stood_still(published()), (70556710u - 68586136u + 77354793u - 72609501u) / 10);
  EXPECT_EQ(stood_still({}), std::nullopt);
  const std::vector<LiveDumpEvent> unpaired = {event(5, 105), event(9, 154)};
  EXPECT_EQ(stood_still(unpaired), std::nullopt);
}

TEST(LiveDumpEvents, DataOfAnotherSizeIsLeftOut) {
  EXPECT_EQ(event_text(event(1, 106, bytes_of(std::uint32_t{1}))), "Sizing Workflow: Estimation.");
  EXPECT_EQ(event_text(event(1, 4, {})), "Writing dump file ended.");
  EXPECT_EQ(event_text(event(1, 500)), "event 0x1f4");
}

}  // namespace
}  // namespace ntstack::capture
