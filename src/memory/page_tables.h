// Virtual memory through a processor's page tables, over physical memory with holes: what the
// hardware maps, and what Windows' own invalid entries still lead to.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/byte_source.h"

namespace ntstack::memory {

enum class Paging : std::uint8_t {
  x86,       // two levels of 4-byte entries
  x86_pae,   // three levels of 8-byte entries
  x64,       // four levels
  x64_la57,  // five levels
  arm64      // four levels, 4 KB granule, both halves of the address space from one table
};
std::string_view name_of(Paging paging);

struct Translation {
  std::uint64_t physical = 0;
  std::uint64_t bytes = 0;         // from here to the end of the page
  bool in_transition = false;      // not mapped, but its page still held the contents
  bool through_prototype = false;  // found in a shared section's prototype entry
};

enum class Fault : std::uint8_t {
  not_canonical,  // no address of this paging
  table_missing,  // a page table is not in the dump
  not_mapped,     // an entry is empty
  paged_out,      // the entry names a place in a page file
  demand_zero,    // the page would be made of zeros when touched
  looping         // prototype entries that lead to one another
};
std::string_view text_of(Fault fault);

class PageTables : public base::ByteSource {
 public:
  // `physical` outlives this. `root`: CR3, or TTBR; bits that are no address are ignored.
  PageTables(const base::ByteSource& physical, Paging paging, std::uint64_t root);

  Paging paging() const { return paging_; }
  std::uint64_t root() const { return root_; }
  std::expected<Translation, Fault> translate(std::uint64_t address) const;

  // The first page from `address` to `last` whose contents the tables lead to; what no table maps
  // is passed over a whole entry at a time. Each look-up takes one of `steps`, and at 0 the answer
  // is nothing.
  struct Mapped {
    std::uint64_t address = 0, physical = 0;
    std::uint64_t bytes = 0;  // to the end of the page
  };
  std::optional<Mapped> next_mapped(std::uint64_t address, std::uint64_t last,
                                    std::uint64_t& steps) const;

  // Read through the tables: a page that is mapped and not in the dump is a hole as well. Not to be
  // called from two threads at once: translations are remembered.
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

 private:
  struct Level {
    std::uint8_t shift;  // of the index
    std::uint8_t bits;   // of the index
    bool may_be_large;   // an entry may map a page of 1 << shift bytes
  };
  struct Walk {
    std::expected<Translation, Fault> result = std::unexpected(Fault::not_mapped);
    unsigned shift = 12;  // bytes that the deciding entry covers, as a power of two
  };
  std::span<const Level> levels() const;
  bool is_canonical(std::uint64_t address) const;
  std::uint64_t next_canonical(std::uint64_t address) const;
  std::optional<std::uint64_t> entry(std::uint64_t table, std::uint64_t index) const;
  Walk walk(std::uint64_t address, int depth) const;
  Walk walk_uncached(std::uint64_t address, int depth) const;
  std::expected<Translation, Fault> software_entry(std::uint64_t entry, std::uint64_t offset,
                                                   int depth) const;
  std::expected<Translation, Fault> through_prototype(std::uint64_t entry, std::uint64_t offset,
                                                      int depth) const;
  std::uint64_t frame_of(std::uint64_t entry) const;
  std::uint64_t frame_of_transition(std::uint64_t entry) const;
  bool has_byte(std::uint64_t physical) const;

  const base::ByteSource& physical_;
  Paging paging_;
  std::uint64_t root_;

  struct Remembered {
    std::uint64_t page = UINT64_MAX;  // virtual, by 4 KB
    std::uint64_t physical = 0;
  };
  mutable std::array<Remembered, 256> remembered_;
};

}  // namespace ntstack::memory
