// Physical memory of a machine: runs with holes between them, pages given out in scattered order;
// and page tables of x64 (4 levels) in it.
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

  // A zeroed page's number. Throws where memory is used up.
  std::uint64_t allocate();
  std::uint64_t allocate_at(std::uint64_t number);
  // 512 pages that lie together, for a large page.
  std::uint64_t allocate_large();
  Page& page(std::uint64_t number) { return *pages_.at(number); }
  void put(std::uint64_t address, std::uint64_t value) {
    std::memcpy(page(address >> 12).data() + address % 0x1000, &value, sizeof value);
  }
  std::uint64_t get(std::uint64_t address) {
    std::uint64_t value;
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

// Entries as processors read them, and as Windows leaves them in tables (public PDB types
// _MMPTE_HARDWARE, _MMPTE_TRANSITION, _MMPTE_PROTOTYPE, _MMPTE_SOFTWARE).
namespace entry_of {
inline constexpr std::uint64_t table(std::uint64_t page) { return page << 12 | 0x63; }
inline constexpr std::uint64_t user_table(std::uint64_t page) { return page << 12 | 0x67; }
inline constexpr std::uint64_t data(std::uint64_t page) { return 1ull << 63 | page << 12 | 0x63; }
inline constexpr std::uint64_t user_data(std::uint64_t page) {
  return 1ull << 63 | page << 12 | 0x67;
}
inline constexpr std::uint64_t large(std::uint64_t page) { return page << 12 | 0xe3; }
inline constexpr std::uint64_t transition(std::uint64_t page) { return page << 12 | 0x880; }
inline constexpr std::uint64_t prototype(std::uint64_t address) { return address << 16 | 0x400; }
inline constexpr std::uint64_t paged_out(std::uint64_t place) { return place << 32 | 0x80; }
}  // namespace entry_of

// The tables below one root.
class PageTableWriter {
 public:
  PageTableWriter(PhysicalMemory& memory, std::uint64_t root_page)
      : memory_(memory), root_(root_page) {}

  void map(std::uint64_t address, std::uint64_t entry) { set(address, 12, entry); }
  void map_large(std::uint64_t address, std::uint64_t page) {
    set(address, 21, entry_of::large(page));
  }
  // The upper half of `other`, but for where the tables map themselves.
  void share_kernel_half(std::uint64_t other_root_page);
  // The tables appear in memory themselves, through this entry of the root.
  void map_self(unsigned index);

 private:
  void set(std::uint64_t address, unsigned last_shift, std::uint64_t entry);

  PhysicalMemory& memory_;
  std::uint64_t root_;
};

}  // namespace ntstack::world
