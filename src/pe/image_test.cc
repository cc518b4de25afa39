#include "pe/image.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "image_builder.h"

namespace ntstack::pe {
namespace {

using base::Bytes;
using tests::ByteWriter;
using tests::ImageBuilder;

Bytes bytes_of(const std::vector<std::byte>& bytes) {
  return Bytes(std::span<const std::byte>(bytes));
}

ByteWriter filled(std::size_t size, int value) {
  ByteWriter out;
  for (std::size_t i = 0; i < size; ++i) out.u8({value});
  return out;
}

std::vector<std::byte> read(const Image& image, std::uint32_t rva, std::size_t size) {
  std::vector<std::byte> out(size);
  out.resize(image.read(rva, out));
  return out;
}

// Two sections: code, and data whose virtual size is larger than its raw bytes.
ImageBuilder ordinary() {
  ImageBuilder builder;
  builder.section(".text", 0x1000, filled(0x200, 0xc3));
  builder.section(".data", 0x2000, filled(0x200, 0x11), 0x1800);
  builder.sections[1].characteristics = 0xc0000040;
  return builder;
}

TEST(Image, ReadsTheHeadersOfA64BitFile) {
  const auto file = ordinary().file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image) << image.error().text();
  EXPECT_EQ(image->architecture(), base::Architecture::x64);
  EXPECT_EQ(image->machine(), 0x8664);
  EXPECT_EQ(image->timestamp(), 0x5f5e100u);
  EXPECT_EQ(image->size_of_image(), 0x10000u);
  EXPECT_EQ(image->checksum(), 0x1234u);
  EXPECT_EQ(image->entry_point(), 0x1000u);
  EXPECT_EQ(image->preferred_base(), 0x140000000u);
  ASSERT_EQ(image->sections().size(), 2u);
  EXPECT_EQ(image->sections()[1].name, ".data");
  EXPECT_EQ(image->sections()[1].rva, 0x2000u);
  EXPECT_EQ(image->sections()[1].virtual_size, 0x1800u);
  EXPECT_EQ(image->sections()[1].file_size, 0x200u);
  EXPECT_FALSE(image->sections()[1].executable());
  EXPECT_TRUE(image->sections()[0].executable());
}

TEST(Image, ReadsTheHeadersOfA32BitFile) {
  ImageBuilder builder = ordinary();
  builder.is_64_bit = false;
  builder.machine = 0x14c;
  builder.image_base = 0x400000;
  builder.directory(6, 0x1010, 28);
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image) << image.error().text();
  EXPECT_EQ(image->architecture(), base::Architecture::x86);
  EXPECT_EQ(image->preferred_base(), 0x400000u);
  EXPECT_EQ(image->directory(Directory::debug).rva, 0x1010u);
  EXPECT_EQ(image->sections().size(), 2u);
}

TEST(Image, MapsHeadersRawBytesAndZerosAsTheLoaderDoes) {
  const auto file = ordinary().file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->get<std::uint16_t>(0), 0x5a4d);
  EXPECT_EQ(image->get<std::uint8_t>(0xfff), 0) << "the rest of the headers' page";
  EXPECT_EQ(image->get<std::uint8_t>(0x11ff), 0xc3);
  EXPECT_EQ(image->get<std::uint8_t>(0x1200), 0) << "the rest of the section's page";
  EXPECT_EQ(image->get<std::uint32_t>(0x21fe), 0x1111u) << "raw bytes, then zeros";
  EXPECT_EQ(image->get<std::uint8_t>(0x37ff), 0);
  EXPECT_EQ(image->get<std::uint8_t>(0x3fff), 0);
  EXPECT_FALSE(image->get<std::uint8_t>(0x4000));
  EXPECT_FALSE(image->get<std::uint8_t>(0xffffffff));
}

