// Modules of an imagined dump: real images and PDBs, their files on a path or their bytes in
// memory. Names and addresses as llvm-symbolizer, llvm-pdbutil and llvm-readobj print them.
#include "symbols/symbolizer.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/text.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::symbols {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kBase = 0xfffff80412340000;
constexpr std::uint64_t kDllBase = 0xfffff80412350000;
constexpr std::uint32_t kCookieRva = 0x4020;  // __security_check_cookie, 30 bytes
constexpr std::uint32_t kSetupRva = 0x1000;   // export setup_data_dll

ModuleKey module(const char* name, std::uint64_t base, std::uint64_t size,
                 std::uint32_t timestamp = 0) {
  ModuleKey key;
  key.name = name;
  key.base = base;
  key.size = size;
  key.timestamp = timestamp;
  return key;
}

ModuleKey program() { return module("xcpt4.exe", kBase, 57344, 0x62524d63); }

class SymbolizerTest : public testing::Test {
 protected:
  void SetUp() override {
    NTSTACK_NEED_DATA(folder, "seh/x64");
    data_ = folder;
  }
  // Folders with the files named alone, so that what is missing is known.
  store::SymbolPath folder_with(const std::string& folder, const std::vector<std::string>& files) {
    fs::create_directories(temporary_.path() / folder);
    for (const std::string& file : files) {
      fs::copy_file(data_ / file, temporary_.path() / folder / file,
                    fs::copy_options::overwrite_existing);
    }
    return store::SymbolPath::parse(base::path_text(temporary_.path() / folder));
  }

  fs::path data_;
  tests::TemporaryFolder temporary_;
};

// The image file as the memory of a dump that has all of it, or its first page alone.
class ImageMemory {
 public:
  ImageMemory(const fs::path& file, std::uint64_t base)
      : file_(base::MappedFile::open(file)),
        image_(pe::Image::from_file(file_->bytes())),
        pages_(*image_, base),
        headers_({{base, file_->bytes().clamp(0, 0x400)}}) {}
  const base::ByteSource* all() const { return &pages_; }
  const base::ByteSource* headers() const { return &headers_; }

 private:
  base::Result<base::MappedFile> file_;
  base::Result<pe::Image> image_;
  pe::ImagePages pages_;
  base::SegmentSource headers_;
};

TEST_F(SymbolizerTest, NamesByThePdbThatTheImageFileNames) {
  const auto path = folder_with("both", {"xcpt4.exe", "xcpt4.pdb"});
  Symbolizer symbolizer({program()}, {{}, path, nullptr});
  EXPECT_EQ(symbolizer.name(kBase + kCookieRva, false).function.text(),
            "xcpt4!__security_check_cookie");
  EXPECT_EQ(symbolizer.name(kBase + kCookieRva + 5, false).function.text(),
            "xcpt4!__security_check_cookie+0x5");
  EXPECT_TRUE(symbolizer.missing().empty());
  ASSERT_NE(symbolizer.pdb(0), nullptr);
  EXPECT_NE(symbolizer.image(0), nullptr);
  EXPECT_NE(symbolizer.image_file(0), nullptr);
}

TEST_F(SymbolizerTest, ACallSiteIsLookedUpBeforeItsReturnAddress) {
  const auto path = folder_with("both", {"xcpt4.exe", "xcpt4.pdb"});
  Symbolizer symbolizer({program()}, {path, {}, nullptr});
  // Test81 ends where Test83 begins: a call that does not return may be its last instruction.
  const std::uint64_t after = kBase + 0x1280 + 32;
  EXPECT_EQ(symbolizer.name(after, true).function.text(), "xcpt4!Test81+0x20");
  EXPECT_EQ(symbolizer.name(after, false).function.text(), "xcpt4!Test83");
}

TEST_F(SymbolizerTest, ThePdbsKeyIsReadFromTheDumpsMemory) {
  const auto symbols = folder_with("pdb", {"xcpt4.pdb"});
  const ImageMemory memory(data_ / "xcpt4.exe", kBase);
  Symbolizer symbolizer({program()}, {symbols, {}, memory.all()});
  EXPECT_EQ(symbolizer.name(kBase + kCookieRva, false).function.name, "__security_check_cookie");
  EXPECT_TRUE(symbolizer.missing().empty());  // the image's file was not asked for
  EXPECT_NE(symbolizer.image(0), nullptr);
  EXPECT_EQ(symbolizer.image_file(0), nullptr);
}

