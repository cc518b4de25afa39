// Writes dumps of physical memory of every kind that others read, into a folder: the tests' own
// builder, with pages spread by a seed.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>

#include "dump/physical_builder.h"

namespace {

using namespace ntstack::dump::building;

// Runs of up to 40 pages with holes of up to 70, some words of bits apart.
Pages spread_pages(std::uint32_t seed, std::uint64_t begin, std::size_t count) {
  std::mt19937 random(seed);
  Pages pages;
  std::uint64_t at = begin;
  while (pages.size() < count) {
    for (std::uint64_t left = random() % 40 + 1; left != 0 && pages.size() < count; --left) {
      pages[at] = page_of(at);
      ++at;
    }
    at += random() % (random() % 5 == 0 ? 700 : 70) + 1;
  }
  return pages;
}

struct Kind {
  const char* name;
  bool is_64_bit;
  std::uint32_t type;
  std::size_t pages;
};

constexpr Kind kinds[] = {
    {"full_x64", true, 1, 300},           {"full_x86", false, 1, 300},
    {"bitmap_full_x64", true, 5, 2000},   {"bitmap_full_x86", false, 5, 2000},
    {"bitmap_kernel_x64", true, 6, 2000}, {"rdmp_kernel_x64", true, 8, 500},
    {"rdmp_user_x64", true, 9, 500},      {"rdmp_full_x64", true, 10, 500},
};

Data dump_of(const Kind& kind, std::uint32_t seed) {
  PhysicalBuilder builder;
  builder.header.is_64_bit = kind.is_64_bit;
  builder.header.machine = kind.is_64_bit ? 0x8664 : 0x14c;
  builder.header.dump_type = kind.type;
  builder.header.bugcheck_parameters = {seed, 2, 3, 4};
  // Page 0 ends RDMP's list, so they begin above it.
  builder.pages = spread_pages(seed, kind.type >= 8 ? 1 : 0, kind.pages);
  // kdmp-parser leaves out the last bits where they are not a whole byte.
  builder.bit_count = (builder.pages.rbegin()->first + 64) / 64 * 64;
  return builder.build();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  for (const Kind& kind : kinds) {
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
      const Data bytes = dump_of(kind, seed);
      const auto path = folder / (std::string(kind.name) + "_" + std::to_string(seed) + ".dmp");
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      if (!file) return 1;
    }
  }
  return 0;
}
