// Zip files both ways. Truth: Python's zipfile and Info-ZIP's unzip read what is written here and
// write what is read here; hostile files are those, changed byte by byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "base/mapped_file.h"
#include "base/text.h"
#include "base/zip_reader.h"
#include "base/zip_writer.h"
#include "tool.h"

namespace ntstack::base {
namespace {

namespace fs = std::filesystem;
using tests::quoted;
using tests::TemporaryFolder;

using Contents = std::map<std::string, std::string>;

void put(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::ssize(bytes));
}

std::string get(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Runs Python with `zipfile` imported and the paths as a, b, ... ; what it prints.
std::string python(const std::string& code, const std::vector<fs::path>& paths) {
  std::string names, command;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    names += std::string(i ? "," : "") + static_cast<char>('a' + i);
    command += " " + quoted(paths[i]);
  }
  const std::string whole =
      "import sys, zipfile, struct, zlib, warnings\n"
      "warnings.simplefilter('ignore')\n(" +
      names + ",) = sys.argv[1:]\n" + code;
  const auto result = tests::run("python3 -c " + tests::quoted(whole) + command);
  EXPECT_EQ(result.exit_code, 0) << whole;
  return result.out;
}

// What a program that is not ours finds in the zip, after it tested every CRC.
constexpr const char* kPrintAll =
    "z = zipfile.ZipFile(a)\nassert z.testzip() is None\n"
    "for i in z.infolist():\n"
    "  print(i.filename, i.file_size, i.compress_type, i.flag_bits, *i.date_time,"
    " '%x' % zlib.crc32(z.read(i)))\n";

std::string noise(std::size_t size) {
  std::mt19937 random(5);
  std::string bytes(size, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

Result<std::string> expand(Bytes zip, const ZipEntry& entry, std::uint64_t limit = UINT64_MAX) {
  std::string all;
  auto done = expand_entry(zip, entry, limit, [&](Bytes piece) -> Result<void> {
    all.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  });
  if (!done) return std::unexpected(std::move(done.error()));
  return all;
}

Result<Contents> read_all(std::string_view file) {
  const Bytes zip = Bytes::of(file);
  const auto entries = zip_entries(zip);
  if (!entries) return std::unexpected(entries.error());
  Contents all;
  for (const ZipEntry& entry : *entries) {
    auto contents = expand(zip, entry);
    if (!contents) return std::unexpected(std::move(contents.error()));
    all.emplace(entry.name, std::move(*contents));
  }
  return all;
}

std::string error_of(std::string_view file) {
  const auto read = read_all(file);
  return read ? "" : read.error().text();
}

// A zip that Python writes by `code`, its writer being z.
std::string from_python(const std::string& code,
                        const char* arguments = "'w', zipfile.ZIP_DEFLATED") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "a.zip";
  python("z = zipfile.ZipFile(a, " + std::string(arguments) + ")\n" + code + "\nz.close()", {path});
  return get(path);
}

void write_zip(const fs::path& path, ZipWriter::Zip64 zip64, const Contents& contents) {
  auto writer = ZipWriter::open(path, zip64);
  ASSERT_TRUE(writer);
  for (const auto& [name, bytes] : contents)
    ASSERT_TRUE(writer->add(name, Bytes::of(bytes), 0x01da'2b3c'4d5e'6f70));
  ASSERT_TRUE(writer->finish());
}

const Contents& example() {
  static const Contents kAll{{"w3wp/capture.json", "{}"},
                             {"w3wp/empty", ""},
                             {"w3wp/noise.dmp", noise(3'000'000)},
                             {"w3wp/\xc3\xa9\xe2\x82\xac.dmp", std::string(5'000'000, 'x')}};
  return kAll;
}

class ZipBothSizes : public testing::TestWithParam<ZipWriter::Zip64> {};

TEST_P(ZipBothSizes, PythonAndUnzipReadWhatIsWritten) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const TemporaryFolder folder;
  const fs::path zip = folder.path() / "a.zip", wanted = folder.path() / "b.zip";
  write_zip(zip, GetParam(), example());
  // The same contents by Python; the time is Python's own reckoning of the FILETIME.
  std::string code =
      "import datetime\n"
      "t = datetime.datetime(1601,1,1) + datetime.timedelta(microseconds=0x01da2b3c4d5e6f70//10)\n"
      "t = (*t.timetuple()[:5], t.second // 2 * 2)\n";
  std::string expected;
  for (const auto& [name, bytes] : example()) {
    put(folder.path() / "one", bytes);
    expected += python(code +
                           "d = open(a, 'rb').read()\nprint(b, len(d), 8, 0x808, *t, '%x' % "
                           "zlib.crc32(d))",
                       {folder.path() / "one", path_from_utf8(name)});
  }
  EXPECT_EQ(python(kPrintAll, {zip}), expected);
  EXPECT_EQ(read_all(get(zip)).value(), example());
  if (!tests::find_tool("unzip").empty()) {
    EXPECT_EQ(tests::run("unzip -tq " + quoted(zip)).exit_code, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(, ZipBothSizes,
                         testing::Values(ZipWriter::Zip64::where_needed, ZipWriter::Zip64::always));

TEST(Zip, WhatPythonWritesIsRead) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const std::string code =
      "z.writestr('X/', '')\nz.writestr('X/a.dmp', b'ab' * 300000)\n"
      "z.writestr('X/b.dmp', bytes(70000))\nz.comment = b'PK\\5\\6 and more ' + bytes(40)";
  const Contents wanted{{"X/", ""}, {"X/b.dmp", std::string(70000, '\0')}, {"X/a.dmp", [] {
                                                                              std::string bytes;
                                                                              for (int i = 0;
                                                                                   i < 300000; ++i)
                                                                                bytes += "ab";
                                                                              return bytes;
                                                                            }()}};
  for (const char* how : {"'w', zipfile.ZIP_DEFLATED", "'w', zipfile.ZIP_STORED"})
    EXPECT_EQ(read_all(from_python(code, how)).value(), wanted) << how;
  EXPECT_EQ(read_all(from_python("")).value(), Contents());
  // Bytes behind the end, as some transfers leave them.
  const Contents one{{"a", "1"}};
  EXPECT_EQ(read_all(from_python("z.writestr('a', '1')") + "\r\n\r\n").value(), one);
}

TEST(Zip, Zip64OfPythonIsRead) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  // Small entries for which Python is made to think that they are large.
  const std::string zip = from_python(
      "zipfile.ZIP64_LIMIT = 10\nzipfile.ZIP_FILECOUNT_LIMIT = 1\n"
      "for n in 'abc':\n  with z.open(n, 'w', force_zip64=True) as f: f.write(n.encode() * 1000)");
  ASSERT_NE(zip.find("PK\x06\x06"), zip.npos);
  const Contents wanted{
      {"a", std::string(1000, 'a')}, {"b", std::string(1000, 'b')}, {"c", std::string(1000, 'c')}};
  EXPECT_EQ(read_all(zip).value(), wanted);
}

TEST(Zip, AFolderBecomesAZipOfThatName) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const TemporaryFolder folder;
  const fs::path bundle = folder.path() / "w3wp_1";
  fs::create_directories(bundle / "inner");
  put(bundle / "b.dmp", "second");
  put(bundle / "a.dmp", "first");
  put(bundle / "inner" / "c.dmp", "not plain");
  std::error_code ignored;
  fs::create_symlink("/etc/passwd", bundle / "link.dmp", ignored);
  for (const fs::path& named : {bundle, bundle / ""}) {
    const fs::path zip = bundle / "out.zip";  // is not to hold itself
    ASSERT_TRUE(zip_folder(named, zip, nullptr));
    EXPECT_EQ(python("print(zipfile.ZipFile(a).namelist())", {zip}),
              "['w3wp_1/a.dmp', 'w3wp_1/b.dmp']\n");
    const Contents wanted{{"w3wp_1/a.dmp", "first"}, {"w3wp_1/b.dmp", "second"}};
    EXPECT_EQ(read_all(get(zip)).value(), wanted);
  }
  EXPECT_NE(python("print(zipfile.ZipFile(a).infolist()[0].date_time[0])", {bundle / "out.zip"}),
            "1980\n");
  const std::atomic<bool> cancel = true;
  const auto cancelled = zip_folder(bundle, bundle / "out.zip", &cancel);
  ASSERT_FALSE(cancelled);
  EXPECT_NE(cancelled.error().text().find("cancelled"), std::string::npos);
  EXPECT_FALSE(zip_folder(folder.path() / "none", folder.path() / "n.zip", nullptr));
}

TEST(Zip, AFileCutAnywhereIsAnError) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  for (const char* code : {"z.writestr('a.dmp', b'ab' * 90)\nz.writestr('b.dmp', b'c')",
                           "zipfile.ZIP_FILECOUNT_LIMIT = 0\nz.writestr('a.dmp', b'ab' * 90)"}) {
    const std::string zip = from_python(code);
    ASSERT_EQ(error_of(zip), "");
    for (std::size_t size = 0; size < zip.size(); ++size)
      EXPECT_NE(error_of(zip.substr(0, size)), "") << size;
  }
}

TEST(Zip, DamageIsAnErrorOrLeavesTheBytesRight) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const std::string whole = from_python(
      "z.writestr('a.dmp', b'abcdefgh' * 90)\nz.writestr('b.dmp', bytes(range(256)))\n"
      "z.writestr(zipfile.ZipInfo('c.dmp'), b'stored' * 20)");
  const Contents wanted = read_all(whole).value();
  std::size_t errors = 0, rounds = 0;
  std::mt19937 random(11);
  const auto check = [&](const std::string& damaged) {
    ++rounds;
    const auto read = read_all(damaged);
    if (!read) {
      ++errors;
      EXPECT_FALSE(read.error().text().empty());
      return;
    }
    // Names have no CRC where both copies changed; contents have one each.
    for (const auto& [name, bytes] : *read) {
      const auto is_same = [&](const auto& one) { return one.second == bytes; };
      EXPECT_TRUE(std::ranges::any_of(wanted, is_same)) << name;
    }
  };
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned value : {0u, 0xffu, static_cast<unsigned>(random() & 0xff)}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(value);
      check(damaged);
    }
  }
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole;
    for (unsigned count = random() % 4 + 1; count != 0; --count)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    check(damaged);
  }
  EXPECT_GT(errors, rounds / 4);
}

