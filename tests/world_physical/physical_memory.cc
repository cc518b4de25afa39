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

std::uint64_t PhysicalMemory::allocate(std::uint64_t below) {
  const std::uint64_t count = page_count();
  if (pages_.size() >= count) throw std::runtime_error("physical memory is used up");
  for (;;) {
    std::uint64_t index = random_() % count;
    for (const PageRun& run : runs_) {
      if (index >= run.count) {
        index -= run.count;
        continue;
      }
      if (pages_.contains(run.first + index) || run.first + index >= below) break;
      take(run.first + index);
      return run.first + index;
    }
  }
}

std::uint64_t PhysicalMemory::allocate_large(std::uint64_t count) {
  for (const PageRun& run : runs_) {
    for (std::uint64_t at = (run.first + count - 1) / count * count;
         at + count <= run.first + run.count; at += count) {
      const auto taken = pages_.lower_bound(at);
      if (taken != pages_.end() && taken->first < at + count) continue;
      for (std::uint64_t i = 0; i < count; i++) take(at + i);
      return at;
    }
  }
  throw std::runtime_error("no room for a large page");
}

}  // namespace ntstack::world
