// Hand-made entries; the truth is Microsoft's ARM64 exception handling documentation, worked out by
// hand. tests/oracle_pe_arm64 holds every code to llvm-readobj.
#include "pe/unwind_arm64.h"

#include <gtest/gtest.h>

#include <memory>

#include "image_builder.h"

namespace ntstack::pe::arm64 {
namespace {

using base::Bytes;
using tests::ByteWriter;
using tests::ImageBuilder;

constexpr std::uint32_t xdata = 0x2000, pdata = 0x3000;

struct Built {
  std::vector<std::byte> file;
  Image image;
};

std::unique_ptr<Built> build(const ByteWriter& table, const ByteWriter& infos,
                             std::uint16_t machine = 0xaa64) {
  ImageBuilder builder;
  builder.machine = machine;
  builder.section(".xdata", xdata, infos).section(".pdata", pdata, table);
  builder.directory(3, pdata, static_cast<std::uint32_t>(table.size()));
  auto file = builder.file();
  auto image = Image::from_file(Bytes(std::span<const std::byte>(file)));
  if (!image) return nullptr;
  return std::make_unique<Built>(Built{std::move(file), std::move(*image)});
}

base::Result<UnwindInfo> decode_words(std::initializer_list<std::uint32_t> words) {
  const auto built = build(ByteWriter(), ByteWriter().u32(words));
  return decode(built->image, {0x1000, xdata});
}

// FunctionLength 0x20, RegF, RegI, H, CR and FrameSize of a packed entry.
constexpr std::uint32_t packed_word(std::uint32_t floats, std::uint32_t ints, std::uint32_t homes,
                                    std::uint32_t cr, std::uint32_t frame, std::uint32_t flag = 1) {
  return flag | 8u << 2 | floats << 13 | ints << 16 | homes << 20 | cr << 21 | (frame / 16) << 23;
}

std::vector<Op> ops_of(std::uint32_t word) {
  const auto built = build(ByteWriter(), ByteWriter().u32({0}));
  const auto info = decode(built->image, {0x1000, word});
  std::vector<Op> ops;
  for (std::size_t i = 0; info && i < info->codes.size(); ++i) ops.push_back(info->codes[i].op);
  return ops;
}

TEST(FunctionTableArm64, FindsFunctionsByTheirPackedAndXdataLengths) {
  const auto built = build(ByteWriter().u32({0x1000, packed_word(0, 0, 0, 3, 16),  //
                                             0x1040, xdata,                        //
                                             0x1080, 0x900000}),
                           ByteWriter().u32({0x8200004, 0xe4}));
  const FunctionTable table(built->image);
  ASSERT_EQ(table.size(), 3u);
  EXPECT_FALSE(table.find(0xfff));
  EXPECT_EQ(table.find(0x1000)->begin, 0x1000u);
  EXPECT_EQ(table.find(0x101f)->begin, 0x1000u);
  EXPECT_FALSE(table.find(0x1020)) << "between functions";
  EXPECT_EQ(table.find(0x104f)->begin, 0x1040u);
  EXPECT_FALSE(table.find(0x1050));
  EXPECT_EQ(table.find(0x2000)->begin, 0x1080u) << "its length is not there";
}

TEST(FunctionTableArm64, IsEmptyForAnotherArchitecture) {
  const auto built = build(ByteWriter().u32({0x1000, xdata}), ByteWriter(), 0x8664);
  EXPECT_EQ(FunctionTable(built->image).size(), 0u);
}

TEST(FunctionTableArm64, FindsAroundAMissingPage) {
  ByteWriter entries;
  for (std::uint32_t i = 0; i < 1024; ++i)
    entries.u32({0x10000 + i * 0x20, packed_word(0, 0, 0, 3, 16)});
  ImageBuilder builder;
  builder.machine = 0xaa64;
  builder.section(".pdata", pdata, entries).directory(3, pdata, 1024 * 8);
  const auto loaded = builder.loaded();
  const Bytes all{std::span<const std::byte>(loaded)};
  constexpr std::uint64_t base = 0xfffff80000000000;
  const base::SegmentSource memory(
      {{base, all.clamp(0, 0x4000)}, {base + 0x5000, all.clamp(0x5000)}});
  const auto image = Image::from_memory(memory, base);
  ASSERT_TRUE(image);
  const FunctionTable table(*image);
  // The table is two pages at 0x3000; the second is not there.
  EXPECT_TRUE(table.missing());
  EXPECT_EQ(table.find(0x10000 + 511 * 0x20)->begin, 0x10000u + 511 * 0x20);
  EXPECT_FALSE(table.find(0x10000 + 600 * 0x20));
}

TEST(PackedArm64, AChainedFrameSavesFpAndLrLast) {
  EXPECT_EQ(ops_of(packed_word(0, 2, 0, 3, 0x30)),
            (std::vector{Op::set_fp, Op::save_fplr_x, Op::save_regp_x, Op::end}));
}

TEST(PackedArm64, ASignedLrIsTheFirstInstruction) {
  EXPECT_EQ(ops_of(packed_word(0, 0, 0, 2, 0x400)),
            (std::vector{Op::set_fp, Op::save_fplr, Op::alloc_m, Op::pac_sign_lr, Op::end}));
}

TEST(PackedArm64, HomedParametersAreInThePrologueAlone) {
  const std::uint32_t word = packed_word(0, 1, 1, 1, 0x60);
  EXPECT_EQ(ops_of(word), (std::vector{Op::alloc_s, Op::nop, Op::nop, Op::nop, Op::nop,
                                       Op::save_lrpair, Op::alloc_s, Op::end, Op::alloc_s,
                                       Op::save_lrpair, Op::alloc_s, Op::end}));
}

TEST(PackedArm64, AFragmentHasNoPrologueOfItsOwn) {
  const auto built = build(ByteWriter(), ByteWriter().u32({0}));
  UnwindScratch scratch;
  const auto raw =
      raw_unwind_info(built->image, {0x1000, packed_word(1, 0, 0, 0, 0x20, 2)}, scratch);
  ASSERT_TRUE(raw);
  EXPECT_EQ(instruction_count(*raw, 0), 0u);
  EXPECT_FALSE(raw->last_epilog);
}

TEST(PackedArm64, FieldsThatFitNoFrameAreAnError) {
  EXPECT_TRUE(ops_of(packed_word(0, 11, 0, 3, 0x100)).empty()) << "there is no x29 to save";
  EXPECT_TRUE(ops_of(packed_word(0, 4, 0, 0, 0x10)).empty()) << "32 bytes in 16";
  EXPECT_TRUE(ops_of(packed_word(0, 2, 0, 3, 0x10)).empty()) << "no room for FP and LR";
  EXPECT_TRUE(ops_of(packed_word(0, 2, 0, 3, 0x30, 3)).empty()) << "a reserved form";
}

TEST(XdataArm64, AHandlerLiesBehindTheCodes) {
  // Length 0x10, X, E with index 1, one word of codes: mov fp, sp; stp x29, x30, [sp, #-16]!; end.
  const auto info =
      decode_words({4u | 1u << 20 | 1u << 21 | 1u << 22 | 1u << 27, 0xe481e1, 0x1234});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->length, 16u);
  EXPECT_EQ(info->last_epilog, 1u);
  EXPECT_EQ(info->handler, 0x1234u);
}

TEST(XdataArm64, AnUnknownVersionOrCodeIsAnError) {
  EXPECT_FALSE(decode_words({1u << 18 | 1u << 27 | 4, 0xe4}));
  EXPECT_FALSE(decode_words({1u << 27 | 4, 0xe4f0}));
  EXPECT_FALSE(decode_words({1u << 27 | 4, 0xe0000000})) << "an operand past the codes";
  EXPECT_FALSE(decode_words({1u << 27 | 4, 0xe4ffcf})) << "x34 and x35";
}

TEST(XdataArm64, ClaimedSizesAreBounded) {
  EXPECT_FALSE(decode_words({4, 0xffffff})) << "65535 scopes and 255 words that are not there";
  const auto built = build(ByteWriter(), ByteWriter());
  EXPECT_FALSE(decode(built->image, {0x1000, 0xfffffffc}));
}

TEST(XdataArm64, AnEpilogueEndsWithItsReturn) {
  // Length 0x40; scopes at 0x10 and 0x20; sub sp; end.
  const auto built =
      build(ByteWriter(), ByteWriter().u32({16u | 2u << 22 | 1u << 27, 4, 8, 0xe402}));
  UnwindScratch scratch;
  const auto raw = raw_unwind_info(built->image, {0x1000, xdata}, scratch);
  ASSERT_TRUE(raw);
  EXPECT_FALSE(epilog_at(built->image, *raw, 0xc));
  EXPECT_EQ(epilog_at(built->image, *raw, 0x10)->start, 0x10u);
  EXPECT_EQ(epilog_at(built->image, *raw, 0x14)->start, 0x10u) << "the return";
  EXPECT_FALSE(epilog_at(built->image, *raw, 0x18));
  EXPECT_EQ(epilog_at(built->image, *raw, 0x24)->start, 0x20u);
}

}  // namespace
}  // namespace ntstack::pe::arm64