// The first central header with another value at its offset `central`.
std::string changed(std::string zip, std::size_t central, std::uint32_t value, std::size_t size) {
  const std::size_t at = zip.find("PK\x01\x02");
  std::memcpy(&zip[at + central], &value, size);
  return zip;
}

TEST(Zip, ABombEndsAtWhatItDeclaresAndAtTheLimit) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const std::string zip = from_python("z.writestr('a.dmp', bytes(50000000))");
  ASSERT_LT(zip.size(), 100'000u);
  const auto entries = zip_entries(Bytes::of(zip));
  ASSERT_TRUE(entries);
  EXPECT_NE(expand(Bytes::of(zip), entries->front(), 49'999'999).error().text().find("up to"),
            std::string::npos);
  EXPECT_TRUE(expand(Bytes::of(zip), entries->front(), 50'000'000));
  const std::string liar = changed(zip, 24, 1000, 4);
  const auto lying = zip_entries(Bytes::of(liar));
  ASSERT_TRUE(lying);
  std::uint64_t taken = 0;
  const auto done =
      expand_entry(Bytes::of(liar), lying->front(), UINT64_MAX, [&](Bytes piece) -> Result<void> {
        taken += piece.size();
        return {};
      });
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().text().find("larger than it says"), std::string::npos);
  EXPECT_LE(taken, 1000u);
}

