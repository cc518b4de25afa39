// Real files, taken in from folders of any form. Their keys are as llvm's tools print them.
#include "store/import.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::store {
namespace {

namespace fs = std::filesystem;

class Import : public testing::Test {
 protected:
  void SetUp() override {
    NTSTACK_NEED_DATA(folder, "seh/x64");
    data_ = folder;
  }
  fs::path store() const { return folder_.path() / "store"; }
  fs::path put(const std::string& file, const std::string& place) const {
    const fs::path to = folder_.path() / "from" / place;
    fs::create_directories(to.parent_path());
    fs::copy_file(data_ / file, to);
    return to;
  }
  fs::path data_;
  tests::TemporaryFolder folder_;
};

constexpr const char* kPdb = "xcpt4.pdb/C8C2329E0E9949E68B6F132BECA69E7E1/xcpt4.pdb";
constexpr const char* kImage = "xcpt4.exe/62524D63e000/xcpt4.exe";

TEST_F(Import, APdbAndAnImageGoWhereServersHaveThem) {
  for (const auto& [from, to] : {std::pair("xcpt4.pdb", kPdb), std::pair("xcpt4.exe", kImage)}) {
    const auto imported = import_file(put(from, from), store());
    ASSERT_TRUE(imported) << imported.error().text();
    EXPECT_EQ(imported->destination, store() / to);
    EXPECT_FALSE(imported->was_there);
    EXPECT_EQ(fs::file_size(store() / to), fs::file_size(data_ / from));
  }
  EXPECT_TRUE(import_file(data_ / "xcpt4.pdb", store())->was_there);
  EXPECT_TRUE(fs::is_empty(store() / ".ntstack/unfinished"));
}

TEST_F(Import, AFileInAStoresFolderGetsTheStoresName) {
  const auto from = put("xcpt4.pdb", "xcpt4.pdb/c8c2329e0e9949e68b6f132beca69e7e1/download(1)");
  const auto imported = import_file(from, store());
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->destination, store() / kPdb);
}

TEST_F(Import, WhatIsCutOffOrNoSymbolFileIsLeftOut) {
  const auto cut = put("xcpt4.pdb", "cut.pdb");
  fs::permissions(cut, fs::perms::owner_write, fs::perm_options::add);
  fs::resize_file(cut, fs::file_size(cut) - 1);
  std::ofstream(folder_.path() / "page.pdb") << "<html>";
  std::ofstream(folder_.path() / "packed.pd_") << "MSCF, but no cabinet";
  for (const auto& file : {cut, folder_.path() / "page.pdb", folder_.path() / "packed.pd_",
                           folder_.path() / "none", folder_.path()}) {
    const auto imported = import_file(file, store());
    ASSERT_FALSE(imported) << file;
    EXPECT_NE(imported.error().text().find(base::path_text(file)), std::string::npos);
  }
  EXPECT_FALSE(fs::exists(store() / "cut.pdb"));
  EXPECT_FALSE(fs::exists(store() / "page.pdb"));
}

}  // namespace
}  // namespace ntstack::store
