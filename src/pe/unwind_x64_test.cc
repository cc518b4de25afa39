#include "pe/unwind_x64.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "image_builder.h"

namespace ntstack::pe::x64 {
namespace {

using base::Bytes;
using tests::ByteWriter;
using tests::ImageBuilder;

constexpr std::uint32_t pdata = 0x3000;
constexpr std::uint32_t xdata = 0x2000;

// An image with `table` as its function table and `infos` as its unwind infos, held with its bytes.
struct Built {
  std::vector<std::byte> file;
  Image image;
};

std::unique_ptr<Built> build(const ByteWriter& table, const ByteWriter& infos,
                             base::Architecture architecture = base::Architecture::x64) {
  ImageBuilder builder;
  if (architecture != base::Architecture::x64) builder.machine = 0xaa64;
  builder.section(".xdata", xdata, infos).section(".pdata", pdata, table);
  builder.directory(3, pdata, static_cast<std::uint32_t>(table.size()));
  auto file = builder.file();
  auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  if (!image) return nullptr;
  return std::make_unique<Built>(Built{std::move(file), std::move(*image)});
}

ByteWriter table_of(std::initializer_list<RuntimeFunction> entries) {
  ByteWriter out;
  for (const RuntimeFunction& entry : entries) out.add(entry);
  return out;
}

base::Result<UnwindInfo> decode_bytes(std::initializer_list<int> bytes,
                                      RuntimeFunction function = {0x1000, 0x1100, xdata}) {
  const auto built = build(ByteWriter(), ByteWriter().u8(bytes));
  return decode(built->image, function);
}

TEST(FunctionTable, FindsTheEntryThatHoldsAnAddress) {
  const auto built = build(
      table_of({{0x1000, 0x1010, xdata}, {0x1010, 0x1020, xdata + 4}, {0x1040, 0x1080, xdata + 8}}),
      ByteWriter());
  const FunctionTable table(built->image);
  ASSERT_EQ(table.size(), 3u);
  EXPECT_FALSE(table.missing());
  EXPECT_FALSE(table.find(0xfff));
  EXPECT_EQ(table.find(0x1000)->unwind, xdata);
  EXPECT_EQ(table.find(0x100f)->unwind, xdata);
  EXPECT_EQ(table.find(0x1010)->unwind, xdata + 4) << "the end is exclusive";
  EXPECT_FALSE(table.find(0x1020)) << "between two functions";
  EXPECT_EQ(table.find(0x107f)->unwind, xdata + 8);
  EXPECT_FALSE(table.find(0x1080));
  EXPECT_FALSE(table.find(0xffffffff));
  EXPECT_EQ(table.at(2)->begin, 0x1040u);
  EXPECT_FALSE(table.at(3));
}

TEST(FunctionTable, FindsEveryAddressOfALargeTable) {
  ByteWriter entries;
  constexpr std::uint32_t count = 1000;
  for (std::uint32_t i = 0; i < count; ++i) {
    entries.add(RuntimeFunction{0x10000 + i * 16, 0x10000 + i * 16 + 12, i * 4});
  }
  const auto built = build(entries, ByteWriter());
  const FunctionTable table(built->image);
  for (std::uint32_t i = 0; i < count * 16; ++i) {
    const auto found = table.find(0x10000 + i);
    ASSERT_EQ(found.has_value(), i % 16 < 12) << i;
    ASSERT_EQ(found ? found->unwind : i / 16 * 4, i / 16 * 4);
  }
}

TEST(FunctionTable, IndirectEntriesGiveTheEntryThatTheyName) {
  ByteWriter infos;
  infos.add(RuntimeFunction{0x5000, 0x5100, xdata + 0x20});
  const auto built =
      build(table_of({{0x1000, 0x1010, xdata | 1}, {0x1010, 0x1020, (pdata + 0) | 1}}), infos);
  const FunctionTable table(built->image);
  ASSERT_TRUE(table.find(0x1005));
  EXPECT_EQ(table.find(0x1005)->begin, 0x5000u);
  ASSERT_TRUE(table.find(0x1015));
  EXPECT_EQ(table.find(0x1015)->begin, 0x5000u) << "through two entries";
  EXPECT_EQ(table.at(0)->unwind, xdata | 1) << "at() gives what lies there";
}

TEST(FunctionTable, IndirectEntriesThatLoopOrLeadNowhereGiveNothing) {
  const auto built =
      build(table_of({{0x1000, 0x1010, pdata | 1}, {0x1010, 0x1020, 0x90000001}}), ByteWriter());
  const FunctionTable table(built->image);
  EXPECT_FALSE(table.find(0x1005));
  EXPECT_FALSE(table.find(0x1015));
  EXPECT_EQ(decode(built->image, *table.at(0)).error().text(),
            "the indirect unwind entry for RVA 0x1000 leads nowhere");
}

TEST(FunctionTable, TablesThatAreNotSortedAreHarmless) {
  ByteWriter entries;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const std::uint32_t noise = i * 2654435761u;
    entries.add(RuntimeFunction{noise, noise ^ 0xffff, noise >> 3 | 1});
  }
  const auto built = build(entries, ByteWriter());
  const FunctionTable table(built->image);
  for (std::uint32_t rva = 0; rva < 0xfff00000; rva += 0xfffff) {
    const auto found = table.find(rva);
    EXPECT_TRUE(!found || (found->unwind & 1) == 0);
  }
}

TEST(FunctionTable, ATableOutsideOfTheImageIsMissing) {
  ImageBuilder builder;
  builder.directory(3, 0x70000000, 0xfffffff0);
  const auto file = builder.file();
  const auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  const FunctionTable table(*image);
  EXPECT_TRUE(table.missing());
  EXPECT_FALSE(table.find(0x1000));
  EXPECT_FALSE(table.at(0));
  EXPECT_FALSE(table.at(table.size() - 1));
}

TEST(FunctionTable, ImagesWithoutADirectoryOrOfOtherProcessorsHaveNoEntries) {
  const auto none = build(ByteWriter(), ByteWriter());
  EXPECT_EQ(FunctionTable(none->image).size(), 0u);
  EXPECT_FALSE(FunctionTable(none->image).missing());
  const auto arm =
      build(table_of({{0x1000, 0x1010, xdata}}), ByteWriter(), base::Architecture::arm64);
  EXPECT_EQ(FunctionTable(arm->image).size(), 0u);
}

// A driver in memory with 1000 functions, 16 bytes each from RVA 0x10000 on; its table begins at
// RVA 0x3ff8, so that entries lie across pages, and the named pages are missing.
struct LoadedWithHoles {
  explicit LoadedWithHoles(std::vector<std::uint32_t> missing_pages) {
    ImageBuilder builder;
    ByteWriter table;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      table.add(RuntimeFunction{0x10000 + i * 16, 0x10000 + i * 16 + 16, 0x2000 + i * 4});
    }
    builder.section(".pdata", 0x3ff8, table).directory(3, 0x3ff8, 12000);
    builder.size_of_image = 0x20000;
    loaded = builder.loaded();
    std::vector<base::SegmentSource::Segment> segments;
    for (std::uint32_t page = 0; page < builder.size_of_image; page += 0x1000) {
      if (std::ranges::find(missing_pages, page) != missing_pages.end()) continue;
      segments.push_back({at + page, Bytes(loaded.data() + page, 0x1000)});
    }
    memory = base::SegmentSource(std::move(segments));
    image = std::make_unique<Image>(std::move(*Image::from_memory(memory, at)));
  }