TEST_F(SymbolizerTest, TheFileStandsBehindHeadersInMemory) {
  const auto path = folder_with("both", {"xcpt4.exe", "xcpt4.pdb"});
  const ImageMemory memory(data_ / "xcpt4.exe", kBase);
  ModuleKey key = program();
  key.timestamp = 0;  // only the headers in memory tell it
  Symbolizer symbolizer({key}, {{}, path, memory.headers()});
  EXPECT_EQ(symbolizer.name(kBase + kCookieRva, false).function.name, "__security_check_cookie");
  ASSERT_NE(symbolizer.image(0), nullptr);
  EXPECT_TRUE(symbolizer.image(0)->get<std::uint32_t>(kCookieRva));
}

TEST_F(SymbolizerTest, ThePdbsKeyOfTheDumpIsEnough) {
  const auto symbols = folder_with("pdb", {"xcpt4.pdb"});
  ModuleKey key = program();
  key.timestamp = 0;
  key.pdb_guid = {0xc8c2329e, 0x0e99, 0x49e6, {0x8b, 0x6f, 0x13, 0x2b, 0xec, 0xa6, 0x9e, 0x7e}};
  key.pdb_age = 1;
  key.pdb_name = "c:\\build\\xcpt4.pdb";
  Symbolizer symbolizer({key}, {symbols, {}, nullptr});
  EXPECT_EQ(symbolizer.name(kBase + kCookieRva, false).function.name, "__security_check_cookie");
}

TEST_F(SymbolizerTest, WithoutAPdbExportsNameAndSayThatTheyDo) {
  const auto path = folder_with("dll", {"xframe_eh_dll.dll"});
  const auto file = base::MappedFile::open(data_ / "xframe_eh_dll.dll");
  const auto image = pe::Image::from_file(file->bytes());
  const ModuleKey key =
      module("xframe_eh_dll.dll", kDllBase, image->size_of_image(), image->timestamp());
  Symbolizer symbolizer({key}, {{}, path, nullptr});
  const Symbol& symbol = symbolizer.name(kDllBase + kSetupRva + 3, false).function;
  EXPECT_EQ(symbol.text(), "xframe_eh_dll!setup_data_dll+0x3");
  EXPECT_TRUE(symbol.is_export);
  ASSERT_EQ(symbolizer.missing().size(), 1u);
  EXPECT_EQ(symbolizer.missing()[0].what, "PDB");
}

TEST_F(SymbolizerTest, WithoutAnythingTheModuleAndOffsetAreLeft) {
  Symbolizer symbolizer({program()}, {{}, {}, nullptr});
  EXPECT_EQ(symbolizer.name(kBase + 0x1234, true).function.text(), "xcpt4+0x1234");
  EXPECT_EQ(symbolizer.name(kBase + 0x1234, false).function.text(), "xcpt4+0x1234");
  EXPECT_EQ(symbolizer.name(0x1234, false).function.text(), "0x1234");
  EXPECT_EQ(symbolizer.name(0, true).function.text(), "0x0");
  EXPECT_EQ(symbolizer.image(0), nullptr);
  EXPECT_EQ(symbolizer.pdb(0), nullptr);
  const auto missing = symbolizer.missing();
  ASSERT_EQ(missing.size(), 1u);  // said once
  EXPECT_EQ(missing[0].module, "xcpt4.exe");
  EXPECT_EQ(missing[0].what, "image");
  EXPECT_EQ(missing[0].remedy, "put xcpt4.exe/62524D63e000/xcpt4.exe on the image path (-i)");
}

