#include "target/kernel/kdbg_search.h"

#include <algorithm>
#include <bit>

#include "target/kernel/kdbg.h"
#include "target/kernel/kdbg_encoding.h"
#include "target/kernel/kernel_data.h"
#include "target/kernel/processor_region.h"

namespace ntstack::target {
namespace {

constexpr std::uint32_t kTag = 0x4742444b;
constexpr std::uint64_t kTagAt = 0x10, kBaseAt = 0x18;
constexpr std::uint64_t kFirstEncodedSize = 0x340, kLastEncodedSize = 0x400;
constexpr std::size_t kFilterBits = 1 << 16;

// The two words "tag and size" and "base", encoded, differ by what neither constant of the key
// changes but by rotation: a few thousand values for all sizes, that no other pair of words is
// likely to have.
class EncodedPairs {
 public:
  explicit EncodedPairs(std::uint64_t kernel_base) : filter_(kFilterBits) {
    for (std::uint64_t size = kFirstEncodedSize; size <= kLastEncodedSize; size += 4) {
      const std::uint64_t mixed = __builtin_bswap64((kTag | size << 32) ^ kernel_base);
      for (int rotation = 0; rotation < 64; ++rotation) {
        values_.push_back(std::rotr(mixed, rotation));
        filter_[values_.back() % kFilterBits] = true;
      }
    }
    std::ranges::sort(values_);
  }
  bool contains(std::uint64_t value) const {
    return filter_[value % kFilterBits] && std::ranges::binary_search(values_, value);
  }

 private:
  std::vector<std::uint64_t> values_;
  std::vector<bool> filter_;
};

class KdbgSearch {
 public:
  KdbgSearch(const base::ByteSource& memory, const KernelImage& nt, bool is_64_bit)
      : memory_(memory), nt_(nt), is_64_bit_(is_64_bit) {}

  std::optional<KdbgFound> by_version_block(std::uint64_t address) {
    const auto block = read_version_block(memory_, address, is_64_bit_);
    if (!block || block->debugger_data_list == 0) return std::nullopt;
    const auto first = memory_.pointer(block->debugger_data_list, is_64_bit_);
    for (const std::uint64_t at : {first.value_or(0), block->debugger_data_list})
      if (at != 0 && (take_plain(at) || take_encoded(at))) return taken("KdVersionBlock");
    return std::nullopt;
  }

  std::optional<KdbgFound> by_search() {
    const bool plain = for_each_data(
        memory_, nt_, [&](std::uint64_t address, base::Bytes bytes, std::size_t scan) {
          for (std::size_t at = 0; at < scan; at += 4) {
            if (bytes.get_or<std::uint32_t>(at + kTagAt, 0) == kTag && take_plain(address + at))
              return true;
          }
          return false;
        });
    if (plain) return taken("a search of nt's data");
    if (!is_64_bit_) return std::nullopt;
    const EncodedPairs pairs(nt_.base);
    const bool encoded = for_each_data(
        memory_, nt_, [&](std::uint64_t address, base::Bytes bytes, std::size_t scan) {
          std::uint64_t word = bytes.get_or<std::uint64_t>(kTagAt, 0);
          for (std::size_t at = 0; at < scan; at += 8) {
            const std::uint64_t next = bytes.get_or<std::uint64_t>(at + kBaseAt, 0);
            if (pairs.contains(word ^ next) && take_encoded(address + at)) return true;
            word = next;
          }
          return false;
        });
    return encoded ? taken("a search of nt's data") : std::nullopt;
  }

 private:
  bool take_plain(std::uint64_t address) {
    auto block = read_kdbg(memory_, address, nullptr);
    return block && take(address, std::move(*block), false);
  }
  bool take_encoded(std::uint64_t address) {
    auto block = read_kdbg_without_key(memory_, address, nt_.base);
    return block && take(address, std::move(*block), true);
  }
  bool take(std::uint64_t address, std::vector<std::byte> block, bool encoded) {
    if (!is_kdbg_of(base::Bytes(std::span(block)), nt_, is_64_bit_)) return false;
    found_ = {address, std::move(block), encoded, ""};
    return true;
  }
  std::optional<KdbgFound> taken(const char* found_by) {
    found_.found_by = found_by;
    return std::move(found_);
  }

  const base::ByteSource& memory_;
  const KernelImage& nt_;
  bool is_64_bit_;
  KdbgFound found_;
};

}  // namespace

bool is_kdbg_of(base::Bytes block, const KernelImage& nt, bool is_64_bit) {
  const auto kdbg = Kdbg::parse(block);
  if (!kdbg || kdbg->kernel_base(is_64_bit) != nt.base) return false;
  for (const auto& list :
       {kdbg->loaded_module_list(is_64_bit), kdbg->active_process_head(is_64_bit)}) {
    if (!list || !nt.contains(*list) || *list % 4 != 0) return false;
  }
  return true;
}

std::optional<KdbgFound> find_kdbg(const base::ByteSource& memory, const KernelImage& nt,
                                   std::uint64_t version_block, bool is_64_bit) {
  KdbgSearch search(memory, nt, is_64_bit);
  if (version_block != 0) {
    if (auto found = search.by_version_block(version_block)) return found;
  }
  return search.by_search();
}

}  // namespace ntstack::target
