// Headers, sections, their bytes and the PDB's key against llvm-readobj and llvm-objcopy.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>

#include "oracle_images.h"
#include "readobj.h"

namespace ntstack::tests {
namespace {

// "2012-05-10 19:50:36 (0x4FAC1C0C)" has its number in parentheses; so has everything else here.
void compare_headers(const ReadobjNode& printed, const pe::Image& image) {
  const ReadobjNode* file = printed.find("ImageFileHeader");
  const ReadobjNode* optional = printed.find("ImageOptionalHeader");
  ASSERT_TRUE(file && optional);
  EXPECT_EQ(image.machine(), file->number("Machine"));
  EXPECT_EQ(image.timestamp(), file->number("TimeDateStamp"));
  EXPECT_EQ(image.symbol_table_offset(), file->number("PointerToSymbolTable"));
  EXPECT_EQ(image.symbol_count(), file->number("SymbolCount"));
  EXPECT_EQ(image.size_of_image(), optional->number("SizeOfImage"));
  EXPECT_EQ(image.preferred_base(), optional->number("ImageBase"));
  EXPECT_EQ(image.entry_point(), optional->number("AddressOfEntryPoint"));
  EXPECT_EQ(image.checksum(), optional->number("CheckSum"));
  const ReadobjNode* directories = optional->find("DataDirectory");
  ASSERT_NE(directories, nullptr);
  const std::pair<const char*, pe::Directory> known[] = {
      {"ExportTable", pe::Directory::exports},         {"ImportTable", pe::Directory::imports},
      {"ExceptionTable", pe::Directory::exception},    {"Debug", pe::Directory::debug},
      {"LoadConfigTable", pe::Directory::load_config}, {"IAT", pe::Directory::import_addresses}};
  for (const auto& [name, index] : known) {
    EXPECT_EQ(image.directory(index).rva, directories->number(std::string(name) + "RVA")) << name;
    EXPECT_EQ(image.directory(index).size, directories->number(std::string(name) + "Size")) << name;
  }
}

void compare_sections(const ReadobjNode& printed, const pe::Image& image) {
  const ReadobjNode* sections = printed.find("Sections");
  ASSERT_NE(sections, nullptr);
  ASSERT_EQ(image.sections().size(), sections->children.size());
  for (std::size_t i = 0; i < sections->children.size(); ++i) {
    const ReadobjNode& theirs = sections->children[i];
    const pe::Section& ours = image.sections()[i];
    const std::string_view name = theirs.text("Name");
    EXPECT_EQ(ours.name, name.substr(0, name.rfind(" (")));
    EXPECT_EQ(ours.rva, theirs.number("VirtualAddress"));
    EXPECT_EQ(ours.virtual_size, theirs.number("VirtualSize"));
    EXPECT_EQ(ours.file_size, theirs.number("RawDataSize"));
    EXPECT_EQ(ours.file_offset, ours.file_size ? theirs.number("PointerToRawData") : 0);
    const ReadobjNode* characteristics = theirs.find("Characteristics");
    ASSERT_NE(characteristics, nullptr);
    EXPECT_EQ(fmt::format("(0x{:X})", ours.characteristics), characteristics->value);
    EXPECT_EQ(image.section_of(ours.rva + std::max(ours.virtual_size, 1u) - 1), &ours);
  }
}

// The first RSDS key that is printed, as "{GUID} age path"; empty where there is none.
std::string printed_key(const ReadobjNode& printed) {
  const ReadobjNode* entries = printed.find("DebugDirectory");
  if (!entries) return {};
  for (const ReadobjNode& entry : entries->children) {
    const ReadobjNode* key = entry.find("PDBInfo");
    if (!key || key->text("PDBGUID").empty()) continue;
    return fmt::format("{} {} {}", key->text("PDBGUID"), key->text("PDBAge"),
                       key->text("PDBFileName"));
  }
  return {};
}

TEST(HeadersOracle, HeadersSectionsAndKeysAreAsLlvmReadobjPrintsThem) {
  const std::filesystem::path tool = newest_readobj();
  if (tool.empty()) GTEST_SKIP() << "not installed: llvm-readobj";
  std::size_t images = 0;
  std::size_t sections = 0;
  std::size_t keys = 0;
  for (const std::filesystem::path& path : all_images()) {
    SCOPED_TRACE(path.string());
    const auto open = OpenImage::open(path);
    ASSERT_TRUE(open) << open.error().text();
    const ReadobjNode printed =
        readobj(tool, "--file-headers --sections --coff-debug-directory", path);
    compare_headers(printed, open->image);
    compare_sections(printed, open->image);
    const auto key = open->image.codeview();
    EXPECT_EQ(key ? fmt::format("{} {} {}", key->guid.text(), key->age, key->pdb_path) : "",
              printed_key(printed));
    ++images;
    sections += open->image.sections().size();
    keys += key ? 1 : 0;
    if (HasFailure()) return;
  }
  std::cout << fmt::format("compared with {}: {} images, {} sections, {} PDB keys\n",
                           tool.filename().string(), images, sections, keys);
  if (images == 0) GTEST_SKIP() << "no images at hand";
}

std::vector<char> contents_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(HeadersOracle, SectionsHoldTheBytesThatLlvmObjcopyDumps) {
  NTSTACK_NEED_TOOL(tool, "llvm-objcopy-19");
  const TemporaryFolder folder;
  std::size_t sections = 0;
  std::size_t total = 0;
  for (const std::filesystem::path& path : all_images()) {
    SCOPED_TRACE(path.string());
    const auto open = OpenImage::open(path);
    ASSERT_TRUE(open) << open.error().text();
    for (const char* name : {".text", ".rdata", ".pdata", ".data"}) {
      const auto section = std::ranges::find(open->image.sections(), name, &pe::Section::name);
      if (section == open->image.sections().end() || !section->file_size) continue;
      const std::filesystem::path dumped = folder.path() / "section";
      const ToolResult result = run(fmt::format("{} --dump-section={}={} {} /dev/null 2>/dev/null",
                                                quoted(tool), name, quoted(dumped), quoted(path)));
      if (result.exit_code != 0) continue;
      const std::vector<char> theirs = contents_of(dumped);
      std::vector<std::byte> ours(theirs.size());
      ASSERT_EQ(open->image.read(section->rva, ours), theirs.size()) << name;
      EXPECT_TRUE(std::ranges::equal(theirs, ours, [](char a, std::byte b) {
        return static_cast<std::byte>(a) == b;
      })) << name;
      ++sections;
      total += theirs.size();
    }
    if (HasFailure()) return;
  }
  std::cout << fmt::format("compared {} sections, {} bytes\n", sections, total);
  if (sections == 0) GTEST_SKIP() << "no images at hand";
}

}  // namespace
}  // namespace ntstack::tests
