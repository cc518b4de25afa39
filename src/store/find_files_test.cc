// Real images and PDBs, copied into stores and folders of every layout. Keys as llvm-readobj and
// llvm-pdbutil print them.
#include "store/find_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::store {
namespace {

namespace fs = std::filesystem;

const PdbKey kPdb{"C:\\build\\xcpt4.pdb",
                  {0xc8c2329e, 0x0e99, 0x49e6, {0x8b, 0x6f, 0x13, 0x2b, 0xec, 0xa6, 0x9e, 0x7e}},
                  1};
const ImageKey kImage{"\\SystemRoot\\xcpt4.exe", 0x62524d63, 57344, {}, 0};
constexpr const char* kPdbKeyText = "C8C2329E0E9949E68B6F132BECA69E7E1";
constexpr const char* kImageKeyText = "62524D63e000";

class FindFiles : public testing::Test {
 protected:
  void SetUp() override {
    NTSTACK_NEED_DATA(folder, "seh/x64");
    data_ = folder;
  }

  // Copies a real file to `place` below the temporary folder.
  void put(const std::string& file, const std::string& place) const {
    const fs::path to = root() / base::path_from_utf8(place);
    fs::create_directories(to.parent_path());
    fs::copy_file(data_ / file, to);
    fs::permissions(to, fs::perms::owner_write, fs::perm_options::add);
  }
  void write(const std::string& text, const std::string& place) const {
    const fs::path to = root() / place;
    fs::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << text;
  }

  static std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const fs::path& root() const { return folder_.path(); }
  SymbolPath path(const std::string& prefix = "", const std::string& below = "") const {
    return SymbolPath::parse(prefix + base::path_text(root() / below));
  }
  std::string relative(const base::MappedFile& file) const {
    return base::path_text(file.path().lexically_relative(root()));
  }
  void expect_found(const Lookup& lookup, const std::string& place) const {
    ASSERT_TRUE(lookup.file) << testing::PrintToString(lookup.tried)
                             << testing::PrintToString(lookup.mismatched);
    EXPECT_EQ(relative(*lookup.file), place);
    EXPECT_FALSE(lookup.file->bytes().empty());
  }

