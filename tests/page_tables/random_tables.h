// Page tables made at random, and addresses to ask of them: what a processor's own walk is compared
// with.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "base/byte_source.h"
#include "memory/page_tables.h"

namespace ntstack::tests {

struct RandomTables {
  static constexpr std::uint64_t memory_size = 0x1000000;  // 16 MB; what lies above is not there
  memory::Paging paging;
  std::vector<std::byte> memory;  // from address 0 on
  std::uint64_t root = 0;
  std::uint64_t code = 0;       // a virtual address that is mapped, for code,
  std::uint64_t code_page = 0;  // to this physical one
  std::vector<std::uint64_t> addresses;
};

// `count` addresses, mapped and unmapped ones. Not of ARM64.
RandomTables random_tables(memory::Paging paging, unsigned seed, std::size_t count);

}  // namespace ntstack::tests
