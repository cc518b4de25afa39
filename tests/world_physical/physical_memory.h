// Physical memory of a machine: runs with holes between them, pages given out in scattered order.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "world_physical/virtual_memory.h"

namespace ntstack::world {

struct PageRun {
  std::uint64_t first = 0, count = 0;  // pages
};

class PhysicalMemory {
 public:
  // The same pages in the same order for the same runs.
  explicit PhysicalMemory(std::vector<PageRun> runs) : runs_(std::move(runs)), random_(4) {}

  const std::vector<PageRun>& runs() const { return runs_; }
  std::uint64_t page_count() const;

  // A zeroed page's number, less than `below`. Throws where memory is used up.
  std::uint64_t allocate(std::uint64_t below = UINT64_MAX);
  std::uint64_t allocate_at(std::uint64_t number);
  // Pages that lie together, the first at a multiple of their count: for a large page.
  std::uint64_t allocate_large(std::uint64_t count = 512);
  Page& page(std::uint64_t number) { return *pages_.at(number); }
  template <class T = std::uint64_t>
  void put(std::uint64_t address, std::type_identity_t<T> value) {
    std::memcpy(page(address >> 12).data() + address % 0x1000, &value, sizeof value);
  }
  template <class T = std::uint64_t>
  T get(std::uint64_t address) {
    T value;
    std::memcpy(&value, page(address >> 12).data() + address % 0x1000, sizeof value);
    return value;
  }

  // Those that something is in; all others are zeros.
  const std::map<std::uint64_t, std::unique_ptr<Page>>& pages() const { return pages_; }
  // Pages from begin_user() to end_user() are processes', and not in a kernel dump.
  void begin_user() { is_user_ = true; }
  void end_user() { is_user_ = false; }
  bool is_user(std::uint64_t number) const { return user_.contains(number); }

 private:
  bool holds(std::uint64_t number) const;
  void take(std::uint64_t number);

  std::vector<PageRun> runs_;
  std::map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::set<std::uint64_t> user_;
  std::mt19937_64 random_;
  bool is_user_ = false;
};

}  // namespace ntstack::world
