#include "world_physical/physical_memory.h"

#include <algorithm>

namespace ntstack::world {

std::uint64_t PhysicalMemory::page_count() const {
  std::uint64_t count = 0;
  for (const PageRun& run : runs_) count += run.count;
  return count;
}

bool PhysicalMemory::holds(std::uint64_t number) const {
  return std::ranges::any_of(runs_,
                             [&](const PageRun& run) { return number - run.first < run.count; });
}

void PhysicalMemory::take(std::uint64_t number) {
  pages_.emplace(number, std::make_unique<Page>(Page{}));
  if (is_user_) user_.insert(number);
}

std::uint64_t PhysicalMemory::allocate_at(std::uint64_t number) {
  if (!holds(number) || pages_.contains(number)) throw std::runtime_error("no such free page");
  take(number);
  return number;
}

std::uint64_t PhysicalMemory::allocate() {
  const std::uint64_t count = page_count();
  if (pages_.size() >= count) throw std::runtime_error("physical memory is used up");
  for (;;) {
    std::uint64_t index = random_() % count;
    for (const PageRun& run : runs_) {
      if (index >= run.count) {
        index -= run.count;
        continue;
      }
      if (pages_.contains(run.first + index)) break;
      take(run.first + index);
      return run.first + index;
    }
  }
}

std::uint64_t PhysicalMemory::allocate_large() {
  for (const PageRun& run : runs_) {
    for (std::uint64_t at = (run.first + 511) & ~511ull; at + 512 <= run.first + run.count;
         at += 512) {
      const auto taken = pages_.lower_bound(at);
      if (taken != pages_.end() && taken->first < at + 512) continue;
      for (std::uint64_t i = 0; i < 512; i++) take(at + i);
      return at;
    }
  }
  throw std::runtime_error("no room for a large page");
}

void PageTableWriter::set(std::uint64_t address, unsigned last_shift, std::uint64_t entry) {
  const bool is_user = address >> 63 == 0;
  std::uint64_t table = root_;
  for (unsigned shift = 39; shift > last_shift; shift -= 9) {
    const std::uint64_t slot = (table << 12) + 8 * (address >> shift & 511);
    std::uint64_t found = memory_.get(slot);
    if (found == 0) {
      const std::uint64_t made = memory_.allocate();
      found = is_user ? entry_of::user_table(made) : entry_of::table(made);
      memory_.put(slot, found);
    }
    table = found >> 12 & 0xfffffffff;
  }
  memory_.put((table << 12) + 8 * (address >> last_shift & 511), entry);
}

void PageTableWriter::share_kernel_half(std::uint64_t other_root_page) {
  for (unsigned i = 256; i < 512; i++) {
    const std::uint64_t entry = memory_.get((other_root_page << 12) + 8 * i);
    const bool is_self = (entry >> 12 & 0xfffffffff) == other_root_page;
    if (!is_self) memory_.put((root_ << 12) + 8 * i, entry);
  }
}

void PageTableWriter::map_self(unsigned index) {
  memory_.put((root_ << 12) + 8 * index, entry_of::data(root_));
}

}  // namespace ntstack::world
