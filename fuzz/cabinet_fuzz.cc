// Any bytes as a cabinet: expanding ends, with an error or with no more bytes than are allowed.
#include <cstdint>
#include <cstdlib>

#include "mutate_archive.h"
#include "store/cabinet.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMost = 1 << 20;
  const base::Bytes cabinet = base::Bytes::of({data, size});
  std::uint64_t taken = 0;
  const auto take = [&](base::Bytes bytes) {
    taken += bytes.size();
    if (taken > kMost) std::abort();
    return taken < kMost / 2 || size % 2 == 0;
  };
  const auto expanded = store::expand_cabinet(cabinet, "a.pdb", kMost, take);
  if (expanded && store::cabinet_size(cabinet) > size) std::abort();
  if (!expanded && expanded.error().text().empty()) std::abort();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_cabinet(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  const auto file = ntstack::base::Bytes::of(std::span(data, size));
  return ntstack::store::is_cabinet(file) && ntstack::store::cabinet_size(file) <= size;
}