TEST(Image, ViewStopsAtTheRawBytesAndReadGoesOnThroughTheSections) {
  const auto file = ordinary().file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->view(0x2100, 0x1000).size(), 0x100u);
  EXPECT_TRUE(image->view(0x2200, 1).empty());
  EXPECT_EQ(image->view(0x2100, 0x1000).data(), file.data() + 0x600 + 0x100) << "no copy";
  EXPECT_EQ(read(*image, 0, 0x100000).size(), 0x4000u);
}

TEST(Image, ASectionIsFoundByAnyRvaInsideIt) {
  const auto file = ordinary().file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->section_of(0xfff), nullptr);
  ASSERT_NE(image->section_of(0x1000), nullptr);
  EXPECT_EQ(image->section_of(0x11ff)->name, ".text");
  EXPECT_EQ(image->section_of(0x1200), nullptr);
  EXPECT_EQ(image->section_of(0x37ff)->name, ".data");
  EXPECT_EQ(image->section_of(0x3800), nullptr);
}

TEST(Image, AVirtualSizeOfZeroMeansTheRawSize) {
  ImageBuilder builder = ordinary();
  builder.sections[0].virtual_size = 0;
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->get<std::uint8_t>(0x11ff), 0xc3);
  ASSERT_NE(image->section_of(0x11ff), nullptr);
}

TEST(Image, ASectionOfNoSizeAtAllHoldsNothing) {
  ImageBuilder builder = ordinary();
  builder.section(".empty", 0x5000, ByteWriter());
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->sections()[2].file_offset, 0u);
  EXPECT_FALSE(image->get<std::uint8_t>(0x5000));
  EXPECT_EQ(image->section_of(0x5000), nullptr);
}

TEST(Image, BytesThatATruncatedFileLacksAreMissingAndNotZero) {
  auto file = ordinary().file();
  file.resize(0x600 + 0x80);
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(read(*image, 0x2000, 0x200).size(), 0x80u);
  EXPECT_FALSE(image->get<std::uint8_t>(0x2080));
  EXPECT_EQ(image->get<std::uint8_t>(0x2200), 0) << "behind the raw bytes there are zeros again";
}

TEST(Image, ADriverAlignedToLessThanAPageIsReadAsItLiesInItsFile) {
  ImageBuilder builder;
  builder.section_alignment = builder.file_alignment = 0x20;
  builder.size_of_headers = 0x2a0;
  builder.section(".text", 0x2a0, filled(0x60, 0xc3));
  builder.section(".rdata", 0x300, filled(0x20, 0x22));
  builder.sections[0].file_offset = 0x2a0;
  builder.sections[1].file_offset = 0x300;
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->get<std::uint8_t>(0x2a0), 0xc3);
  EXPECT_EQ(image->get<std::uint8_t>(0x2ff), 0xc3);
  EXPECT_EQ(image->get<std::uint8_t>(0x300), 0x22);
  EXPECT_EQ(image->section_of(0x300)->name, ".rdata");
  EXPECT_FALSE(image->get<std::uint8_t>(0x320));
}

TEST(Image, OverlappingSectionsAreCutAndHarmless) {
  ImageBuilder builder;
  builder.section("a", 0x1000, filled(0x1800, 0xaa));
  builder.section("b", 0x1000, filled(0x200, 0xbb));
  builder.section("c", 0x2000, filled(0x2000, 0xcc));
  builder.section("d", 0xfffff000, filled(0x200, 0xdd), 0xffffffff);
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->get<std::uint8_t>(0x1000), 0xaa);
  EXPECT_EQ(image->get<std::uint8_t>(0x27ff), 0xaa);
  EXPECT_EQ(image->get<std::uint8_t>(0x2800), 0);
  EXPECT_EQ(image->get<std::uint8_t>(0x3000), 0xcc);
  EXPECT_EQ(image->get<std::uint8_t>(0xfffff000), 0xdd);
  EXPECT_EQ(read(*image, 0xfffff000, 0x2000).size(), 0x1000u);
}