TEST_F(SymbolizerTest, AFileWithAnotherKeyIsNotUsedAndIsNamed) {
  const auto path = folder_with("wrong", {});
  fs::copy_file(data_ / "nested_collided.exe", temporary_.path() / "wrong/xcpt4.exe");
  fs::copy_file(data_ / "nested_collided.pdb", temporary_.path() / "wrong/xcpt4.pdb");
  const ImageMemory memory(data_ / "xcpt4.exe", kBase);
  Symbolizer symbolizer({program()}, {path, path, memory.all()});
  EXPECT_EQ(symbolizer.pdb(0), nullptr);
  EXPECT_EQ(symbolizer.image_file(0), nullptr);
  EXPECT_EQ(symbolizer.name(kBase + kCookieRva, false).function.text(), "xcpt4+0x4020");
  const auto missing = symbolizer.missing();
  ASSERT_EQ(missing.size(), 2u);
  for (const Missing& one : missing) {
    EXPECT_TRUE(one.remedy.starts_with("found ")) << one.remedy;
    const bool is_pdb = one.what == "PDB";
    for (const char* key : is_pdb ? std::array{"C0612E0E06364D5B956711A9C95291C81",
                                               "C8C2329E0E9949E68B6F132BECA69E7E1"}
                                  : std::array{"62524D629000", "62524D63e000"}) {
      EXPECT_NE(one.remedy.find(key), std::string::npos) << one.remedy;
    }
  }
}

TEST_F(SymbolizerTest, ModulesAreSortedAndHoldTheirAddressesAlone) {
  Symbolizer symbolizer({module("b.sys", 0x20000, 0x1000), module("ntkrnlmp.exe", 0x10000, 0x2000),
                         module("top.sys", 0xfffffffffffff000, 0x10000)},
                        {{}, {}, nullptr});
  ASSERT_EQ(symbolizer.modules().size(), 3u);
  EXPECT_EQ(symbolizer.modules()[0].name, "ntkrnlmp.exe");
  EXPECT_EQ(symbolizer.short_name(0), "nt");
  EXPECT_EQ(symbolizer.module_at(0x11fff), 0u);
  EXPECT_EQ(symbolizer.module_at(0x12000), std::nullopt);
  EXPECT_EQ(symbolizer.module_at(0xffff), std::nullopt);
  EXPECT_EQ(symbolizer.module_at(0x20000), 1u);
  EXPECT_EQ(symbolizer.module_at(UINT64_MAX), 2u);
}

TEST_F(SymbolizerTest, NamesHaveAddresses) {
  const auto path = folder_with("all", {"xcpt4.exe", "xcpt4.pdb"});
  Symbolizer symbolizer({program()}, {{}, path, nullptr});
  EXPECT_EQ(symbolizer.address_of("xcpt4!__security_check_cookie"), kBase + kCookieRva);
  EXPECT_EQ(symbolizer.address_of("XCPT4!__security_check_cookie"), kBase + kCookieRva);
  EXPECT_EQ(symbolizer.address_of("__security_check_cookie"), kBase + kCookieRva);
  EXPECT_EQ(symbolizer.address_of("xcpt4"), kBase);
  EXPECT_EQ(symbolizer.address_of("xcpt4!no_such_function"), std::nullopt);
  EXPECT_EQ(symbolizer.address_of("other!__security_check_cookie"), std::nullopt);
  EXPECT_EQ(symbolizer.address_of(""), std::nullopt);
  EXPECT_EQ(symbolizer.address_of("!"), std::nullopt);
}

TEST_F(SymbolizerTest, HostileModulesDoNoHarm) {
  const auto path = folder_with("all", {"xcpt4.exe", "xcpt4.pdb"});
  ModuleKey hostile = program();
  hostile.name = "..\\..\\\x1b[2J";
  hostile.pdb_guid = base::Guid{};
  hostile.pdb_name = "../../all/xcpt4.pdb";
  hostile.size = UINT64_MAX;
  Symbolizer symbolizer({hostile, hostile, {}}, {path, path, nullptr});
  EXPECT_EQ(symbolizer.name(kBase + 1, false).function.text().find('\x1b'), std::string::npos);
  EXPECT_EQ(symbolizer.name(UINT64_MAX, true).function.name, "");
  for (const Missing& one : symbolizer.missing()) {
    EXPECT_EQ(one.module.find('\x1b'), std::string::npos);
    EXPECT_EQ(one.remedy.find('\x1b'), std::string::npos);
  }
}

}  // namespace
}  // namespace ntstack::symbols
