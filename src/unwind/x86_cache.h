// Rules of addresses that were stepped from before, return addresses that were judged before, and
// programs, compiled once each: the same frames are on many stacks. A new entry takes the place of
// an old one. About a megabyte by default.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "unwind/x86_rule.h"

namespace ntstack::unwind::x86 {

// One walk at a time uses it. A code map keeps its modules, and its code and records do not change
// as long as it has entries here; forget() is for one that doesn't.
class RuleCache {
 public:
  // 2^bits pairs of rules, and twice as many of return addresses.
  explicit RuleCache(unsigned bits = 10);

  // Both are valid until the next call of the same.
  const Rule& rule(const CodeMap& code, const base::ByteSource& memory, std::uint32_t eip,
                   bool is_call_site);
  const ReturnSite& return_site(const CodeMap& code, const base::ByteSource& memory,
                                std::uint32_t value);
  // The state at EIP, if its function begins at `start`.
  const std::optional<FrameState>& state(const CodeMap& code, const base::ByteSource& memory,
                                         std::uint32_t start, std::uint32_t eip, bool is_call_site);
  void forget();

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Key {
    std::uintptr_t map = 0;  // 0: empty; the lowest bit: a call site
    std::uint32_t address = 0, start = 0;
    bool operator==(const Key&) const = default;
  };
  // Pairs of entries: of two that meet, both stay.
  template <class Value>
  struct Table {
    struct Entry {
      Key key;
      Value value;
    };
    std::vector<std::array<Entry, 2>> pairs;

    // The entry of a key: its old one, or a new one in the place of the pair's older, with an empty
    // key then.
    Entry& at(const Key& key) {
      auto& pair = pairs[index_of(key, pairs.size())];
      if (pair[0].key == key) return pair[0];
      if (pair[1].key != key) {
        std::swap(pair[0], pair[1]);
        pair[0] = Entry{};
        return pair[0];
      }
      return pair[1];
    }
    void clear() { std::fill(pairs.begin(), pairs.end(), std::array<Entry, 2>{}); }
  };

  static Key key_of(const CodeMap& code, std::uint32_t address, bool is_call_site,
                    std::uint32_t start = 0) {
    return {reinterpret_cast<std::uintptr_t>(&code) | (is_call_site ? 1u : 0u), address, start};
  }
  static std::size_t index_of(const Key& key, std::size_t size) {
    const std::uint64_t mixed =
        (key.address ^ std::uint64_t{key.start} << 32 ^ (key.map & 1) << 31) * 0x9e3779b97f4a7c15u;
    return static_cast<std::size_t>(mixed >> 40) & (size - 1);
  }
  CompiledProgram compiled(std::string_view text);

  Table<Rule> rules_;
  Table<ReturnSite> sites_;
  Table<std::optional<FrameState>> states_;
  std::unordered_map<std::string, CompiledProgram> programs_;
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
};

}  // namespace ntstack::unwind::x86
