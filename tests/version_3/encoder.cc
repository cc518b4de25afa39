#include "version_3/encoder.h"

#include <algorithm>

namespace ntstack::tests {
namespace {

using Octets = std::vector<std::uint8_t>;

void add(Octets& out, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

// "WOD layouts (bit-level)".
void add_operation(Octets& pool, const Operation& operation, bool far) {
  const std::uint32_t amount = operation.amount;
  const int number = operation.number;
  switch (operation.does) {
    case Does::push:
      return add(pool, static_cast<std::uint64_t>(number << 3 | 4), 1);
    case Does::alloc:
      if (!far && amount <= 128) return add(pool, (amount / 8 - 1) << 4 | 8, 1);
      if (!far && amount / 8 <= 0xffff) return add(pool, 0x02 | amount / 8 << 8, 3);
      return add(pool, 0x01 | std::uint64_t{amount} << 8, 5);
    case Does::set_frame:
      return add(pool, static_cast<std::uint64_t>(number) << 8 | amount / 16 << 12, 2);
    case Does::save:
      if (!far && amount / 8 <= 0xffff)
        return add(pool, static_cast<std::uint64_t>(number << 3 | 6) | amount / 8 << 8, 3);
      return add(pool, static_cast<std::uint64_t>(number << 3 | 5) | std::uint64_t{amount} << 8, 5);
    case Does::save_xmm:
      if (!far && amount / 16 <= 0xffff)
        return add(pool, static_cast<std::uint64_t>(number << 4 | 10) | amount / 16 << 8, 3);
      return add(pool, static_cast<std::uint64_t>(number << 4 | 9) | std::uint64_t{amount} << 8, 5);
    case Does::push_frame:
      return add(pool, 0x03u | static_cast<std::uint64_t>(number) << 8, 2);
  }
}

Octets pool_of(const std::vector<Operation>& operations, bool far) {
  Octets pool;
  for (const Operation& operation : operations) add_operation(pool, operation, far);
  return pool;
}

std::uint32_t largest_offset(const std::vector<Operation>& operations) {
  std::uint32_t largest = 0;
  for (const Operation& operation : operations) largest = std::max(largest, operation.ip_offset);
  return largest;
}

// Where `wanted` begins in the pool; it is put there where it is not yet.
std::size_t place_in_pool(Octets& pool, const Octets& wanted, bool may_share) {
  if (may_share) {
    const auto found = std::ranges::search(pool, wanted);
    if (!found.empty()) return static_cast<std::size_t>(found.begin() - pool.begin());
  }
  pool.insert(pool.end(), wanted.begin(), wanted.end());
  return pool.size() - wanted.size();
}

bool are_alike(const EncodedEpilog& a, const EncodedEpilog& b) {
  return a.last == b.last &&
         std::ranges::equal(a.operations, b.operations, [](const auto& x, const auto& y) {
           return x.does == y.does && x.number == y.number && x.amount == y.amount &&
                  x.ip_offset == y.ip_offset;
         });
}

class Writer {
 public:
  Writer(const Fragment& fragment, const Forms& forms) : fragment_(fragment), forms_(forms) {}

  std::optional<Octets> write() {
    const bool large = forms_.large_prolog || fragment_.prolog_size > 0xff ||
                       largest_offset(fragment_.prolog) > 0xff;
    if (fragment_.prolog.size() > 31 || fragment_.epilogs.size() > 7) return {};
    if (fragment_.prolog_size > 0xffff) return {};
    if (large) add(payload_, fragment_.prolog_size >> 8, 1);
    add_offsets(fragment_.prolog, large);
    pool_ = pool_of(fragment_.prolog, forms_.far);
    if (!add_epilogs()) return {};
    payload_.insert(payload_.end(), pool_.begin(), pool_.end());
    if (payload_.size() % 2 != 0) payload_.push_back(0);
    if (payload_.size() > 2 * 255) return {};
    return with_header(large);
  }

 private:
  void add_offsets(const std::vector<Operation>& operations, bool large) {
    for (const Operation& operation : operations) add(payload_, operation.ip_offset, large ? 2 : 1);
  }

  bool add_epilogs() {
    std::vector<EncodedEpilog> epilogs = fragment_.epilogs;
    if (forms_.from_tail) std::ranges::reverse(epilogs);
    std::int64_t previous = forms_.from_tail ? fragment_.size : 0;
    for (std::size_t i = 0; i < epilogs.size(); ++i) {
      const std::int64_t offset = std::int64_t{epilogs[i].start} - previous;
      if (offset < -0x8000 || offset > 0x7fff) return false;
      previous = epilogs[i].start;
      const bool inherits = forms_.inherits && i > 0 && are_alike(epilogs[i], epilogs[i - 1]);
      if (!add_epilog(epilogs[i], static_cast<std::uint16_t>(offset), inherits)) return false;
    }
    return true;
  }

  bool add_epilog(const EncodedEpilog& epilog, std::uint16_t offset, bool inherits) {
    const std::size_t count = epilog.operations.size();
    const bool large = forms_.large_epilogs || epilog.last > 0xff;
    if (count == 0 || count > 31 || epilog.last > 0xffff) return false;
    add(payload_, (inherits ? 0 : count << 3) | (large ? 2u : 0u), 1);
    add(payload_, offset, 2);
    if (inherits) return true;
    add(payload_, place_in_pool(pool_, pool_of(epilog.operations, forms_.far), forms_.shares_pool),
        2);
    add(payload_, epilog.last, large ? 2 : 1);
    add_offsets(epilog.operations, large);
    return true;
  }

  Octets with_header(bool large) const {
    const unsigned flags =
        (fragment_.parent ? 4u : 0u) | (fragment_.handler ? 1u : 0u) | (large ? 8u : 0u);
    Octets out;
    add(out, flags << 3 | 3, 1);
    add(out, fragment_.prolog_size & 0xff, 1);
    add(out, payload_.size() / 2, 1);
    add(out, fragment_.epilogs.size() << 5 | fragment_.prolog.size(), 1);
    out.insert(out.end(), payload_.begin(), payload_.end());
    out.resize((out.size() + 3) & ~std::size_t{3});
    if (fragment_.parent) {
      add(out, fragment_.parent->begin, 4);
      add(out, fragment_.parent->end, 4);
      add(out, fragment_.parent->unwind, 4);
    } else if (fragment_.handler) {
      add(out, *fragment_.handler, 4);
    }
    return out;
  }

  const Fragment& fragment_;
  const Forms& forms_;
  Octets payload_;
  Octets pool_;
};

}  // namespace

std::optional<Octets> encode(const Fragment& fragment, const Forms& forms) {
  return Writer(fragment, forms).write();
}

}  // namespace ntstack::tests
