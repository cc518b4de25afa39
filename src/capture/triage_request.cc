#include "capture/triage_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "base/bytes.h"
#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

using Word = std::uintptr_t;

struct TagLayout {
  std::string_view letters;
  unsigned version_bits, batch_bits;
};
constexpr TagLayout kTag64{"NTSTACK", 5, 24}, kTag32{"NTS", 3, 14};
constexpr const TagLayout& layout_of(bool is_64_bit) { return is_64_bit ? kTag64 : kTag32; }

constexpr std::uint64_t letters_of(const TagLayout& layout) {
  std::uint64_t packed_letters = 0;
  for (const char letter : layout.letters)
    packed_letters = packed_letters << 5 | static_cast<std::uint64_t>(letter - 'A' + 1);
  return packed_letters;
}
constexpr std::uint64_t most_of(unsigned bits) { return (std::uint64_t{1} << bits) - 1; }

// DUMP_HEADER64's or DUMP_HEADER's first words, and that it is a triage dump.
bool is_triage_dump(base::Bytes dump) {
  const auto signature = dump.get<std::uint32_t>(0), valid = dump.get<std::uint32_t>(4);
  const bool is_64_bit = valid == 0x34365544u;  // "DU64"
  if (signature != 0x45474150u || (!is_64_bit && valid != 0x504d5544u)) return false;
  return dump.get<std::uint32_t>(is_64_bit ? 0xf98 : 0xf88) == 4u;
}

}  // namespace

std::uint64_t packed(const Tag& tag, bool is_64_bit) {
  const TagLayout& layout = layout_of(is_64_bit);
  const std::uint64_t version = std::min<std::uint64_t>(tag.version, most_of(layout.version_bits)),
                      batch = std::min<std::uint64_t>(tag.batch, most_of(layout.batch_bits));
  return (letters_of(layout) << layout.version_bits | version) << layout.batch_bits | batch;
}

std::optional<Tag> tag_of(std::uint64_t parameter1, bool is_64_bit) {
  const TagLayout& layout = layout_of(is_64_bit);
  if (parameter1 >> (layout.version_bits + layout.batch_bits) != letters_of(layout))
    return std::nullopt;
  return Tag{
      static_cast<std::uint32_t>(parameter1 >> layout.batch_bits & most_of(layout.version_bits)),
      static_cast<std::uint32_t>(parameter1 & most_of(layout.batch_bits))};
}

TriageAnswer take_triage_dump(System& system, const TriageRequest& request,
                              std::vector<std::byte>& buffer) {
  buffer.resize(kTriageDumpRoom);
  std::vector<Word> handles;
  handles.reserve(request.threads.size());
  for (const Handle handle : request.threads) handles.push_back(static_cast<Word>(handle));
  const auto control = control_block<Word>(request, reinterpret_cast<Word>(handles.data()));
  std::uint32_t returned = 0;
  TriageAnswer answer;
  answer.status =
      system.debug_control(kGetTriageDump, std::as_bytes(std::span(&control, 1)), buffer, returned);
  if (answer.status >= 0x80000000) return answer;
  if (returned > buffer.size()) {
    answer.complaint = fmt::format("Windows says that it wrote {:#x} bytes into room for {:#x}",
                                   returned, buffer.size());
    return answer;
  }
  const std::span<const std::byte> dump = std::span(buffer).first(returned);
  if (is_triage_dump(base::Bytes(dump)))
    answer.dump = dump;
  else
    answer.complaint = fmt::format(
        "Windows says that it succeeded ({}), but what it wrote ({:#x} bytes) is no triage dump",
        status_label(answer.status), returned);
  return answer;
}

}  // namespace ntstack::capture
