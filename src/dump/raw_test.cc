#include "dump/raw.h"

#include <random>

#include "dump/physical_check.h"
#include "dump/self_map.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::view;

Data memory_with(const Data& page, std::size_t number) {
  Data memory(1 << 20);
  for (std::size_t i = 0; i < 0x400; ++i) memory[i] = static_cast<std::byte>(0x53 + i % 3);
  std::ranges::copy(page, memory.begin() + static_cast<std::ptrdiff_t>(number * 0x1000));
  return memory;
}

template <class T>
void put(Data& page, std::size_t index, T entry) {
  std::memcpy(&page[index * sizeof(T)], &entry, sizeof(T));
}

bool is_taken(const Data& memory) { return parse(view(memory)).has_value(); }

struct Case {
  base::Architecture architecture;
  bool pae;
  std::uint64_t directory_table_base;
};

void expect_found(const Data& page, std::size_t number, const Case& expected) {
  const Data memory = memory_with(page, number);
  const auto dump = parse(view(memory));
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_EQ(dump->kind, Kind::raw);
  EXPECT_EQ(dump->architecture, expected.architecture);
  EXPECT_EQ(dump->pae, expected.pae);
  EXPECT_EQ(dump->directory_table_base, expected.directory_table_base);
  EXPECT_EQ(dump->physical->copy(0, memory.size()), memory);
  EXPECT_TRUE(building::warns(*dump, "concluded from page tables"));
}

// Tables by hand, as Windows' are described: none of a real machine is at hand.
TEST(Raw, MemoryIsKnownByTablesThatMapThemselves) {
  expect_found(building::self_map_x64(0x42), 0x42, {base::Architecture::x64, false, 0x42000});

  Data arm64 = building::self_map_x64(0x42);
  put<std::uint64_t>(arm64, 0x1ed, 0x42000 | 0x0060000000000f03);
  expect_found(arm64, 0x42, {base::Architecture::arm64, false, 0x42000});

  Data pae(0x1000);
  for (std::uint64_t i = 0; i < 4; ++i) put<std::uint64_t>(pae, i, (0x30 + i) << 12 | 0x63);
  expect_found(pae, 0x33, {base::Architecture::x86, true, 0x33000});

  Data plain(0x1000);
  for (std::uint32_t i = 0x200; i < 0x240; ++i) put<std::uint32_t>(plain, i, i << 12 | 0x63);
  put<std::uint32_t>(plain, 0x300, 0x39063);
  expect_found(plain, 0x39, {base::Architecture::x86, false, 0x39000});
}

TEST(Raw, AFileThatDoesNotLookLikeMemoryKeepsItsHint) {
  Data noise(1 << 21);
  std::mt19937 random(3);
  for (std::byte& byte : noise) byte = static_cast<std::byte>(random());
  noise[0] = std::byte{0x01};
  const auto refused = parse(view(noise));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("does not look like a machine's memory"),
            std::string::npos);
  // A table at another place than it says, a file of odd size, a small file.
  const Data moved = memory_with(building::self_map_x64(0x42), 0x43);
  EXPECT_FALSE(parse(view(moved)));
  const Data memory = memory_with(building::self_map_x64(0x42), 0x42);
  EXPECT_FALSE(parse(view(memory).clamp(0, memory.size() - 1)));
  EXPECT_FALSE(parse(view(memory).clamp(0, 0x80000)));
}

TEST(Raw, APageThatPointsToItselfAndToLittleElseIsNoTable) {
  Data few(0x1000);
  for (std::uint32_t i = 0x200; i < 0x20e; ++i) put<std::uint32_t>(few, i, i << 12 | 0x63);
  put<std::uint32_t>(few, 0x300, 0x39063);
  EXPECT_FALSE(is_taken(memory_with(few, 0x39)));
  Data alone(0x1000);
  put<std::uint64_t>(alone, 0x1ed, 0x42063);
  EXPECT_FALSE(is_taken(memory_with(alone, 0x42)));
  Data twice = building::self_map_x64(0x42);
  put<std::uint64_t>(twice, 0x1ee, 0x42063);
  EXPECT_FALSE(is_taken(memory_with(twice, 0x42)));
}

TEST(Raw, AnArchiveIsAnArchiveWhateverIsInIt) {
  Data memory = memory_with(building::self_map_x64(0x42), 0x42);
  std::memcpy(memory.data(), "PK\x03\x04", 4);
  const auto refused = parse(view(memory));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("zip archive"), std::string::npos);
}

}  // namespace
}  // namespace ntstack::dump
