// The exception directory as a table of entries that are sorted by where their functions begin.
// Looked up by binary search over the image's own bytes; nothing is copied.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <vector>

#include "base/architecture.h"
#include "base/bytes.h"
#include "pe/image.h"

namespace ntstack::pe {

// Which entries of the directory are there, whatever they hold. The image outlives the table and
// stays where it is.
class ExceptionDirectory {
 public:
  std::size_t size() const { return count_; }
  // True where the directory is named in the header but (some of) its bytes are not there.
  bool missing() const { return missing_; }

 protected:
  struct Run {  // of entries that are there
    std::size_t first = 0;
    std::size_t end = 0;
  };

  // Without entries where the image is of another architecture.
  ExceptionDirectory(const Image& image, base::Architecture architecture, std::size_t entry_size);

  const Image& image() const { return *image_; }
  const std::vector<Run>& runs() const { return runs_; }
  // The table's bytes where its first `count` entries lie together, else null.
  const std::byte* direct(std::size_t count) const {
    return count != 0 && table_.size() / entry_size_ >= count ? table_.data() : nullptr;
  }
  template <class Entry>
  std::optional<Entry> entry(std::size_t index) const {
    if (index >= count_) return {};
    const std::uint64_t offset = index * sizeof(Entry);
    if (const auto direct = table_.get<Entry>(offset)) return direct;
    if (offset > UINT32_MAX - rva_) return {};
    return image_->get<Entry>(static_cast<std::uint32_t>(rva_ + offset));
  }

 private:
  void find_runs();

  const Image* image_;
  std::size_t entry_size_;
  base::Bytes table_;  // the whole table, or its front where it does not lie together
  std::uint32_t rva_ = 0;
  std::size_t count_ = 0;
  std::vector<Run> runs_;  // one, where no page of the table is missing
  bool missing_ = false;
};

// Entry has `begin`, the RVA of its function's first byte.
template <class Entry>
class SortedFunctions : public ExceptionDirectory {
 public:
  // As it lies in the table; nothing past the end, or where its bytes are missing.
  std::optional<Entry> at(std::size_t index) const { return entry<Entry>(index); }

 protected:
  SortedFunctions(const Image& image, base::Architecture architecture)
      : ExceptionDirectory(image, architecture, sizeof(Entry)) {}

  // Among the entries that begin at or before `rva`, the first met that does not end before it;
  // else the last. Nothing where bytes of the table are missing there.
  template <class EndsBefore>
  std::optional<Entry> nearest(std::uint32_t rva, EndsBefore ends_before) const {
    const auto after = std::ranges::partition_point(runs(), [&](const Run& run) {
      const auto first = at(run.first);
      return first && first->begin <= rva;
    });
    if (after == runs().begin()) return {};
    std::size_t low = std::prev(after)->first;
    std::size_t high = std::prev(after)->end;
    std::optional<Entry> found = last_of_sorted(rva, low, high);
    if (found && !ends_before(*found)) return found;
    found.reset();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      const auto each = at(middle);
      if (!each) return {};
      if (rva < each->begin) {
        high = middle;
        continue;
      }
      found = each;
      if (!ends_before(*each)) break;
      low = middle + 1;
    }
    return found;
  }

 private:
  // Of entries that are in order and lie together, the last that begins at or before `rva`: without
  // a branch that depends on what is read, which a processor could only guess.
  std::optional<Entry> last_of_sorted(std::uint32_t rva, std::size_t low, std::size_t high) const {
    const std::byte* entries = direct(high);
    if (!entries || low >= high) return {};
    const auto begin_at = [&](std::size_t index) {
      std::uint32_t begin;
      std::memcpy(&begin, entries + index * sizeof(Entry) + offsetof(Entry, begin), sizeof begin);
      return begin;
    };
    for (std::size_t left = high - low; left > 1;) {
      const std::size_t half = left / 2;
      low += begin_at(low + half) <= rva ? half : 0;
      left -= half;
    }
    return begin_at(low) <= rva ? at(low) : std::nullopt;
  }
};

}  // namespace ntstack::pe
