// Rules of addresses that were stepped from before: the same frames are on many stacks.
// Direct-mapped, one cache line an entry; a new rule takes the place of an old one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "unwind/x64_rule.h"

namespace ntstack::unwind::x64 {

class RuleCache {
 public:
  // 2^bits pairs of entries of 64 bytes.
  explicit RuleCache(unsigned bits = 12);

  // The rule of a step from `rip` in this code map, or null. A code map keeps its modules, and
  // outlives its entries here; forget() is for one that doesn't.
  const Rule* find(const CodeMap& code, std::uint64_t rip, bool is_call_site) {
    const Pair& pair = pairs_[index_of(rip)];
    const std::uintptr_t key = key_of(code, is_call_site);
    for (const Entry& entry : pair.entries) {
      if (entry.rip != rip || entry.key != key) continue;
      ++hits_;
      return &entry.rule;
    }
    ++misses_;
    return nullptr;
  }
  void insert(const CodeMap& code, std::uint64_t rip, bool is_call_site, const Rule& rule) {
    Pair& pair = pairs_[index_of(rip)];
    pair.entries[1] = pair.entries[0];
    pair.entries[0] = Entry{rip, key_of(code, is_call_site), rule};
  }
  void forget();

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct alignas(64) Entry {
    std::uint64_t rip = 0;
    std::uintptr_t key = 0;  // 0: empty
    Rule rule;
  };
  static_assert(sizeof(Entry) == 64);
  struct Pair {
    std::array<Entry, 2> entries;
  };

  // A code map's address is even: its lowest bit says whether the address is a call site.
  static std::uintptr_t key_of(const CodeMap& code, bool is_call_site) {
    return reinterpret_cast<std::uintptr_t>(&code) | (is_call_site ? 1u : 0u);
  }
  std::size_t index_of(std::uint64_t rip) const {
    const std::uint64_t mixed = (rip ^ (rip >> 23)) * 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>((mixed ^ (mixed << 29)) >> shift_);
  }

  unsigned shift_;
  std::vector<Pair> pairs_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace ntstack::unwind::x64
