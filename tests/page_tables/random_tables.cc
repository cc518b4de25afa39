#include "random_tables.h"

#include <cstring>

namespace ntstack::tests {
namespace {

using memory::Paging;

// Pages 1 to 99: tables of one level each, in turns; the last ones lead to the code.
constexpr std::uint64_t first_table = 1, tables_a_level = 12, code_tables = 0x70, code_page = 0x7f;
constexpr std::uint64_t accessed = 0x20;  // else the processor writes it
constexpr std::uint64_t memory_pages = RandomTables::memory_size >> 12;

struct Level {
  unsigned shift, entries;
  bool may_be_large;
};
std::vector<Level> levels_of(Paging paging) {
  switch (paging) {
    case Paging::x86:
      return {{22, 1024, true}, {12, 1024, false}};
    case Paging::x86_pae:
      return {{30, 4, false}, {21, 512, true}, {12, 512, false}};
    case Paging::x64_la57:
      return {
          {48, 512, false}, {39, 512, false}, {30, 512, true}, {21, 512, true}, {12, 512, false}};
    default:
      return {{39, 512, false}, {30, 512, true}, {21, 512, true}, {12, 512, false}};
  }
}

class Maker {
 public:
  Maker(Paging paging, unsigned seed) : levels_(levels_of(paging)), random_(seed) {
    tables_.paging = paging;
    tables_.memory.resize(RandomTables::memory_size);
    for (std::uint64_t i = 0; i < tables_.memory.size(); i += 8)
      put(i, (i + 1) * 0x9e3779b97f4a7c15, 8);
  }

  RandomTables make(std::size_t count) {
    for (std::size_t level = 0; level < levels_.size(); level++)
      for (std::uint64_t i = 0; i < tables_a_level; i++) fill(table(level, i), level);
    tables_.root = table(0, 0) << 12;
    map_code();
    while (tables_.addresses.size() < count) tables_.addresses.push_back(address());
    return std::move(tables_);
  }

 private:
  std::uint64_t any(std::uint64_t below) { return random_() % below; }
  bool chance(unsigned percent) { return any(100) < percent; }
  std::size_t entry_size() const { return tables_.paging == Paging::x86 ? 4 : 8; }
  void put(std::uint64_t address, std::uint64_t value, std::size_t size) {
    std::memcpy(&tables_.memory[address], &value, size);
  }
  std::uint64_t table(std::size_t level, std::uint64_t i) const {
    return first_table + level * tables_a_level + i;
  }

  void fill(std::uint64_t page, std::size_t level) {
    for (unsigned i = 0; i < levels_[level].entries; i++)
      put((page << 12) + i * entry_size(), entry(level), entry_size());
  }
  std::uint64_t entry(std::size_t level) {
    if (chance(level + 1 == levels_.size() ? 30 : 8)) return invalid();
    if (level + 1 == levels_.size()) return leaf(any(memory_pages));
    if (levels_[level].may_be_large && chance(25)) return large(levels_[level].shift);
    return link(table(level + 1, any(tables_a_level)), level);
  }
  // Bits that a processor takes for nothing; Windows' own kinds of entries are among them.
  std::uint64_t invalid() {
    if (chance(30)) return 0;
    const std::uint64_t bits = random_();
    return bits & ~1ull;
  }
  std::uint64_t link(std::uint64_t page, std::size_t level) {
    if (tables_.paging == Paging::x86_pae && level == 0) return page << 12 | 1;
    return page << 12 | accessed | 1 | (any(0x10) << 1) | (any(8) << 9);
  }
  std::uint64_t leaf(std::uint64_t page) {
    const std::uint64_t flags = accessed | (any(0x10) << 1) | (any(0x10) << 8);
    const std::uint64_t no_execution = tables_.paging != Paging::x86 && chance(40) ? 1ull << 63 : 0;
    return page << 12 | 1 | flags | no_execution;
  }
  std::uint64_t large(unsigned shift) {
    const std::uint64_t pages = 1ull << (shift - 12);
    const bool is_there = chance(80);
    const std::uint64_t count = is_there ? std::max<std::uint64_t>(memory_pages / pages, 1) : 64;
    std::uint64_t made = leaf(any(count) * pages) | 0x80;
    if (chance(30)) made |= 0x1000;                                         // PAT
    if (tables_.paging == Paging::x86 && chance(10)) made |= any(8) << 13;  // PSE-36
    return made;
  }

  // A way of its own to the code: the last entry but one of the root.
  void map_code() {
    std::uint64_t at = tables_.root >> 12;
    for (std::size_t level = 0; level < levels_.size(); level++) {
      const bool is_last = level + 1 == levels_.size();
      const unsigned index = levels_[level].entries - 2;
      const std::uint64_t next = is_last ? code_page : code_tables + level;
      std::uint64_t made = next << 12 | accessed | 7;
      if (tables_.paging == Paging::x86_pae && level == 0) made = next << 12 | 1;
      if (!is_last) std::memset(&tables_.memory[next << 12], 0, 0x1000);
      put((at << 12) + index * entry_size(), made, entry_size());
      tables_.code |= std::uint64_t{index} << levels_[level].shift;
      at = next;
    }
    tables_.code = canonical(tables_.code);
    tables_.code_page = code_page << 12;
  }

  std::uint64_t canonical(std::uint64_t address) const {
    if (tables_.paging == Paging::x86 || tables_.paging == Paging::x86_pae)
      return address & 0xffffffff;
    const unsigned unused = tables_.paging == Paging::x64_la57 ? 7 : 16;
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << unused) >> unused);
  }
  // Not at a page's last bytes: the processor reads 8 at once.
  std::uint64_t address() {
    const std::uint64_t made = canonical(random_());
    return (made & ~0xfffull) | (any(0x1ff) * 8);
  }

  std::vector<Level> levels_;
  std::mt19937_64 random_;
  RandomTables tables_;
};

}  // namespace

RandomTables random_tables(Paging paging, unsigned seed, std::size_t count) {
  return Maker(paging, seed).make(count);
}

}  // namespace ntstack::tests
