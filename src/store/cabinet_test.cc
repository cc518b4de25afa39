// Cabinets of gcab, which is not ours. The LZX one is laid out by hand: its only block is not
// compressed, for no free program writes LZX into cabinets.
#include "store/cabinet.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tool.h"

namespace ntstack::store {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Numbers compress well, and repeat nowhere.
std::string numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i * 7919) + "\n";
  return text;
}

struct Expanded {
  std::string bytes;
  std::string error;  // empty where there is none
};

Expanded expand(std::string_view cabinet, std::string_view name, std::uint64_t most = UINT64_MAX) {
  Expanded expanded;
  const auto result = expand_cabinet(base::Bytes::of(cabinet), name, most, [&](base::Bytes bytes) {
    expanded.bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  });
  if (!result) expanded.error = result.error().text();
  return expanded;
}

// gcab's cabinet of these files of a folder.
std::string cabinet_of(const fs::path& folder, const std::string& options,
                       const std::string& files) {
  const auto made = tests::run("cd " + tests::quoted(folder) + " && gcab -c " + options +
                               " made.cab " + files + " 2>&1");
  EXPECT_EQ(made.exit_code, 0) << made.out;
  return read(folder / "made.cab");
}

void put(std::string& to, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) to += static_cast<char>(value >> (8 * i));
}

// A cabinet of one folder and one file, compressed as `type` says; blocks have no checksums.
std::string made_by_hand(std::uint16_t type, std::string_view block, std::string_view text) {
  std::string cabinet = "MSCF";
  const std::string name = "hand.pdb";
  const std::uint64_t files_at = 36 + 8, data_at = files_at + 16 + name.size() + 1;
  const std::uint64_t size = data_at + 8 + block.size();
  for (const std::uint64_t value : {std::uint64_t{0}, size, std::uint64_t{0}, files_at})
    put(cabinet, value, 4);
  put(cabinet, 0, 4);
  put(cabinet, 0x0103, 2);  // version 1.3
  for (const int value : {1, 1, 0, 0, 0}) put(cabinet, static_cast<std::uint64_t>(value), 2);
  put(cabinet, data_at, 4);
  put(cabinet, 1, 2);  // blocks
  put(cabinet, type, 2);
  put(cabinet, text.size(), 4);
  put(cabinet, 0, 4);
  for (int i = 0; i < 4; ++i) put(cabinet, 0, 2);
  cabinet += name + '\0';
  put(cabinet, 0, 4);
  put(cabinet, block.size(), 2);
  put(cabinet, text.size(), 2);
  return cabinet + std::string(block);
}

// LZX: no E8 translation (1 bit), a block that is not compressed (3 bits), its length (24 bits) in
// words with their high bits first; R0, R1, R2; the bytes.
std::string lzx_block(std::string_view text) {
  const auto length = static_cast<std::uint32_t>(text.size());
  const std::uint32_t bits = (3u << 28) | (length << 4);
  std::string block;
  put(block, bits >> 16, 2);
  put(block, bits & 0xffff, 2);
  for (int i = 0; i < 3; ++i) put(block, 1, 4);
  block += text;
  if (text.size() % 2 != 0) block += '\0';
  return block;
}

class CabinetTest : public testing::Test {
 protected:
  tests::TemporaryFolder folder_;
};

TEST_F(CabinetTest, StoredFilesComeOutWhole) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  const std::string text = numbers(200'000);
  write(folder_.path() / "a.pdb", text);
  const std::string cabinet = cabinet_of(folder_.path(), "", "a.pdb");
  ASSERT_TRUE(is_cabinet(base::Bytes::of(cabinet)));
  const Expanded expanded = expand(cabinet, "a.pdb");
  EXPECT_EQ(expanded.error, "");
  EXPECT_TRUE(expanded.bytes == text);
}

TEST_F(CabinetTest, MsZipFilesComeOutWhole) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  const std::string text = numbers(200'000);
  write(folder_.path() / "a.pdb", text);
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb");
  ASSERT_LT(cabinet.size(), text.size() / 2);
  const Expanded expanded = expand(cabinet, "a.pdb");
  EXPECT_EQ(expanded.error, "");
  EXPECT_TRUE(expanded.bytes == text);
}

