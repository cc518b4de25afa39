// What mutators of our own share: a source of chance, and libFuzzer's mutation put upon one stretch
// of an input, so that what stands around it stays as it is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "base/bytes.h"

// libFuzzer's, or fuzz_replay's.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace ntstack::fuzz {

using Data = std::vector<std::uint8_t>;

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed + 1) {}
  std::size_t below(std::size_t count) { return count == 0 ? 0 : random_() % count; }
  bool one_in(std::size_t count) { return below(count) == 0; }
  // A place or size that parsers mistake: near an end, or far beyond it.
  std::uint32_t odd_number(std::size_t size) {
    const auto near = static_cast<std::uint32_t>(size);
    const std::uint32_t numbers[] = {0,          1,          near - 1,   near,       near + 1,
                                     near / 2,   0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0,
                                     0xfffff000, 0x1000,     near - 8,   near & ~7u};
    return numbers[below(std::size(numbers))];
  }

 private:
  std::minstd_rand random_;
};

template <class T>
T get(std::span<const std::uint8_t> data, std::size_t at) {
  return base::Bytes::of(data).get_or<T>(at, T{});
}
template <class T>
void put(std::span<std::uint8_t> data, std::size_t at, T value) {
  if (at <= data.size() && data.size() - at >= sizeof value)
    std::memcpy(&data[at], &value, sizeof value);
}

// Changes [begin, begin + size) and keeps its length.
inline void mutate_in_place(std::span<std::uint8_t> data, std::size_t begin, std::size_t size) {
  if (begin >= data.size()) return;
  size = std::min(size, data.size() - begin);
  if (size == 0) return;
  Data piece(data.begin() + static_cast<std::ptrdiff_t>(begin),
             data.begin() + static_cast<std::ptrdiff_t>(begin + size));
  const std::size_t changed = LLVMFuzzerMutate(piece.data(), size, size);
  std::copy_n(piece.begin(), std::min(changed, size),
              data.begin() + static_cast<std::ptrdiff_t>(begin));
}

// Changes all of it; at most `most` bytes come of it.
inline void mutate_all(Data& data, std::size_t most) {
  const std::size_t size = std::min(data.size(), most);
  data.resize(std::max<std::size_t>(most, 1));
  data.resize(LLVMFuzzerMutate(data.data(), size, most));
}

// Puts what a mutator made where libFuzzer wants it; what does not fit is left out.
inline std::size_t give(const Data& made, std::uint8_t* out, std::size_t most) {
  const std::size_t size = std::min(made.size(), most);
  std::copy_n(made.begin(), size, out);
  return size;
}

}  // namespace ntstack::fuzz
