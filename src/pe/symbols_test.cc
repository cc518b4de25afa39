#include "pe/symbols.h"

#include <gtest/gtest.h>

#include "image_builder.h"

namespace ntstack::pe {
namespace {

using base::Bytes;
using tests::ByteWriter;
using tests::ImageBuilder;

constexpr std::uint32_t edata = 0x2000;

std::string text_of(const base::Result<std::vector<ImageSymbol>>& symbols) {
  if (!symbols) return "error: " + symbols.error().text();
  std::string text;
  for (const ImageSymbol& symbol : *symbols) {
    text += fmt::format("{}{:x} {}", text.empty() ? "" : ", ", symbol.rva, symbol.name);
  }
  return text;
}

// Five ordinals from 17 on: one named twice, one without a name, one forwarded, one unused, one
// named.
ByteWriter export_table() {
  ByteWriter out;
  out.u32({0, 0, 0, edata + 0x100, 17, 5, 4, edata + 0x28, edata + 0x40, edata + 0x50});
  out.u32({0x1300, 0x1200, edata + 0x90, 0, 0x1100}).pad_to(0x40);
  out.u32({edata + 0x60, edata + 0x68, edata + 0x70, edata + 0x78});
  out.u8({4, 0, 0, 0, 0, 0, 2, 0}).pad_to(0x60);
  out.text("alpha").pad_to(0x68).text("beta").pad_to(0x70).text("a_beta").pad_to(0x78);
  out.text("forward").pad_to(0x90).text("NTDLL.RtlFoo").pad_to(0x100).text("driver.sys");
  return out;
}

base::Result<std::vector<ImageSymbol>> exports_of(const ByteWriter& table,
                                                  std::uint32_t size = 0x110) {
  ImageBuilder builder;
  builder.section(".edata", edata, table).directory(0, edata, size);
  const auto file = builder.file();
  const auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  return exports(*image);
}

TEST(Exports, AreSortedByRvaWithOrdinalsNamedAndForwardersLeftOut) {
  EXPECT_EQ(text_of(exports_of(export_table())),
            "1100 alpha, 1200 Ordinal18, 1300 a_beta, 1300 beta");
}

TEST(Exports, AnImageWithoutThemGivesAnEmptyList) {
  const auto file = ImageBuilder().file();
  const auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  EXPECT_EQ(text_of(exports(*image)), "");
}

TEST(Exports, ClaimsThatAreTooLargeGiveAnError) {
  ByteWriter table = export_table();
  table.put<std::uint32_t>(20, 0x10001);
  EXPECT_EQ(text_of(exports_of(table)),
            "error: the export directory claims 65537 functions and 4 names, more than 65536");
  table = export_table();
  table.put<std::uint32_t>(24, 0xffffffff);
  EXPECT_FALSE(exports_of(table));
}

TEST(Exports, ArraysThatAreNotThereGiveAnError) {
  ByteWriter table = export_table();
  table.put<std::uint32_t>(32, 0x70000000);
  EXPECT_EQ(text_of(exports_of(table)), "error: the export table's names are cut short");
  table = export_table();
  table.put<std::uint32_t>(28, 0xfffffffe);
  EXPECT_EQ(text_of(exports_of(table)), "error: the export table's functions are cut short");
}

TEST(Exports, ANameThatIsNotThereLeavesItsOrdinal) {
  ByteWriter table = export_table();
  table.put<std::uint32_t>(0x40, 0x70000000);  // alpha's
  table.put<std::uint16_t>(0x52, 5);           // beta's index is outside of the functions
  EXPECT_EQ(text_of(exports_of(table)), "1100 Ordinal21, 1200 Ordinal18, 1300 a_beta");
}

TEST(Exports, NamesThatOverlapCannotGrowWithoutEnd) {
  // 65536 names, all the same 4000 characters.
  ByteWriter table;
  constexpr std::uint32_t names = 0x100;
  constexpr std::uint32_t indexes = names + 4 * 0x10000;
  constexpr std::uint32_t name = indexes + 2 * 0x10000;
  table.u32({0, 0, 0, 0, 1, 1, 0x10000, edata + 0x28, edata + names, edata + indexes, 0x1000});
  for (std::uint32_t i = 0; i < 0x10000; ++i) table.put(names + 4 * i, edata + name);
  table.pad_to(name).text(std::string(4000, 'a'));
  EXPECT_EQ(text_of(exports_of(table)), "error: the export table's names are too long");
}

struct Record {
  std::string name;  // up to 8 characters; longer ones go to the string table
  std::uint32_t value = 0;
  int section = 1;
  int type = 0x20;
  int storage = 2;
  int aux = 0;
};

std::vector<std::byte> file_with_symbols(const std::vector<Record>& records) {
  ImageBuilder builder;
  builder.section(".text", 0x1000, ByteWriter().pad_to(0x200));
  builder.section(".data", 0x2000, ByteWriter().pad_to(0x200));
  builder.sections[1].characteristics = 0xc0000040;
  ByteWriter symbols;
  ByteWriter strings;
  strings.add<std::uint32_t>(0);
  for (const Record& record : records) {
    const std::size_t at = symbols.size();
    if (record.name.size() > 8) {
      symbols.u32({0, static_cast<std::uint32_t>(strings.size())});
      strings.text(record.name);
    } else {
      for (std::size_t i = 0; i < record.name.size(); ++i) symbols.put(at + i, record.name[i]);
    }
    symbols.pad_to(at + 8).add(record.value);
    symbols.u8({record.section & 0xff, record.section >> 8 & 0xff, record.type, 0, record.storage});
    symbols.u8({record.aux});
    for (int i = 0; i < record.aux; ++i)
      symbols.append(ByteWriter().text("aux aux aux aux a").bytes());
  }
  builder.symbol_table_offset = 0x800;
  builder.symbol_count = static_cast<std::uint32_t>(symbols.size() / 18);
  ByteWriter file;
  file.append(builder.file()).pad_to(0x800).append(symbols.bytes()).append(strings.bytes());
  return file.bytes();
}

std::string symbols_of(const std::vector<std::byte>& file) {
  const auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  return image ? text_of(coff_symbols(*image)) : image.error().text();
}

TEST(CoffSymbols, AreTheFunctionsSortedByRva) {
  EXPECT_EQ(symbols_of(file_with_symbols({
                {".file", 0, -2, 0, 103, 1},
                {"second", 0x100},
                {".text", 0, 1, 0, 3, 1},
                {"a_long_name_of_a_function", 0x80},
                {"exactly8", 0x10},
                {"static_f", 0x20, 1, 0x20, 3},
                {"label", 0x24, 1, 0, 3},
                {"asm_code", 0x30, 1, 0, 2},
                {"weak", 0x40, 1, 0x20, 105},
                {"variable", 0, 2, 0, 2},
                {"imported", 0, 0, 0x20, 2},
                {"absolute", 0x1234, -1, 0, 2},
                {"nowhere", 0, 77, 0x20, 2},
            })),
            "1010 exactly8, 1020 static_f, 1030 asm_code, 1040 weak, "
            "1080 a_long_name_of_a_function, 1100 second");
}

TEST(CoffSymbols, AFileWithoutATableGivesAnEmptyList) {
  EXPECT_EQ(symbols_of(ImageBuilder().file()), "");
}

TEST(CoffSymbols, ATableThatPassesTheEndOfTheFileGivesAnError) {
  auto file = file_with_symbols({{"first", 0}, {"second", 1}});
  file.resize(0x800 + 20);
  EXPECT_EQ(symbols_of(file), "error: the file ends before its COFF symbol table at 0x800 does");
}

TEST(CoffSymbols, HostileRecordsAreHarmless) {
  EXPECT_EQ(
      symbols_of(file_with_symbols({{"wraps", 0xffffffff}, {"", 4}, {"good", 0x10, 1, 0x20, 2}})),
      "1010 good")
      << "the unnamed one's offset 0 is the string table's size";
  auto file = file_with_symbols({{"last", 0x10}});
  file[0x800 + 17] = std::byte{0xff};  // 255 auxiliary records that are not there
  EXPECT_EQ(symbols_of(file), "1010 last");
}

}  // namespace
}  // namespace ntstack::pe