TEST_F(CabinetTest, AFileIsFoundByItsNameWithoutRegardToCase) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", "of a");
  write(folder_.path() / "Bb.PDB", numbers(50'000));
  write(folder_.path() / "c.pdb", "of c");
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb Bb.PDB c.pdb");
  EXPECT_TRUE(expand(cabinet, "bB.pdb").bytes == numbers(50'000));
  EXPECT_EQ(expand(cabinet, "C.PDB").bytes, "of c");
}

TEST_F(CabinetTest, TheOnlyFileIsTakenByAnyName) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", "of a");
  EXPECT_EQ(expand(cabinet_of(folder_.path(), "-z", "a.pdb"), "other.pdb").bytes, "of a");
}

TEST_F(CabinetTest, OfSeveralFilesNoneIsGuessed) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", "of a");
  write(folder_.path() / "b.pdb", "of b");
  const Expanded expanded = expand(cabinet_of(folder_.path(), "-z", "a.pdb b.pdb"), "c.pdb");
  EXPECT_EQ(expanded.bytes, "");
  EXPECT_EQ(expanded.error, "none of the 2 files in the cabinet is called c.pdb");
}

TEST_F(CabinetTest, MoreThanIsAllowedIsNotEvenBegun) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", std::string(1'000'000, 'x'));
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb");
  const Expanded expanded = expand(cabinet, "a.pdb", 999'999);
  EXPECT_EQ(expanded.bytes, "");
  EXPECT_EQ(expanded.error,
            "it would expand to 1000000 bytes, more than the 999999 that are allowed");
  EXPECT_EQ(expand(cabinet, "a.pdb", 1'000'000).bytes.size(), 1'000'000u);
}

TEST_F(CabinetTest, WhoeverTakesTheBytesCanEndIt) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", numbers(200'000));
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb");
  int calls = 0;
  const auto result = expand_cabinet(base::Bytes::of(cabinet), "a.pdb", UINT64_MAX,
                                     [&](base::Bytes) { return ++calls < 2; });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text(), "the expanded bytes were refused");
  EXPECT_EQ(calls, 2);
}

TEST_F(CabinetTest, ItsHeadTellsItsSize) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", numbers(1000));
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb");
  EXPECT_EQ(cabinet_size(base::Bytes::of(cabinet.substr(0, 36))), cabinet.size());
  EXPECT_EQ(cabinet_size(base::Bytes::of(cabinet.substr(0, 35))), 0u);
  EXPECT_EQ(cabinet_size(base::Bytes::of(std::string(36, 'x'))), 0u);
}

TEST_F(CabinetTest, ACabinetThatIsCutOffAnywhereIsAnError) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  write(folder_.path() / "a.pdb", numbers(30));
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb");
  for (std::size_t size = 0; size < cabinet.size(); ++size) {
    const Expanded expanded = expand(cabinet.substr(0, size), "a.pdb");
    EXPECT_NE(expanded.error, "") << size;
    EXPECT_EQ(expanded.bytes, "") << size;
  }
}

TEST_F(CabinetTest, DamageIsAnErrorOrDoesNoHarm) {
  NTSTACK_NEED_TOOL(gcab, "gcab");
  const std::string text = numbers(30);
  write(folder_.path() / "a.pdb", text);
  const std::string cabinet = cabinet_of(folder_.path(), "-z", "a.pdb");
  std::size_t errors = 0;
  for (std::size_t at = 0; at < cabinet.size(); ++at) {
    std::string damaged = cabinet;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    const Expanded expanded = expand(damaged, "a.pdb", 1 << 20);
    EXPECT_LE(expanded.bytes.size(), std::size_t{1} << 20);
    errors += !expanded.error.empty();
  }
  // Every block has a checksum.
  EXPECT_GT(errors, cabinet.size() / 2);
}

TEST_F(CabinetTest, LzxIsExpanded) {
  const std::string text = "a block of LZX, as it is";
  const std::string cabinet = made_by_hand(0x0f03, lzx_block(text), text);
  const Expanded expanded = expand(cabinet, "hand.pdb");
  EXPECT_EQ(expanded.error, "");
  EXPECT_EQ(expanded.bytes, text);
}

TEST_F(CabinetTest, AnUnknownCompressionIsAnError) {
  const Expanded expanded = expand(made_by_hand(0x0007, "some bytes", "some bytes"), "hand.pdb");
  EXPECT_EQ(expanded.bytes, "");
  EXPECT_EQ(expanded.error, "the cabinet is damaged");
}

TEST_F(CabinetTest, WhatIsNoCabinetSaysSo) {
  for (const std::string_view text : {"", "MSC", "MZ and so on", "<html>not found</html>"})
    EXPECT_EQ(expand(text, "a.pdb").error, "it is no cabinet");
}

}  // namespace
}  // namespace ntstack::store
