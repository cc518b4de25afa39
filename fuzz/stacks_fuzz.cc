// From bytes to printed stacks: a whole dump, its machine, its stacks and both reports.
#include <cstdint>
#include <cstdlib>

#include "whole_way/whole_way.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  if (!ntstack::tests::whole_way_complaint(ntstack::base::Bytes::of(bytes), "").empty())
    std::abort();
  return 0;
}