TEST(Image, HostileSizesAndOffsetsReadAsMissing) {
  ImageBuilder builder = ordinary();
  builder.size_of_headers = 0xffffffff;
  builder.sections[0].file_offset = 0x400;
  builder.sections[1].file_offset = 0x600;
  builder.sections[1].file_size = 0xffffffff;
  builder.sections[1].virtual_size = 0xffffffff;
  auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->get<std::uint8_t>(0x1000), 0xc3) << "the headers end where a section begins";
  EXPECT_EQ(read(*image, 0x2000, 0x10000).size(), 0x200u);
  EXPECT_FALSE(image->get<std::uint8_t>(0x80000000));
}

TEST(Image, FilesThatAreNoImagesGiveAnErrorThatSaysWhy) {
  EXPECT_EQ(Image::from_file({}).error().text(), "the DOS header is not there");
  const std::vector<std::byte> zeros(0x1000);
  EXPECT_EQ(Image::from_file(bytes_of(zeros)).error().text(),
            "no PE image: it does not begin with \"MZ\"");
  auto file = ordinary().file();
  file[0x3c] = std::byte{0xf0};
  file[0x3f] = std::byte{0xff};
  EXPECT_EQ(Image::from_file(bytes_of(file)).error().text(),
            "the PE header at 0xff0000f0 is not there");
}

TEST(Image, HeadersCutAnywhereGiveAnErrorAndNoCrash) {
  const auto file = ordinary().file();
  const std::size_t headers_end = 0x80 + 24 + 240 + 2 * 40;
  for (std::size_t size = 0; size < headers_end; ++size) {
    const std::vector<std::byte> cut(file.begin(),
                                     file.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(Image::from_file(bytes_of(cut))) << size;
  }
}

TEST(Image, CountsThatNoLinkerWritesAreRefusedOrBounded) {
  ImageBuilder builder = ordinary();
  builder.section_count = 0xffff;
  EXPECT_EQ(Image::from_file(bytes_of(builder.file())).error().text(),
            "the header claims 65535 sections, more than an image has");
  builder = ordinary();
  builder.directory_count = 0xffffffff;
  builder.directory(6, 1, 2);
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  EXPECT_EQ(image->directory(Directory::debug).size, 2u);
}

TEST(Image, DirectoriesEndWithTheOptionalHeader) {
  ImageBuilder builder;
  builder.directory(0, 0x10, 0x20);
  builder.directory(6, 0x1010, 28);
  builder.optional_header_size = 112 + 3 * 8;
  const auto file = builder.file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image) << image.error().text();
  EXPECT_EQ(image->directory(Directory::exports).rva, 0x10u);
  EXPECT_EQ(image->directory(Directory::debug).rva, 0u);
}

TEST(Image, LongSectionNamesComeFromTheStringTable) {
  ImageBuilder builder = ordinary();
  builder.sections[1].name = "/4";
  builder.section("/99", 0x5000, filled(4, 1));
  builder.section("/x", 0x6000, filled(4, 1));
  builder.symbol_table_offset = 0x1000;
  builder.symbol_count = 2;
  ByteWriter file;
  file.append(builder.file());
  file.pad_to(0x1000 + 2 * 18).u32({4 + 13}).text(".debug_frames");
  const auto image = Image::from_file(file.view());
  ASSERT_TRUE(image);
  EXPECT_EQ(image->sections()[1].name, ".debug_frames");
  EXPECT_EQ(image->sections()[2].name, "/99") << "outside of the string table";
  EXPECT_EQ(image->sections()[3].name, "/x");
}

