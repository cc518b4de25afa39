#include "target/list.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace ntstack::target {
namespace {

// One direction of a list: `forward` by Flink, else by Blink. Stops before what was seen already.
class Follower {
 public:
  Follower(const base::ByteSource& memory, std::uint64_t head, bool is_64_bit, std::size_t most)
      : memory_(memory), head_(head), wide_(is_64_bit), most_(most) {}

  std::vector<std::uint64_t> follow(bool forward, std::string& broken) {
    std::vector<std::uint64_t> found;
    std::uint64_t at = head_;
    for (;;) {
      const auto next = link(at, forward);
      if (!next) {
        broken = fmt::format("the entry at {} is not in the dump", base::address_text(at, wide_));
        return found;
      }
      if (*next == head_) return found;
      const auto back = link(*next, !forward);
      if (back && *back != at) {
        broken = fmt::format("the entry at {} does not point back to the one before it",
                             base::address_text(*next, wide_));
        return found;
      }
      if (!seen_.insert(*next).second) {
        broken = fmt::format("the entry at {} comes again", base::address_text(*next, wide_));
        return found;
      }
      if (seen_.size() > most_) {
        broken = fmt::format("it has more than {} entries", most_);
        return found;
      }
      if (back) found.push_back(*next);
      at = *next;
    }
  }

 private:
  std::optional<std::uint64_t> link(std::uint64_t entry, bool forward) const {
    return memory_.pointer(entry + (forward ? 0 : wide_ ? 8 : 4), wide_);
  }

  const base::ByteSource& memory_;
  std::uint64_t head_;
  bool wide_;
  std::size_t most_;
  std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

ListWalk walk_list(const base::ByteSource& memory, std::uint64_t head, bool is_64_bit,
                   std::size_t most) {
  ListWalk walk;
  Follower follower(memory, head, is_64_bit, most);
  walk.entries = follower.follow(true, walk.broken);
  if (walk.broken.empty()) return walk;
  std::string broken_backwards;
  std::vector<std::uint64_t> rest = follower.follow(false, broken_backwards);
  walk.entries.insert(walk.entries.end(), rest.rbegin(), rest.rend());
  return walk;
}

}  // namespace ntstack::target