  static constexpr std::uint64_t at = 0xfffff80012340000;
  std::vector<std::byte> loaded;
  base::SegmentSource memory;
  std::unique_ptr<Image> image;
};

TEST(FunctionTable, InMemoryEntriesThatLieAcrossPagesAreFound) {
  const LoadedWithHoles driver({});
  const FunctionTable table(*driver.image);
  EXPECT_FALSE(table.missing());
  for (std::uint32_t i = 0; i < 1000; ++i) {
    ASSERT_TRUE(table.find(0x10000 + i * 16 + 7)) << i;
    ASSERT_EQ(table.find(0x10000 + i * 16 + 7)->unwind, 0x2000 + i * 4);
  }
}

TEST(FunctionTable, WherePagesAreMissingTheOthersStillDecide) {
  for (const std::uint32_t hole : {0x3000u, 0x4000u, 0x5000u, 0x6000u}) {
    const LoadedWithHoles driver({hole});
    const FunctionTable table(*driver.image);
    EXPECT_TRUE(table.missing());
    for (std::uint32_t i = 0; i < 1000; ++i) {
      const std::uint32_t entry = 0x3ff8 + i * 12;
      const bool there = (entry & ~0xfffu) != hole && ((entry + 11) & ~0xfffu) != hole;
      ASSERT_EQ(table.find(0x10000 + i * 16).has_value(), there) << i;
      ASSERT_EQ(table.at(i).has_value(), there) << i;
    }
  }
}

