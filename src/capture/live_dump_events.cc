#include "capture/live_dump_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/bytes.h"

namespace ntstack::capture {
namespace {

struct EventName {
  std::uint16_t id;
  std::string_view text;
  std::string_view stage = {};
};

constexpr EventName kNames[] = {
    {1, "Live Dump Capture Dump Data API started.", "sizing"},
    {2, "Live Dump Capture Dump Data API ended."},
    {3, "Writing dump file started.", "writing the file"},
    {4, "Writing dump file ended."},
    {5, "Live Dump aborted because memory is short."},
    {101, "Sizing Workflow: Mirroring started."},
    {102, "Sizing Workflow: Mirroring Phase 0 ended."},
    {103, "Sizing Workflow: Mirroring Phase 1 ended."},
    {104, "Sizing Workflow: System Quiesce started."},
    {105, "Sizing Workflow: System Quiesce ended."},
    {106, "Sizing Workflow: Estimation."},
    {107, "Sizing Workflow: Allocation."},
    {108, "Sizing Workflow: RemovePages Callbacks started."},
    {109, "Sizing Workflow: RemovePages Callbacks ended."},
    {110, "Sizing Workflow: a RemovePages Callback started."},
    {111, "Sizing Workflow: a RemovePages Callback ended."},
    {112, "Sizing Workflow: a RemovePages Callback failed."},
    {151, "Capture Pages Workflow: Mirroring started.", "copying memory"},
    {152, "Capture Pages Workflow: Mirroring Phase 0 ended."},
    {153, "Capture Pages Workflow: Mirroring Phase 1 ended."},
    {154, "Capture Pages Workflow: System Quiesce started."},
    {155, "Capture Pages Workflow: System Quiesce ended."},
    {156, "Capture Pages Workflow: Copy memory pages started."},
    {157, "Capture Pages Workflow: Copy memory pages ended."},
    {201, "Deferred Write: started."},
    {202, "Deferred Write: ended."},
    {203, "Deferred Write: of one dump started."},
    {204, "Deferred Write: of one dump ended."},
    {251, "Deferred Discard: started."},
    {252, "Deferred Discard: ended."}};

const EventName* name_of(std::uint16_t id) {
  const auto* found = std::ranges::find(kNames, id, &EventName::id);
  return found == std::end(kNames) ? nullptr : found;
}

// Data of 8-byte counts alone, behind a status where `has_status`; nothing where the size differs.
std::optional<std::vector<std::uint64_t>> counts_of(base::Bytes data, std::size_t offset,
                                                    std::size_t count) {
  if (data.size() != offset + 8 * count) return std::nullopt;
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < count; ++i)
    counts.push_back(data.get_or<std::uint64_t>(offset + 8 * i, 0));
  return counts;
}

// What an event's data says behind its name; empty where its layout is another.
std::string details_of(const LiveDumpEvent& event) {
  const base::Bytes data(event.data);
  const auto status = data.get<std::uint32_t>(0);
  switch (event.id) {
    case 2:
      return status && data.size() == 4 ? fmt::format(" NT Status: {:#x}.", *status) : "";
    case 4:
      if (const auto sizes = counts_of(data, 4, 4); sizes && status)
        return fmt::format(
            " NT Status: {:#x}. Total {} bytes (Header|Primary|Secondary: {}|{}|{} bytes).",
            *status, sizes->at(0), sizes->at(1), sizes->at(2), sizes->at(3));
      return "";
    case 106:
      if (const auto sizes = counts_of(data, 0, 4))
        return fmt::format(
            " NT: {} bytes (Minimum {} bytes). Hypervisor: Primary {} bytes. Secondary {} bytes.",
            sizes->at(1), sizes->at(0), sizes->at(2), sizes->at(3));
      return "";
    case 107:
      if (const auto sizes = counts_of(data, 0, 3))
        return fmt::format(" NT: {} bytes. Hypervisor: Primary {} bytes. Secondary {} bytes.",
                           sizes->at(0), sizes->at(1), sizes->at(2));
      return "";
    default:
      return "";
  }
}

}  // namespace

std::string event_text(const LiveDumpEvent& event) {
  const EventName* name = name_of(event.id);
  if (!name) return fmt::format("event {:#x}", event.id);
  return std::string(name->text) + details_of(event);
}

std::string events_text(std::span<const LiveDumpEvent> events) {
  std::string out;
  for (const LiveDumpEvent& event : events) {
    const std::uint64_t since =
        event.time > events.front().time ? event.time - events.front().time : 0;
    out +=
        fmt::format("{:02}.{:07} {}\n", since / 10'000'000, since % 10'000'000, event_text(event));
  }
  return out;
}

std::optional<std::uint64_t> stood_still(std::span<const LiveDumpEvent> events) {
  std::optional<std::uint64_t> total;  // 100 ns
  for (const std::uint16_t started : {std::uint16_t{104}, std::uint16_t{154}}) {
    const LiveDumpEvent* from = nullptr;
    for (const LiveDumpEvent& event : events) {
      if (event.id == started) from = &event;
      if (event.id != started + 1 || !from || event.time < from->time) continue;
      total = total.value_or(0) + (event.time - from->time);
      from = nullptr;
    }
  }
  return total ? std::optional(*total / 10) : std::nullopt;
}

std::string_view stage_of(const LiveDumpEvent& event) {
  const EventName* name = name_of(event.id);
  return name ? name->stage : std::string_view();
}

}  // namespace ntstack::capture
