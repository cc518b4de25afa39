#include "target/object_scan.h"

#include <algorithm>
#include <array>
#include <set>

#include "target/offsets/probe_objects.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kPage = 0x1000, kChunk = 0x400000;
constexpr std::size_t kMostFound = 0x20000;

class Scanner {
 public:
  Scanner(const base::ByteSource& memory, const Layout& layout, const ScanLimits& limits)
      : memory_(memory), layout_(layout), limits_(limits) {}

  void look_around(std::span<const std::uint64_t> near);
  void look_everywhere();
  ObjectScan take() { return std::move(found_); }

 private:
  void look(std::uint64_t begin, std::uint64_t end);
  void look_at_page(std::uint64_t page);

  const base::ByteSource& memory_;
  const Layout& layout_;
  ScanLimits limits_;
  std::size_t holes_ = 0;
  std::set<std::uint64_t> chunks_;  // that were looked at
  ObjectScan found_;
};

void Scanner::look_around(std::span<const std::uint64_t> near) {
  std::set<std::uint64_t> chunks;
  for (const std::uint64_t address : near) {
    const std::uint64_t chunk = address / kChunk;
    for (const std::uint64_t each : {chunk - 1, chunk, chunk + 1}) chunks.insert(each);
  }
  const std::uint64_t last = UINT64_MAX / kChunk;
  for (const std::uint64_t chunk : chunks) {
    if (chunk == 0 || chunk >= last) continue;
    look(chunk * kChunk, (chunk + 1) * kChunk);
    chunks_.insert(chunk);
  }
}

void Scanner::look_everywhere() {
  const std::uint64_t end = layout_.is_64_bit() ? UINT64_MAX - kPage : 0xfffff000;
  std::uint64_t at = layout_.is_64_bit() ? 0xff00000000000000 : 0x80000000;
  for (const std::uint64_t chunk : chunks_) {
    look(at, std::min(chunk * kChunk, end));
    at = std::max(at, (chunk + 1) * kChunk);
  }
  look(at, end);
}

void Scanner::look(std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t at = begin & ~(kPage - 1); at < end;) {
    if (found_.bytes >= limits_.bytes || holes_ > limits_.holes) {
      found_.is_whole = false;
      return;
    }
    if (memory_.get<std::uint8_t>(at)) {
      look_at_page(at);
      at += kPage;
      continue;
    }
    ++holes_;
    const std::uint64_t next = memory_.hole_end(at);
    at = std::max(at + kPage, next & ~(kPage - 1));
    if (at < kPage) return;  // past the end of memory
  }
}

void Scanner::look_at_page(std::uint64_t page) {
  found_.bytes += kPage;
  std::array<std::byte, kPage> bytes;
  const std::size_t size = memory_.read(page, bytes);
  const std::size_t step = layout_.is_64_bit() ? 16 : 8;
  for (std::size_t i = 0; i < size; i += step) {
    const auto type = std::to_integer<std::uint8_t>(bytes[i]) & 0x7f;
    if (type == kThreadType && found_.threads.size() < kMostFound &&
        looks_like_thread(memory_, page + i, layout_))
      found_.threads.push_back(page + i);
    else if (type == kProcessType && found_.processes.size() < kMostFound &&
             looks_like_process(memory_, page + i, layout_))
      found_.processes.push_back(page + i);
  }
}

// Of two neighbours in a list, whether the second's `back` link is `entry`, another entry's that
// agrees, or nothing that makes sense.
enum class Neighbour : std::uint8_t { confirms, denies, is_broken };
Neighbour neighbour(const base::ByteSource& memory, std::uint64_t entry, bool wide, bool next) {
  const std::uint64_t word = wide ? 8 : 4;
  const auto other = memory.pointer(entry + (next ? 0 : word), wide);
  if (!other) return Neighbour::is_broken;
  const auto back = memory.pointer(*other + (next ? word : 0), wide);
  if (!back) return Neighbour::is_broken;
  if (*back == entry) return Neighbour::confirms;
  const auto forth = memory.pointer(*back + (next ? 0 : word), wide);
  return forth == other ? Neighbour::denies : Neighbour::is_broken;
}

bool is_linked(const base::ByteSource& memory, std::uint64_t entry, bool wide) {
  return neighbour(memory, entry, wide, true) == Neighbour::confirms ||
         neighbour(memory, entry, wide, false) == Neighbour::confirms;
}

}  // namespace

ObjectScan scan_for_objects(const base::ByteSource& memory, const Layout& layout,
                            std::span<const std::uint64_t> near, const ScanLimits& limits) {
  Scanner scanner(memory, layout, limits);
  scanner.look_around(near);
  scanner.look_everywhere();
  return scanner.take();
}

bool looks_like_process(const base::ByteSource& memory, std::uint64_t address,
                        const Layout& layout) {
  const auto type = memory.get<std::uint8_t>(address);
  if (!type || (*type & 0x7f) != kProcessType) return false;
  const auto id = layout.pointer(memory, address, Field::eprocess_unique_process_id);
  if (!id || *id == 0 || *id % 4 != 0 || *id > UINT32_MAX) return false;
  const auto tables = layout.pointer(memory, address, Field::kprocess_directory_table_base);
  const std::uint64_t low_bits = layout.is_64_bit() ? 0xff0 : 0x1f;
  if (!tables || *tables == 0 || (*tables & low_bits) != 0) return false;
  if (layout.is_64_bit() && *tables >> 52 != 0) return false;
  const auto heads_a_list = [&](Field field) {
    const auto at = layout.offsets[field];
    return at && is_linked(memory, address + *at, layout.is_64_bit());
  };
  return heads_a_list(Field::eprocess_thread_list_head) ||
         heads_a_list(Field::kprocess_thread_list_head);
}

bool is_live(const base::ByteSource& memory, std::uint64_t entry, bool is_64_bit) {
  const Neighbour next = neighbour(memory, entry, is_64_bit, true);
  const Neighbour previous = neighbour(memory, entry, is_64_bit, false);
  const bool is_alone = memory.pointer(entry, is_64_bit) == entry;
  if (is_alone) return false;
  if (next == Neighbour::confirms || previous == Neighbour::confirms) return true;
  return next != Neighbour::denies && previous != Neighbour::denies;
}

}  // namespace ntstack::target
