#include "target/capture_status.h"

#include <algorithm>
#include <unordered_map>

namespace ntstack::target {
namespace {

constexpr std::uint32_t kMark = 0x42534354;  // "TCSB"
using Block = dump::TriageRecords::DataBlock;

// A block of n codes and the mark.
bool is_list(const Block& block) {
  const std::size_t size = block.bytes.size();
  return size >= 8 && size % 4 == 0 && block.bytes.get<std::uint32_t>(size - 4) == kMark;
}

}  // namespace

std::vector<std::uint32_t> read_capture_statuses(const dump::TriageRecords& triage) {
  std::unordered_map<std::uint64_t, const Block*> lists;
  for (const Block& block : triage.data_blocks)
    if (is_list(block)) lists.emplace(block.address, &block);
  if (lists.empty()) return {};
  // {u32 count, u32, u64 address of the list}, which a pointer of the kernel's names.
  for (const Block& head : triage.data_blocks) {
    if (head.bytes.size() != 16) continue;
    const auto found = lists.find(head.bytes.get_or<std::uint64_t>(8, 0));
    if (found == lists.end()) continue;
    const base::Bytes codes = found->second->bytes;
    const std::size_t count = codes.size() / 4 - 1;
    const bool is_named = std::ranges::any_of(triage.data_blocks, [&](const Block& pointer) {
      return pointer.bytes.size() == 8 && pointer.bytes.get<std::uint64_t>(0) == head.address;
    });
    if (head.bytes.get<std::uint32_t>(0) != count || !is_named) continue;
    std::vector<std::uint32_t> statuses(count);
    for (std::size_t i = 0; i < count; ++i) statuses[i] = codes.get_or<std::uint32_t>(i * 4, 0);
    return statuses;
  }
  return {};
}

Capture capture_of(std::uint32_t status) {
  switch (status) {
    case 0:
      return Capture::captured;
    case 0x102:  // STATUS_TIMEOUT
      return Capture::timed_out;
    case 0xc000009a:  // STATUS_INSUFFICIENT_RESOURCES
      return Capture::did_not_fit;
    case 0xc0000001:  // STATUS_UNSUCCESSFUL
      return Capture::not_attempted;
    case 0xc0000008:  // STATUS_INVALID_HANDLE
    case 0xc0000022:  // STATUS_ACCESS_DENIED
    case 0xc0000024:  // STATUS_OBJECT_TYPE_MISMATCH
      return Capture::denied;
    default:
      return Capture::failed;
  }
}

std::string_view name_of(Capture capture) {
  switch (capture) {
    case Capture::captured:
      return "captured";
    case Capture::timed_out:
      return "timed_out";
    case Capture::did_not_fit:
      return "did_not_fit";
    case Capture::not_attempted:
      return "not_attempted";
    case Capture::denied:
      return "denied";
    case Capture::failed:
      break;
  }
  return "failed";
}

std::string_view text_of(Capture capture) {
  switch (capture) {
    case Capture::captured:
      return "captured";
    case Capture::timed_out:
      return "timed out (the APC that takes a stack could not run within 5 s)";
    case Capture::did_not_fit:
      return "did not fit into the dump";
    case Capture::not_attempted:
      return "not tried, or about to end";
    case Capture::denied:
      return "denied";
    case Capture::failed:
      break;
  }
  return "failed";
}

}  // namespace ntstack::target
