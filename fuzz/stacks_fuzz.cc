// From bytes to printed stacks: a whole dump, its machine, its stacks and both reports.
#include <cstdint>
#include <cstdlib>

#include "mutate_dump.h"
#include "whole_way/whole_way.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (!ntstack::tests::whole_way_complaint(ntstack::base::Bytes::of(bytes), "").empty())
    std::abort();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_dump(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  return ntstack::dump::parse(ntstack::base::Bytes::of(std::span(data, size))).has_value();
}