TEST(Zip, WhatCantBeReadIsNamed) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const std::string zip = from_python("z.writestr('a.dmp', b'x' * 100)");
  EXPECT_NE(error_of(changed(zip, 8, 1, 2)).find("a.dmp is encrypted"), std::string::npos);
  EXPECT_NE(error_of(changed(zip, 10, 12, 2)).find("method 12"), std::string::npos);
  EXPECT_NE(error_of(changed(zip, 16, 0x1234, 4)).find("CRC"), std::string::npos);
  EXPECT_NE(error_of(changed(zip, 24, 101, 4)).find("100 bytes, and says 101"), std::string::npos);
  EXPECT_NE(error_of(changed(zip, 42, 0x7fffffff, 4)).find("no header"), std::string::npos);
  const std::string lzma = from_python("z.writestr('a.dmp', b'x')", "'w', zipfile.ZIP_LZMA");
  EXPECT_NE(error_of(lzma).find("method 14"), std::string::npos);
}

TEST(Zip, EntriesThatLieOnEachOtherAreRefused) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  // Two directory entries for one header, and a header inside another's contents.
  const std::string same = from_python(
      "z.writestr('a', b'x' * 100)\nimport copy\nz.filelist.append(copy.copy(z.filelist[0]))");
  EXPECT_NE(error_of(same).find("lie on each other"), std::string::npos);
  const std::string inside = from_python(
      "import copy\nh = struct.pack('<4s5H3I2H', b'PK\\3\\4', 20, 0, 0, 0, 33, 0, 1, 1, 1, 0) + "
      "b'b'\n"
      "z.writestr('a', h + b'zzzz')\ni = copy.copy(z.filelist[0])\ni.filename = i.orig_filename = "
      "'b'\n"
      "i.header_offset = 31\ni.file_size = i.compress_size = 1\nz.filelist.append(i)",
      "'w', zipfile.ZIP_STORED");
  EXPECT_NE(error_of(inside).find("lie on each other"), std::string::npos);
}