  fs::path data_;
  tests::TemporaryFolder folder_;
};

TEST_F(FindFiles, FlatFolder) {
  put("xcpt4.pdb", "xcpt4.pdb");
  put("xcpt4.exe", "xcpt4.exe");
  expect_found(find_pdb(path(), kPdb), "xcpt4.pdb");
  expect_found(find_image(path(), kImage), "xcpt4.exe");
}

TEST_F(FindFiles, FoldersByExtensionAsWinDbgHasThem) {
  put("xcpt4.pdb", "symbols/exe/xcpt4.pdb");
  put("xcpt4.exe", "exe/xcpt4.exe");
  expect_found(find_pdb(path(), kPdb), "symbols/exe/xcpt4.pdb");
  expect_found(find_pdb(path("", "symbols"), kPdb), "symbols/exe/xcpt4.pdb");
  expect_found(find_image(path(), kImage), "exe/xcpt4.exe");
}

TEST_F(FindFiles, StoreLayoutInStoresCachesAndFolders) {
  const std::string pdb = std::string("xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb";
  const std::string image = std::string("xcpt4.exe/") + kImageKeyText + "/xcpt4.exe";
  put("xcpt4.pdb", pdb);
  put("xcpt4.exe", image);
  for (const char* prefix : {"srv*", "cache*", "symsrv*symsrv.dll*", ""}) {
    expect_found(find_pdb(path(prefix), kPdb), pdb);
    expect_found(find_image(path(prefix), kImage), image);
  }
}

TEST_F(FindFiles, TwoTierStore) {
  const std::string pdb = std::string("xc/xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb";
  write("", "index2.txt");
  put("xcpt4.pdb", pdb);
  expect_found(find_pdb(path("srv*"), kPdb), pdb);
}

TEST_F(FindFiles, CaseDoesNotMatter) {
  const std::string pdb = "XCPT4.PDB/c8c2329e0e9949e68b6f132beca69e7e1/Xcpt4.Pdb";
  put("xcpt4.pdb", pdb);
  put("xcpt4.exe", "XCPT4.exe");
  expect_found(find_pdb(path("srv*"), kPdb), pdb);
  expect_found(find_image(path(), kImage), "XCPT4.exe");
}

TEST_F(FindFiles, AFolderInOneCaseDoesNotHideItsSiblingInAnother) {
  put("nested_collided.pdb", "xcpt4.pdb/0000/xcpt4.pdb");
  const std::string pdb = std::string("Xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb";
  put("xcpt4.pdb", pdb);
  expect_found(find_pdb(path("srv*"), kPdb), pdb);
}

// gcab's cabinet of the PDB, in a store before which no other can be written to.
TEST_F(FindFiles, ACompressedFileIsExpandedInMemoryWhereNoStoreTakesIt) {
  if (tests::find_tool("gcab").empty()) GTEST_SKIP() << "not installed: gcab";
  const std::string entry = std::string("xcpt4.pdb/") + kPdbKeyText;
  put("xcpt4.pdb", "store/" + entry + "/xcpt4.pdb");
  const fs::path whole = root() / "store" / entry / "xcpt4.pdb";
  const auto made = tests::run("cd " + tests::quoted(whole.parent_path()) +
                               " && gcab -c -z xcpt4.pd_ xcpt4.pdb 2>&1");
  ASSERT_EQ(made.exit_code, 0) << made.out;
  const std::string text = text_of(whole);
  fs::remove(whole);
  write("a file, no folder", "none");
  const auto no_store = "cache*" + base::path_text(root() / "none") + ";srv*";
  const Lookup lookup = find_pdb(path(no_store, "store"), kPdb);
  expect_found(lookup, "store/" + entry + "/xcpt4.pd_");
  const base::Bytes bytes = lookup.file->bytes();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text);
  PdbKey other = kPdb;
  other.age = 2;
  EXPECT_FALSE(find_pdb(path(no_store, "store"), other).file);
}

TEST_F(FindFiles, AFileWithAnotherKeyIsNamedAndNotUsed) {
  put("nested_collided.pdb", "xcpt4.pdb");
  put("nested_collided.exe", "xcpt4.exe");
  const Lookup pdb = find_pdb(path(), kPdb);
  EXPECT_FALSE(pdb.file);
  ASSERT_EQ(pdb.mismatched.size(), 1u);
  EXPECT_EQ(pdb.mismatched[0], base::path_text(root() / "xcpt4.pdb") +
                                   ", but its key is C0612E0E06364D5B956711A9C95291C81, and " +
                                   kPdbKeyText + " is wanted");
  const Lookup image = find_image(path(), kImage);
  EXPECT_FALSE(image.file);
  ASSERT_EQ(image.mismatched.size(), 1u);
  EXPECT_NE(image.mismatched[0].find("62524D629000"), std::string::npos) << image.mismatched[0];
}

TEST_F(FindFiles, AnotherAgeIsAnotherKey) {
  put("xcpt4.pdb", "xcpt4.pdb");
  PdbKey key = kPdb;
  key.age = 2;
  const Lookup lookup = find_pdb(path(), key);
  EXPECT_FALSE(lookup.file);
  EXPECT_EQ(lookup.mismatched.size(), 1u);
}

TEST_F(FindFiles, BehindAMismatchTheNextPlaceIsLookedAt) {
  put("nested_collided.pdb", "first/xcpt4.pdb");
  put("xcpt4.pdb", "second/xcpt4.pdb");
  const std::string both =
      base::path_text(root() / "first") + ";" + base::path_text(root() / "second");
  const Lookup lookup = find_pdb(SymbolPath::parse(both), kPdb);
  expect_found(lookup, "second/xcpt4.pdb");
  EXPECT_EQ(lookup.mismatched.size(), 1u);
}

TEST_F(FindFiles, AFileThatIsNoPdbOrCutShortIsNamedAndNotUsed) {
  write("not a PDB", "xcpt4.pdb");
  write("", "xcpt4.exe");
  const Lookup pdb = find_pdb(path(), kPdb);
  EXPECT_FALSE(pdb.file);
  EXPECT_EQ(pdb.mismatched.size(), 1u);
  EXPECT_EQ(find_image(path(), kImage).mismatched.size(), 1u);
  fs::remove(root() / "xcpt4.pdb");
  put("xcpt4.pdb", "xcpt4.pdb");
  fs::resize_file(root() / "xcpt4.pdb", 0x1000);
  EXPECT_FALSE(find_pdb(path(), kPdb).file);
}

TEST_F(FindFiles, AnImageWithoutTimestampIsMatchedByItsPdb) {
  put("xcpt4.exe", "xcpt4.exe");
  ImageKey key = kImage;
  key.timestamp = 0;
  EXPECT_FALSE(find_image(path(), key).file);
  key.pdb_guid = kPdb.guid;
  key.pdb_age = 1;
  expect_found(find_image(path(), key), "xcpt4.exe");
  key.pdb_age = 2;
  EXPECT_FALSE(find_image(path(), key).file);
}

TEST_F(FindFiles, WhatAStoreOfAChainHasIsKeptInTheOnesBeforeIt) {
  const std::string pdb = std::string("xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb";
  put("xcpt4.pdb", "third/" + pdb);
  const auto of = [&](const char* name) { return base::path_text(root() / name); };
  const SymbolPath chain =
      SymbolPath::parse("srv*" + of("first") + "*" + of("second") + "*" + of("third"));
  expect_found(find_pdb(chain, kPdb), "second/" + pdb);
  for (const char* store : {"first/", "second/"})
    EXPECT_EQ(text_of(root() / (store + pdb)), text_of(data_ / "xcpt4.pdb"));
  expect_found(find_pdb(chain, kPdb), "first/" + pdb);
  EXPECT_TRUE(fs::is_empty(root() / "first/.ntstack/unfinished"));
}

TEST_F(FindFiles, AFileOfAStoreIsUsedWhereItIsWhenNoCopyCanBeKept) {
  const std::string pdb = std::string("xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb";
  put("xcpt4.pdb", "second/" + pdb);
  write("a file where a folder should be", "first");
  const auto of = [&](const char* name) { return base::path_text(root() / name); };
  expect_found(find_pdb(SymbolPath::parse("srv*" + of("first") + "*" + of("second")), kPdb),
               "second/" + pdb);
}

TEST_F(FindFiles, APointerLeadsToTheFileItself) {
  put("xcpt4.exe", "elsewhere/some.exe");
  const std::string target = base::path_text(root() / "elsewhere/some.exe");
  const std::string pointer = std::string("xcpt4.exe/") + kImageKeyText + "/file.ptr";
  for (const std::string& text : {"PATH:" + target, "path: " + target + "\r\n", target}) {
    write(text, pointer);
    expect_found(find_image(path("srv*"), kImage), "elsewhere/some.exe");
  }
}

TEST_F(FindFiles, APointerToNowhereToAnotherFileOrWithAMessageIsNamed) {
  put("nested_collided.exe", "other.exe");
  const std::string pointer = std::string("xcpt4.exe/") + kImageKeyText + "/file.ptr";
  for (const std::string& text :
       {std::string("PATH:\\\\server\\share\\xcpt4.exe"), std::string("MSG: gone for good"),
        std::string(), std::string("\x1b[2J"), "PATH:" + base::path_text(root() / "other.exe")}) {
    write(text, pointer);
    const Lookup lookup = find_image(path("srv*"), kImage);
    EXPECT_FALSE(lookup.file) << text;
    ASSERT_EQ(lookup.mismatched.size(), 1u) << text;
    EXPECT_EQ(base::printable(lookup.mismatched[0]), lookup.mismatched[0]);
  }
}

TEST_F(FindFiles, ServersAreNamedAndTheCacheBeforeThemIsLookedIn) {
  put("xcpt4.pdb", std::string("xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb");
  const Lookup lookup = find_pdb(path("srv*https://symbols.example/x*"), kPdb);
  EXPECT_TRUE(lookup.file);
  EXPECT_EQ(lookup.servers, std::vector<std::string>{"https://symbols.example/x"});
}

TEST_F(FindFiles, EveryPlaceWithoutTheFileIsNamed) {
  const Lookup lookup = find_pdb(SymbolPath::parse("/nowhere;srv*/none"), kPdb);
  EXPECT_FALSE(lookup.file);
  ASSERT_EQ(lookup.tried.size(), 2u);
  EXPECT_EQ(lookup.tried[0], "/nowhere/xcpt4.pdb");
  EXPECT_EQ(lookup.tried[1], std::string("/none/xcpt4.pdb/") + kPdbKeyText + "/xcpt4.pdb");
}

TEST_F(FindFiles, AHostileNameLeavesNoPlace) {
  put("xcpt4.pdb", "outside/xcpt4.pdb");
  put("xcpt4.pdb", "..xcpt4.pdb");
  fs::create_directories(root() / "place");
  for (const char* name : {"../outside/xcpt4.pdb", "..\\outside\\xcpt4.pdb", "..xcpt4.pdb"}) {
    PdbKey key = kPdb;
    key.name = name;
    EXPECT_FALSE(find_pdb(path("srv*", "place"), key).file) << name;
  }
  PdbKey key = kPdb;
  key.name = "..";
  const Lookup lookup = find_pdb(path(), key);
  EXPECT_FALSE(lookup.file);
  EXPECT_EQ(lookup.tried.size(), 1u);
}

TEST_F(FindFiles, AFolderOfTheFilesNameIsNoFile) {
  fs::create_directories(root() / "xcpt4.pdb");
  const Lookup lookup = find_pdb(path(), kPdb);
  EXPECT_FALSE(lookup.file);
  EXPECT_TRUE(lookup.mismatched.empty());
}

TEST_F(FindFiles, ListingsMayBeShared) {
  put("xcpt4.pdb", "XCPT4.pdb");
  FolderListings listings;
  EXPECT_TRUE(find_pdb(path(), kPdb, &listings).file);
  EXPECT_TRUE(find_pdb(path(), kPdb, &listings).file);
}

}  // namespace
}  // namespace ntstack::store