TEST(FunctionTable, AHugeTableThatIsNearlyAllMissingCostsALookUpNothing) {
  ImageBuilder builder;
  builder.size_of_image = 0x2000;
  ByteWriter entries;
  for (std::uint32_t i = 0; i < 0x1000 / 12; ++i) {
    entries.add(RuntimeFunction{0x10000 + i * 16, 0x10000 + i * 16 + 16, i * 4});
  }
  builder.section(".pdata", 0x1000, entries);
  builder.directory(3, 0x1000, 0xfffffff0);
  auto loaded = builder.loaded();
  const std::uint32_t claimed = 0xfffff000;
  std::memcpy(loaded.data() + 0x80 + 24 + 56, &claimed, sizeof(claimed));
  const base::SegmentSource memory({{0x10000, Bytes(std::span<const std::byte>(loaded))}});
  const auto image = Image::from_memory(memory, 0x10000);
  ASSERT_TRUE(image) << image.error().text();
  const FunctionTable table(*image);
  EXPECT_TRUE(table.missing());
  ASSERT_TRUE(table.find(0x1010f));
  EXPECT_EQ(table.find(0x1010f)->unwind, 64u);
  for (std::uint32_t i = 0; i < 1000000; ++i) ASSERT_FALSE(table.find(0x80000000 + i));
}

TEST(UnwindInfo, DecodesEveryOperationOfVersion1) {
  const auto info = decode_bytes({0x01, 0x40, 20,   0x35,  // RBP + 0x30
                                  0x40, 0x0a,              // PUSH_MACHFRAME
                                  0x3f, 0x1a,              // PUSH_MACHFRAME with an error code
                                  0x38, 0x69, 0,    0,    1, 0,  // SAVE_XMM128_FAR XMM6
                                  0x30, 0xf8, 3,    0,           // SAVE_XMM128 XMM15
                                  0x28, 0x35, 4,    0,    2, 0,  // SAVE_NONVOL_FAR RBX
                                  0x20, 0x64, 5,    0,           // SAVE_NONVOL RSI
                                  0x18, 0x03,                    // SET_FPREG
                                  0x14, 0xf2,                    // ALLOC_SMALL 128
                                  0x10, 0x11, 0,    0,    3, 0,  // ALLOC_LARGE, 32 bits
                                  0x08, 0x01, 0x12, 0,           // ALLOC_LARGE, 16 bits
                                  0x02, 0x50,                    // PUSH_NONVOL RBP
                                  0,    0});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->version, 1);
  EXPECT_EQ(info->prolog_size, 0x40);
  EXPECT_EQ(info->frame_register, 5);
  EXPECT_EQ(info->frame_offset, 0x30u);
  const std::vector<UnwindCode> expected = {{0x40, Op::push_machframe, 0, 0},
                                            {0x3f, Op::push_machframe, 1, 0},
                                            {0x38, Op::save_xmm128_far, 6, 0x10000},
                                            {0x30, Op::save_xmm128, 15, 0x30},
                                            {0x28, Op::save_nonvol_far, 3, 0x20004},
                                            {0x20, Op::save_nonvol, 6, 0x28},
                                            {0x18, Op::set_fpreg, 5, 0x30},
                                            {0x14, Op::alloc_small, 15, 128},
                                            {0x10, Op::alloc_large, 1, 0x30000},
                                            {0x08, Op::alloc_large, 0, 0x90},
                                            {0x02, Op::push_nonvol, 5, 8}};
  ASSERT_EQ(info->codes.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(info->codes[i].prolog_offset, expected[i].prolog_offset) << i;
    EXPECT_EQ(info->codes[i].op, expected[i].op) << i;
    EXPECT_EQ(info->codes[i].info, expected[i].info) << i;
    EXPECT_EQ(info->codes[i].amount, expected[i].amount) << i;
  }
  EXPECT_FALSE(info->chained);
  EXPECT_FALSE(info->handler);
}

TEST(UnwindInfo, SpareTakesThreeSlotsAndSetFpregLargeScalesItsOffset) {
  const auto info = decode_bytes({1, 8, 6, 0xf5, 7, 7, 0, 0, 0, 0, 5, 0x0b, 0x34, 0x12, 0, 0});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->codes.size(), 2u);
  EXPECT_EQ(info->codes[0].op, Op::spare);
  EXPECT_EQ(info->codes[1].op, Op::set_fpreg_large);
  EXPECT_EQ(info->codes[1].info, 5);
  EXPECT_EQ(info->codes[1].amount, 0x12340u);
}

