// Page tables in physical memory, of each processor that Windows runs on: as the processor reads
// them, and with the entries that Windows leaves where the processor finds nothing.
#pragma once

#include <cstdint>
#include <span>

#include "world_physical/physical_memory.h"

namespace ntstack::world {

enum class TableKind : std::uint8_t {
  x64,      // four levels
  x86,      // two levels of 32-bit entries, large pages of 4 MB
  x86_pae,  // three levels; the root is four entries anywhere below 4 GB
  arm64     // four levels of 4 KB, both halves of the address space from one root
};
// Bytes that a large page has.
std::uint64_t large_page_size(TableKind kind);

// What an entry says, whatever the tables' kind.
struct TableEntry {
  enum class What : std::uint8_t {
    table,
    data,
    large,
    transition,  // not mapped, the contents still there
    prototype,   // what a shared section's own entry says
    paged_out
  };
  What what = What::table;
  std::uint64_t value = 0;  // a page's number, an address, a place in the page file
  bool is_user = false;
};
namespace entry_of {
inline constexpr TableEntry table(std::uint64_t page) { return {TableEntry::What::table, page}; }
inline constexpr TableEntry user_table(std::uint64_t page) {
  return {TableEntry::What::table, page, true};
}
inline constexpr TableEntry data(std::uint64_t page) { return {TableEntry::What::data, page}; }
inline constexpr TableEntry user_data(std::uint64_t page) {
  return {TableEntry::What::data, page, true};
}
inline constexpr TableEntry large(std::uint64_t page) { return {TableEntry::What::large, page}; }
inline constexpr TableEntry transition(std::uint64_t page) {
  return {TableEntry::What::transition, page};
}
inline constexpr TableEntry prototype(std::uint64_t address) {
  return {TableEntry::What::prototype, address};
}
inline constexpr TableEntry paged_out(std::uint64_t place) {
  return {TableEntry::What::paged_out, place};
}
}  // namespace entry_of

// Its bits: as the processors' manuals have them, and for those that are not present the public PDB
// types _MMPTE_TRANSITION, _MMPTE_PROTOTYPE, _MMPTE_SOFTWARE of the kernel. Throws where they are
// not known.
std::uint64_t bits_of(TableKind kind, const TableEntry& entry);
// False for ARM64's transitions and prototypes, which no public type tells, and for prototypes of
// x86's two levels, whose places count from a variable of the kernel.
bool is_known(TableKind kind, TableEntry::What what);

// The tables below one root.
class PageTableWriter {
 public:
  PageTableWriter(PhysicalMemory& memory, TableKind kind, std::uint64_t root)
      : memory_(memory), kind_(kind), root_(root) {}
  static std::uint64_t allocate_root(PhysicalMemory& memory, TableKind kind);

  void map(std::uint64_t address, const TableEntry& entry) { set(address, last_shift(), entry); }
  void map_large(std::uint64_t address, std::uint64_t page);
  // The kernel's half of the tables at `other_root`, but for where the tables map themselves.
  void share_kernel_half(std::uint64_t other_root);
  // The tables appear in memory themselves, from `address` (PTE_BASE) on.
  void map_self(std::uint64_t address);

 private:
  struct Level {
    unsigned shift, bits;
  };
  static constexpr unsigned last_shift() { return 12; }
  std::span<const Level> levels() const;
  std::uint64_t entry_size() const { return kind_ == TableKind::x86 ? 4 : 8; }
  std::uint64_t get(std::uint64_t table, std::uint64_t index);
  void put(std::uint64_t table, std::uint64_t index, std::uint64_t bits);
  bool is_user(std::uint64_t address) const;
  void set(std::uint64_t address, unsigned last_shift, const TableEntry& entry);
  // The address of the table that an entry leads to, made where there is none.
  std::uint64_t table_at(std::uint64_t table, std::uint64_t index, bool is_root, bool is_user);
  void share_entries(std::uint64_t from, std::uint64_t to, unsigned begin, unsigned end);

  PhysicalMemory& memory_;
  TableKind kind_;
  std::uint64_t root_;  // its address
};

}  // namespace ntstack::world