TEST(Zip, NamesAreGivenAsTheyAreAndNeverUsed) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const std::string zip = from_python(
      "for n in ('../up.dmp', '/abs.dmp', 'C:\\\\x.dmp', 'a.dmp', 'a.dmp'): z.writestr(n, n)");
  const auto entries = zip_entries(Bytes::of(zip));
  ASSERT_TRUE(entries);
  std::vector<std::string_view> names;
  for (const ZipEntry& entry : *entries) names.push_back(entry.name);
  const std::vector<std::string_view> wanted{"../up.dmp", "/abs.dmp", "C:\\x.dmp", "a.dmp",
                                             "a.dmp"};
  EXPECT_EQ(names, wanted);
}

TEST(Zip, ExtractingWritesTheFile) {
  NTSTACK_NEED_TOOL(python_tool, "python3");
  const TemporaryFolder folder;
  const std::string zip = from_python("z.writestr('a.dmp', b'x' * 3000000)");
  const auto entries = zip_entries(Bytes::of(zip));
  ASSERT_TRUE(entries);
  const fs::path to = folder.path() / "out";
  ASSERT_TRUE(extract_entry(Bytes::of(zip), entries->front(), 3'000'000, to));
  EXPECT_EQ(get(to), std::string(3'000'000, 'x'));
  const std::atomic<bool> cancel = true;
  const auto cancelled = extract_entry(Bytes::of(zip), entries->front(), 3'000'000, to, &cancel);
  ASSERT_FALSE(cancelled);
  EXPECT_NE(cancelled.error().text().find("cancelled"), std::string::npos);
}

}  // namespace
}  // namespace ntstack::base
