#include "world_physical/page_table_writer.h"

#include <stdexcept>

namespace ntstack::world {
namespace {

using What = TableEntry::What;

constexpr std::uint64_t page_below_4_gb = 0x100000;

std::uint64_t address_in(std::uint64_t entry) { return entry & 0x0000'ffff'ffff'f000; }

// Present entries of x86 and x64: valid, writable, accessed, dirty; bit 2 lets user mode in, bit 63
// keeps the processor from executing it.
std::uint64_t present_intel(TableKind kind, const TableEntry& entry) {
  const std::uint64_t user = entry.is_user ? 4 : 0, at = entry.value << 12;
  const bool has_no_execute = kind != TableKind::x86;
  switch (entry.what) {
    case What::table:
      return at | 0x63 | user;
    case What::large:
      return at | 0xe3;
    default:
      return at | 0x63 | user | (has_no_execute ? 1ull << 63 : 0);
  }
}

// Descriptors of the ARM architecture: valid, table or page; AttrIndx 1, AF, inner shareable; bit 6
// lets EL0 in, bits 53 and 54 keep both from executing it.
std::uint64_t present_arm64(const TableEntry& entry) {
  const std::uint64_t at = entry.value << 12, page = 0x704 | (entry.is_user ? 0x40 : 0);
  switch (entry.what) {
    case What::table:
      return at | 3;
    case What::large:
      return at | page | 1;
    default:
      return at | page | 3 | 3ull << 53;
  }
}

std::uint64_t absent(TableKind kind, const TableEntry& entry) {
  if (!is_known(kind, entry.what)) throw std::runtime_error("such an entry's bits are not known");
  switch (entry.what) {
    case What::transition:
      return entry.value << 12 | 0x880;
    case What::prototype:
      return entry.value << (kind == TableKind::x86_pae ? 32 : 16) | 0x400;
    default:
      return entry.value << (kind == TableKind::x86 ? 12 : 32) | 0x80;
  }
}

}  // namespace

std::uint64_t large_page_size(TableKind kind) {
  return kind == TableKind::x86 ? 0x400000 : 0x200000;
}

bool is_known(TableKind kind, What what) {
  if (what == What::prototype) return kind == TableKind::x64 || kind == TableKind::x86_pae;
  return what != What::transition || kind != TableKind::arm64;
}

std::uint64_t bits_of(TableKind kind, const TableEntry& entry) {
  if (entry.what == What::transition || entry.what == What::prototype ||
      entry.what == What::paged_out)
    return absent(kind, entry);
  return kind == TableKind::arm64 ? present_arm64(entry) : present_intel(kind, entry);
}

std::uint64_t PageTableWriter::allocate_root(PhysicalMemory& memory, TableKind kind) {
  if (kind == TableKind::x64 || kind == TableKind::arm64) return memory.allocate() << 12;
  const std::uint64_t page = memory.allocate(page_below_4_gb) << 12;
  // Many processes' four entries share a page.
  return kind == TableKind::x86_pae ? page + 0x20 * (page / 0x1000 % 0x7f + 1) : page;
}

std::span<const PageTableWriter::Level> PageTableWriter::levels() const {
  static constexpr Level two[] = {{22, 10}, {12, 10}};
  static constexpr Level three[] = {{30, 2}, {21, 9}, {12, 9}};
  static constexpr Level four[] = {{39, 9}, {30, 9}, {21, 9}, {12, 9}};
  if (kind_ == TableKind::x86) return two;
  if (kind_ == TableKind::x86_pae) return three;
  return four;
}

std::uint64_t PageTableWriter::get(std::uint64_t table, std::uint64_t index) {
  const std::uint64_t at = table + entry_size() * index;
  return entry_size() == 4 ? memory_.get<std::uint32_t>(at) : memory_.get(at);
}

void PageTableWriter::put(std::uint64_t table, std::uint64_t index, std::uint64_t bits) {
  const std::uint64_t at = table + entry_size() * index;
  if (entry_size() == 4)
    memory_.put<std::uint32_t>(at, static_cast<std::uint32_t>(bits));
  else
    memory_.put(at, bits);
}

bool PageTableWriter::is_user(std::uint64_t address) const {
  const bool is_32_bit = kind_ == TableKind::x86 || kind_ == TableKind::x86_pae;
  return address >> (is_32_bit ? 31 : 63) == 0;
}

std::uint64_t PageTableWriter::table_at(std::uint64_t table, std::uint64_t index, bool is_root,
                                        bool is_user) {
  if (const std::uint64_t found = get(table, index); found != 0) return address_in(found);
  const std::uint64_t made =
      memory_.allocate(kind_ == TableKind::x86 ? page_below_4_gb : UINT64_MAX);
  // The root of PAE's tables has nothing but whether an entry is there.
  const bool is_bare = kind_ == TableKind::x86_pae && is_root;
  put(table, index, is_bare ? made << 12 | 1 : bits_of(kind_, {What::table, made, is_user}));
  return made << 12;
}

void PageTableWriter::set(std::uint64_t address, unsigned last_shift, const TableEntry& entry) {
  std::uint64_t table = root_;
  for (const Level& level : levels()) {
    const std::uint64_t index = address >> level.shift & ((1ull << level.bits) - 1);
    if (level.shift == last_shift) {
      put(table, index, bits_of(kind_, entry));
      return;
    }
    table = table_at(table, index, table == root_, is_user(address));
  }
}

void PageTableWriter::map_large(std::uint64_t address, std::uint64_t page) {
  set(address, kind_ == TableKind::x86 ? 22 : 21, entry_of::large(page));
}

void PageTableWriter::share_entries(std::uint64_t from, std::uint64_t to, unsigned begin,
                                    unsigned end) {
  for (unsigned i = begin; i < end; i++) {
    const std::uint64_t entry = get(from, i);
    if (entry != 0 && address_in(entry) != address_in(from)) put(to, i, entry);
  }
}

void PageTableWriter::share_kernel_half(std::uint64_t other_root) {
  const unsigned entries = 0x1000 / static_cast<unsigned>(entry_size());
  if (kind_ != TableKind::x86_pae) {
    share_entries(other_root, root_, entries / 2, entries);
    return;
  }
  // Each process has page directories of its own, all four; the last one's first four entries are
  // where they appear themselves.
  for (unsigned i = 2; i < 4; i++) {
    const std::uint64_t from = address_in(get(other_root, i));
    if (from != 0) share_entries(from, table_at(root_, i, true, false), i == 3 ? 4 : 0, entries);
  }
}

void PageTableWriter::map_self(std::uint64_t address) {
  if (kind_ != TableKind::x86_pae) {
    const Level& first = levels().front();
    const std::uint64_t index = address >> first.shift & ((1ull << first.bits) - 1);
    put(root_, index, bits_of(kind_, entry_of::data(root_ >> 12)));
    return;
  }
  const std::uint64_t last = table_at(root_, 3, true, false);
  for (unsigned i = 0; i < 4; i++) {
    const std::uint64_t directory = table_at(root_, i, true, false);
    put(last, i, bits_of(kind_, entry_of::data(directory >> 12)));
  }
}

}  // namespace ntstack::world