TEST(UnwindInfo, AHandlerAndAParentLieBehindAnEvenNumberOfSlots) {
  auto info = decode_bytes({0x19, 4, 1, 0, 4, 0x42, 0, 0, 0x78, 0x56, 0x34, 0x12});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->flags, 3);
  EXPECT_EQ(info->handler, 0x12345678u);
  EXPECT_FALSE(info->chained);

  info = decode_bytes({0x21, 0, 0, 0, 0, 0x10, 0, 0, 0x40, 0x10, 0, 0, 0x80, 0x20, 0, 0});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_TRUE(info->chained);
  EXPECT_EQ(info->chained->begin, 0x1000u);
  EXPECT_EQ(info->chained->end, 0x1040u);
  EXPECT_EQ(info->chained->unwind, 0x2080u);
  EXPECT_FALSE(info->handler);
}

TEST(UnwindInfo, EpilogsOfVersion2AreCountedFromTheFunctionsEnd) {
  // Length 5 and one at the end; then 0x34 and 0x123 bytes before the end, and padding.
  const auto info = decode_bytes({0x02, 4, 6, 0, 5, 0x16, 0x34, 0x06, 0x23, 0x16, 0, 0x06,  //
                                  4, 0x32, 2, 0x60},
                                 {0x1000, 0x2000, xdata});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->epilogs.size(), 3u);
  EXPECT_EQ(info->epilogs[0].start, 0x1ffbu);
  EXPECT_EQ(info->epilogs[0].size, 5u);
  EXPECT_EQ(info->epilogs[1].start, 0x1fccu);
  EXPECT_EQ(info->epilogs[1].size, 5u);
  EXPECT_EQ(info->epilogs[2].start, 0x1eddu);
  ASSERT_EQ(info->codes.size(), 2u);
  EXPECT_EQ(info->codes[0].op, Op::alloc_small);
  EXPECT_EQ(info->codes[0].amount, 32u);
  EXPECT_EQ(info->codes[1].info, 6);
}

TEST(UnwindInfo, WithoutTheFlagNoEpilogEndsTheFunction) {
  const auto info = decode_bytes({0x02, 4, 2, 0, 2, 0x06, 0x10, 0x06});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->epilogs.size(), 1u);
  EXPECT_EQ(info->epilogs[0].start, 0x10f0u);
  EXPECT_EQ(info->epilogs[0].size, 2u);
}

TEST(UnwindInfo, EpilogsThatWouldBeginBeforeTheFunctionAreLeftOut) {
  auto info = decode_bytes({0x02, 4, 2, 0, 0xff, 0x16, 0xff, 0xf6}, {0x1000, 0x1010, xdata});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_TRUE(info->epilogs.empty());
  info = decode_bytes({0x02, 4, 2, 0, 1, 0x16, 1, 0x06}, {0x1010, 0x1000, xdata});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_TRUE(info->epilogs.empty());
}

TEST(UnwindInfo, AnEpilogOfNoLengthAtTheEndIsLeftOut) {
  auto info = decode_bytes({0x02, 4, 1, 0, 0, 0x16, 0, 0}, {0x1000, 0x1010, xdata});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_TRUE(info->epilogs.empty()) << "it would begin behind the function";
  info = decode_bytes({0x02, 4, 1, 0, 0, 0x16, 0, 0}, {0x1010, 0x1000, xdata});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_TRUE(info->epilogs.empty());
}

TEST(UnwindInfo, AnAddressIsFoundInItsEpilog) {
  const auto built = build(ByteWriter(), ByteWriter().u8({0x02, 4, 2, 0, 2, 0x16, 0x10, 0x06}));
  UnwindScratch scratch;
  const auto raw = raw_unwind_info(built->image, {0x1000, 0x1100, xdata}, scratch);
  ASSERT_TRUE(raw);
  EXPECT_FALSE(epilog_at(*raw, 0x10ef));
  EXPECT_TRUE(epilog_at(*raw, 0x10f0));
  EXPECT_TRUE(epilog_at(*raw, 0x10f1));
  EXPECT_FALSE(epilog_at(*raw, 0x10f2));
  EXPECT_FALSE(epilog_at(*raw, 0x10fd));
  EXPECT_TRUE(epilog_at(*raw, 0x10fe));
  EXPECT_TRUE(epilog_at(*raw, 0x10ff));
  EXPECT_FALSE(epilog_at(*raw, 0x1100));
}

TEST(UnwindInfo, InVersion1ThereAreNoEpilogCodes) {
  const std::string text = decode_bytes({0x01, 4, 1, 0, 2, 0x16, 0, 0}).error().text();
  EXPECT_EQ(text, "the unwind info at RVA 0x2000 has an unknown operation");
}