// A debug directory of three entries at RVA 0x1000; its RSDS record at RVA 0x1080.
ImageBuilder with_codeview(std::string_view path) {
  ByteWriter record;
  record.u32({0x53445352, 0x01234567}).add<std::uint32_t>(0x4567'89ab).u8({1, 2, 3, 4, 5, 6, 7, 8});
  record.u32({3}).text(path);
  const auto size = static_cast<std::uint32_t>(record.size());
  ByteWriter raw;
  raw.u32({0, 0, 0, 13, 4, 0x1080, 0x480});
  raw.u32({0, 0, 0, 2, 16, 0x1070, 0x470});  // NB10
  raw.u32({0, 0, 0, 2, size, 0x1080, 0x480});
  raw.pad_to(0x70).u32({0x3031424e, 0, 0, 1}).append(record.bytes());
  ImageBuilder builder;
  builder.section(".rdata", 0x1000, raw).directory(6, 0x1000, 3 * 28);
  return builder;
}

TEST(Image, TheCodeViewKeyIsFoundAmongOtherDebugEntries) {
  const auto file = with_codeview("c:\\build\\driver.pdb").file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  const auto key = image->codeview();
  ASSERT_TRUE(key) << key.error().text();
  EXPECT_EQ(key->guid.text(), "{01234567-89AB-4567-0102-030405060708}");
  EXPECT_EQ(key->age, 3u);
  EXPECT_EQ(key->pdb_path, "c:\\build\\driver.pdb");
}

TEST(Image, ACodeViewEntryThatNoSectionMapsIsReadFromTheFile) {
  ImageBuilder builder = with_codeview("driver.pdb");
  ByteWriter raw;
  raw.append(builder.sections[0].raw).put<std::uint32_t>(2 * 28 + 20, 0);  // no RVA
  builder.sections[0].raw = raw.bytes();
  auto file = builder.file();
  auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  ASSERT_TRUE(image->codeview()) << image->codeview().error().text();
  EXPECT_EQ(image->codeview()->pdb_path, "driver.pdb");

  raw.put<std::uint32_t>(2 * 28 + 20, 0x70000000);  // an RVA outside of the image
  builder.sections[0].raw = raw.bytes();
  file = builder.file();
  image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image->codeview());
  EXPECT_EQ(image->codeview()->age, 3u);
}

TEST(Image, APdbPathIsBoundedByItsEntryAndByALimit) {
  auto file = with_codeview(std::string(100000, 'a')).file();
  auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image->codeview());
  EXPECT_EQ(image->codeview()->pdb_path.size(), 4096u);

  ImageBuilder builder = with_codeview("driver.pdb");
  ByteWriter raw;
  raw.append(builder.sections[0].raw).put<std::uint32_t>(2 * 28 + 16, 24 + 3);
  builder.sections[0].raw = raw.bytes();
  file = builder.file();
  image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image->codeview());
  EXPECT_EQ(image->codeview()->pdb_path, "dri");
}

TEST(Image, AnAbsentCodeViewKeyIsAnErrorThatSaysWhy) {
  auto file = ordinary().file();
  EXPECT_EQ(Image::from_file(bytes_of(file))->codeview().error().text(),
            "the image names no PDB: it has no debug directory");
  ImageBuilder builder = ordinary();
  builder.directory(6, 0x1000, 28 * 2);
  file = builder.file();
  EXPECT_EQ(Image::from_file(bytes_of(file))->codeview().error().text(),
            "the image names no PDB: its debug directory has no CodeView entry");
  builder.directory(6, 0x90000, 0xffffffff);
  file = builder.file();
  EXPECT_EQ(Image::from_file(bytes_of(file))->codeview().error().text(),
            "the debug directory at RVA 0x90000 is not there");
  builder = with_codeview("a.pdb");
  builder.directory(6, 0x1000, 28 * 2);
  file = builder.file();
  EXPECT_EQ(Image::from_file(bytes_of(file))->codeview().error().text(),
            "the CodeView entry at RVA 0x1070 is not of the kind \"RSDS\"");
}

