// Rules of addresses that were stepped from before: the same frames are on many stacks.
// Direct-mapped in pairs, one cache line an entry; a new rule takes the place of an old one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "unwind/code_map.h"

namespace ntstack::unwind {

template <class Rule>
class AnyRuleCache {
 public:
  // 2^bits pairs of entries of 64 bytes.
  explicit AnyRuleCache(unsigned bits = 12)
      : shift_(64 - std::clamp(bits, 1u, 24u)), pairs_(std::size_t{1} << (64 - shift_)) {}

  // The rule of a step from `pc` in this code map, or null. A code map keeps its modules, and
  // outlives its entries here; forget() is for one that doesn't.
  const Rule* find(const CodeMap& code, std::uint64_t pc, bool is_call_site) {
    const Pair& pair = pairs_[index_of(pc)];
    const std::uintptr_t key = key_of(code, is_call_site);
    for (const Entry& entry : pair.entries) {
      if (entry.pc != pc || entry.key != key) continue;
      ++hits_;
      return &entry.rule;
    }
    ++misses_;
    return nullptr;
  }
  void insert(const CodeMap& code, std::uint64_t pc, bool is_call_site, const Rule& rule) {
    Pair& pair = pairs_[index_of(pc)];
    pair.entries[1] = pair.entries[0];
    pair.entries[0] = Entry{pc, key_of(code, is_call_site), rule};
  }
  void forget() { std::ranges::fill(pairs_, Pair{}); }

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct alignas(64) Entry {
    std::uint64_t pc = 0;
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
  std::size_t index_of(std::uint64_t pc) const {
    const std::uint64_t mixed = (pc ^ (pc >> 23)) * 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>((mixed ^ (mixed << 29)) >> shift_);
  }

  unsigned shift_;
  std::vector<Pair> pairs_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace ntstack::unwind