TEST(UnwindInfo, MalformedInfosGiveAnErrorThatSaysWhy) {
  const auto error = [](std::initializer_list<int> bytes) {
    const auto info = decode_bytes(bytes);
    return info ? std::string() : info.error().text();
  };
  EXPECT_EQ(error({0x04, 0, 0, 0}),
            "the unwind info at RVA 0x2000 has version 4; 1 to 3 are known");
  EXPECT_EQ(error({0x00, 0, 0, 0}),
            "the unwind info at RVA 0x2000 has version 0; 1 to 3 are known");
  EXPECT_EQ(error({1, 0, 1, 0, 0, 0x0c, 0, 0}),
            "the unwind info at RVA 0x2000 has an unknown operation");
  EXPECT_EQ(error({1, 0, 1, 0, 0, 0x21, 0, 0}),
            "the unwind info at RVA 0x2000 has an ALLOC_LARGE code of an unknown kind");
  EXPECT_EQ(error({1, 0, 1, 0, 0, 0x2a, 0, 0}),
            "the unwind info at RVA 0x2000 has a PUSH_MACHFRAME code of an unknown kind");
  EXPECT_EQ(error({1, 0, 1, 0, 0, 0x03, 0, 0}),
            "the unwind info at RVA 0x2000 has a SET_FPREG code without a frame register");
  EXPECT_EQ(error({1, 0, 2, 0, 0, 0x11, 0, 0}),
            "the unwind info at RVA 0x2000 has a code that lacks its operand");
  EXPECT_EQ(error({1, 0, 1, 0, 0, 0x04, 0, 0}),
            "the unwind info at RVA 0x2000 has a code that lacks its operand")
      << "the slot behind the last is padding";
  EXPECT_EQ(error({1, 0, 3, 5, 0, 0x0b, 0, 0, 0, 0x10, 0, 0}),
            "the unwind info at RVA 0x2000 has a frame offset past 4 GB");
}

TEST(UnwindInfo, InfosWhoseBytesAreNotThereGiveAnError) {
  ImageBuilder builder;
  builder.section(".xdata", xdata, ByteWriter().u8({0x19, 4, 200, 0}));
  auto file = builder.file();
  file.resize(file.size() - 2);
  const auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  EXPECT_EQ(decode(*image, {0x1000, 0x1100, xdata}).error().text(),
            "the unwind info at RVA 0x2000 is not there");
  EXPECT_FALSE(decode(*image, {0x1000, 0x1100, 0x80000000}));

  const LoadedWithHoles driver({0x5000});
  ByteWriter cut;
  cut.append(driver.loaded);
  cut.put<std::uint32_t>(0x4ff8, 0x00010421).put<std::uint32_t>(0x4ffc, 0);
  const base::SegmentSource memory({{driver.at, cut.view().clamp(0, 0x5000)}});
  const auto in_memory = Image::from_memory(memory, driver.at);
  EXPECT_EQ(decode(*in_memory, {0x1000, 0x1100, 0x4ff8}).error().text(),
            "the unwind info at RVA 0x4ff8 is cut short")
      << "its parent's entry is on the missing page";
}

TEST(UnwindInfo, InMemoryAnInfoMayLieAcrossPages) {
  const LoadedWithHoles driver({});
  ByteWriter loaded;
  loaded.append(driver.loaded);
  const std::uint32_t at = 0x7ff6;
  const int bytes[] = {0x21, 4, 3, 0, 4, 0x11, 0x78, 0x56, 0x34, 0x12, 0, 0,
                       1,    0, 0, 0, 2, 0,    0,    0,    3,    0,    0, 0};
  for (std::uint32_t i = 0; i < std::size(bytes); ++i) {
    loaded.put(at + i, static_cast<std::uint8_t>(bytes[i]));
  }
  const base::SegmentSource memory({{driver.at, loaded.view().clamp(0, 0x8000)},
                                    {driver.at + 0x8000, loaded.view().clamp(0x8000)}});
  const auto image = Image::from_memory(memory, driver.at);
  ASSERT_TRUE(image);
  const auto info = decode(*image, {0x1000, 0x1100, at});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->codes.size(), 1u);
  EXPECT_EQ(info->codes[0].amount, 0x12345678u);
  ASSERT_TRUE(info->chained);
  EXPECT_EQ(info->chained->unwind, 3u);
}

TEST(UnwindInfo, TheLargestInfoIsRead) {
  ByteWriter bytes;
  bytes.u8({0x21, 0xff, 0xff, 0});
  for (int i = 0; i < 256; ++i) bytes.u8({i, 0x30});
  bytes.u32({1, 2, 3});
  const auto built = build(ByteWriter(), bytes);
  const auto info = decode(built->image, {0x1000, 0x1100, xdata});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->codes.size(), 255u);
  EXPECT_EQ(info->chained->unwind, 3u);
}

}  // namespace
}  // namespace ntstack::pe::x64
