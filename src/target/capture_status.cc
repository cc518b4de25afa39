#include "target/capture_status.h"

#include <unordered_map>
#include <unordered_set>

namespace ntstack::target {
namespace {

constexpr std::uint32_t kMark = 0x42534354;  // "TCSB"
constexpr std::uint32_t kSuccess = 0, kTimeout = 0x102, kUnsuccessful = 0xc0000001,
                        kNoResources = 0xc000009a;
using Block = dump::TriageRecords::DataBlock;

// A block of n codes and the mark.
bool is_list(const Block& block) {
  const std::size_t size = block.bytes.size();
  return size >= 8 && size % 4 == 0 && block.bytes.get<std::uint32_t>(size - 4) == kMark;
}

std::vector<std::uint32_t> codes_of(base::Bytes list) {
  std::vector<std::uint32_t> codes(list.size() / 4 - 1);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = list.get_or<std::uint32_t>(i * 4, 0);
  return codes;
}

std::uint64_t word(base::Bytes bytes, std::size_t offset, std::size_t size) {
  return size == 8 ? bytes.get_or<std::uint64_t>(offset, 0)
                   : bytes.get_or<std::uint32_t>(offset, 0);
}

// With pointers of `size` bytes: a record {u32 count, address of the list}, which a variable of the
// kernel's points at.
std::vector<std::uint32_t> find_list(const dump::TriageRecords& triage, std::size_t size) {
  std::unordered_map<std::uint64_t, const Block*> lists;
  std::unordered_set<std::uint64_t> named;
  for (const Block& block : triage.data_blocks) {
    if (is_list(block)) lists.emplace(block.address, &block);
    if (block.bytes.size() == size) named.insert(word(block.bytes, 0, size));
  }
  for (const Block& record : triage.data_blocks) {
    if (lists.empty() || record.bytes.size() != 2 * size || !named.contains(record.address))
      continue;
    const auto found = lists.find(word(record.bytes, size, size));
    if (found == lists.end()) continue;
    std::vector<std::uint32_t> codes = codes_of(found->second->bytes);
    if (record.bytes.get<std::uint32_t>(0) == codes.size()) return codes;
  }
  return {};
}

}  // namespace

std::vector<std::uint32_t> read_capture_statuses(const dump::TriageRecords& triage) {
  std::vector<std::uint32_t> codes = find_list(triage, 8);
  return codes.empty() ? find_list(triage, 4) : codes;
}

Capture capture_of(std::uint32_t status) {
  switch (status) {
    case kSuccess:
      return Capture::captured;
    case kTimeout:
      return Capture::timed_out;
    case kNoResources:
      return Capture::did_not_fit;
    case kUnsuccessful:
      return Capture::not_attempted;
    case 0xc000004b:  // STATUS_THREAD_IS_TERMINATING
      return Capture::gone;
    case 0xc0000008:  // STATUS_INVALID_HANDLE
    case 0xc0000022:  // STATUS_ACCESS_DENIED
    case 0xc0000024:  // STATUS_OBJECT_TYPE_MISMATCH
      return Capture::denied;
    default:
      return Capture::failed;
  }
}

std::vector<Capture> captures_of(std::span<const std::uint32_t> statuses) {
  std::vector<Capture> captures;
  captures.reserve(statuses.size());
  std::size_t tried = 0;  // threads up to here
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    captures.push_back(capture_of(statuses[i]));
    const bool is_answer =
        statuses[i] == kSuccess || statuses[i] == kTimeout || statuses[i] == kNoResources;
    if (is_answer) tried = i;
  }
  for (std::size_t i = 0; i < tried; ++i)
    if (captures[i] == Capture::not_attempted) captures[i] = Capture::gone;
  return captures;
}

std::string_view name_of(Capture capture) {
  switch (capture) {
    case Capture::captured:
      return "captured";
    case Capture::no_stack:
      return "no_stack";
    case Capture::timed_out:
      return "timed_out";
    case Capture::did_not_fit:
      return "did_not_fit";
    case Capture::not_attempted:
      return "not_attempted";
    case Capture::gone:
      return "gone";
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
    case Capture::no_stack:
      return "captured without a stack (it did not fit)";
    case Capture::timed_out:
      return "did not answer in time (the kernel APC could not run within 5 s)";
    case Capture::did_not_fit:
      return "did not fit";
    case Capture::not_attempted:
      return "not tried";
    case Capture::gone:
      return "about to end";
    case Capture::denied:
      return "denied";
    case Capture::failed:
      break;
  }
  return "failed";
}

std::string_view text_of_driver(Capture capture) {
  switch (capture) {
    case Capture::timed_out:
      return "did not answer in time (the kernel APC could not run)";
    case Capture::did_not_fit:
      return "not asked for want of memory";
    case Capture::no_stack:
      return "captured without registers";
    default:
      return text_of(capture);
  }
}

}  // namespace ntstack::target