// Memory of a loaded image, page by page; some pages may be left out.
class Pages : public base::ByteSource {
 public:
  Pages(std::vector<std::byte> loaded, std::uint64_t at, std::vector<std::uint64_t> missing)
      : loaded_(std::move(loaded)), at_(at), missing_(std::move(missing)) {}

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const Bytes part = view(address + done, out.size() - done);
      if (part.empty()) break;
      std::memcpy(out.data() + done, part.data(), part.size());
      done += part.size();
    }
    return done;
  }
  Bytes view(std::uint64_t address, std::size_t size) const override {
    if (address < at_ || address - at_ >= loaded_.size()) return {};
    const std::uint64_t offset = address - at_;
    if (std::ranges::find(missing_, offset & ~0xfffull) != missing_.end()) return {};
    return bytes_of(loaded_).clamp(offset, std::min<std::size_t>(size, 0x1000 - (offset & 0xfff)));
  }

 private:
  std::vector<std::byte> loaded_;
  std::uint64_t at_;
  std::vector<std::uint64_t> missing_;
};

constexpr std::uint64_t driver_base = 0xfffff80012340000;

TEST(Image, InMemoryTheSamePartsAreFoundPageByPage) {
  const Pages memory(with_codeview("driver.pdb").loaded(), driver_base, {});
  const auto image = Image::from_memory(memory, driver_base);
  ASSERT_TRUE(image) << image.error().text();
  EXPECT_EQ(image->sections().size(), 1u);
  EXPECT_EQ(image->codeview()->pdb_path, "driver.pdb");
  EXPECT_TRUE(image->file().empty());
  EXPECT_EQ(image->view(0xff0, 0x100).size(), 0x10u);
  EXPECT_EQ(read(*image, 0xff0, 0x100).size(), 0x100u);
  EXPECT_EQ(read(*image, 0xfff0, 0x100).size(), 0x10u) << "not past the size of the image";
  EXPECT_FALSE(image->get<std::uint8_t>(0x10000));
  EXPECT_EQ(image->section_of(0x1000)->name, ".rdata");
}

TEST(Image, InMemoryAnyPageButTheHeadersMayBeMissing) {
  const Pages memory(with_codeview("driver.pdb").loaded(), driver_base, {0x1000});
  const auto image = Image::from_memory(memory, driver_base);
  ASSERT_TRUE(image) << image.error().text();
  EXPECT_EQ(read(*image, 0xff0, 0x100).size(), 0x10u);
  EXPECT_FALSE(image->get<std::uint32_t>(0x1000));
  EXPECT_EQ(image->codeview().error().text(), "the debug directory at RVA 0x1000 is not there");

  const Pages no_headers(with_codeview("driver.pdb").loaded(), driver_base, {0});
  EXPECT_EQ(Image::from_memory(no_headers, driver_base).error().text(),
            "the DOS header is not there");
}

TEST(Image, AnImageThatWouldPassTheEndOfMemoryIsRefused) {
  ImageBuilder builder = ordinary();
  builder.size_of_image = 0x10000;
  const std::uint64_t last = UINT64_MAX - 0xfff;
  const auto loaded = builder.loaded();
  const base::SegmentSource memory({{last, bytes_of(loaded).clamp(0, 0xfff)}});
  EXPECT_EQ(Image::from_memory(memory, last).error().text(),
            "the image's size 0x10000 passes the end of memory");
  EXPECT_FALSE(Image::from_memory(memory, UINT64_MAX - 1));
}

TEST(ImagePages, GiveTheFileAsMemoryAtABase) {
  const auto file = ordinary().file();
  const auto image = Image::from_file(bytes_of(file));
  ASSERT_TRUE(image);
  const ImagePages pages(*image, driver_base);
  EXPECT_EQ(pages.get<std::uint8_t>(driver_base + 0x1000), 0xc3);
  EXPECT_EQ(pages.get<std::uint8_t>(driver_base + 0x2300), 0);
  EXPECT_EQ(pages.view(driver_base + 0x2000, 0x1000).size(), 0x200u);
  EXPECT_FALSE(pages.get<std::uint8_t>(driver_base - 1));
  EXPECT_FALSE(pages.get<std::uint8_t>(driver_base + 0x100000000));
  EXPECT_FALSE(pages.get<std::uint8_t>(driver_base + 0x4000));
}

}  // namespace
}  // namespace ntstack::pe
