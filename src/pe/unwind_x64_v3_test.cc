// Infos of version 3 written byte by byte from Microsoft's "x64 unwind information v3"; no compiler
// at hand emits them, so the bytes are ours and the truth is the specification's tables.
#include "pe/unwind_x64_v3.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "image_builder.h"
#include "pe/unwind_x64.h"

namespace ntstack::pe::x64 {
namespace {

using base::Bytes;
using tests::ByteWriter;
using tests::ImageBuilder;

constexpr std::uint32_t kXdata = 0x2000;
constexpr RuntimeFunction kFunction = {0x1000, 0x1100, kXdata};

struct Built {
  explicit Built(const ByteWriter& xdata) {
    ImageBuilder builder;
    builder.section(".xdata", kXdata, xdata);
    file = builder.file();
    image = std::make_unique<Image>(
        std::move(*Image::from_file(Bytes(std::span<const std::byte>(file)))));
  }
  std::vector<std::byte> file;
  std::unique_ptr<Image> image;
};

base::Result<UnwindInfo> decode_bytes(std::initializer_list<int> bytes,
                                      const RuntimeFunction& function = kFunction) {
  const Built built(ByteWriter().u8(bytes));
  return decode(*built.image, function);
}

std::string error_of(std::initializer_list<int> bytes) {
  const auto info = decode_bytes(bytes);
  return info ? "none" : info.error().text();
}

void expect_windings(const std::vector<Winding>& found, const std::vector<Winding>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(found[i].ip_offset, expected[i].ip_offset) << i;
    EXPECT_EQ(found[i].op, expected[i].op) << i;
    EXPECT_EQ(found[i].register_number, expected[i].register_number) << i;
    EXPECT_EQ(found[i].second, expected[i].second) << i;
    EXPECT_EQ(found[i].amount, expected[i].amount) << i;
  }
}

TEST(UnwindInfoV3, DecodesEveryOperation) {
  const auto info =
      decode_bytes({0x03, 0x40, 25,   14,  // 14 operations, no epilogue
                    0x3d, 0x3c, 0x38, 0x30, 0x28, 0x20, 0x1c, 0x18, 0x14,  // IP offsets
                    0x10, 0x0c, 0x08, 0x04, 0x00,                          //
                    0xfa, 0x03, 0x00,              // SAVE_XMM128 XMM15 [RSP+30h]
                    0x69, 0x00, 0x00, 0x01, 0x00,  // SAVE_XMM128_FAR XMM6
                    0x36, 0x05, 0x00,              // SAVE_NONVOL RSI [RSP+28h]
                    0xfd, 0x04, 0x00, 0x02, 0x00,  // SAVE_NONVOL_FAR R31
                    0x00, 0x35,                    // SET_FPREG RBP, RSP+30h
                    0xf8,                          // ALLOC_SMALL 128
                    0x02, 0x12, 0x00,              // ALLOC_LARGE 90h
                    0x01, 0x04, 0x00, 0x03, 0x00,  // ALLOC_HUGE
                    0x20, 0x1c,                    // PUSH2 R16, RBX
                    0x60, 0xfb,                    // PUSH2 R13, R31
                    0xf7,                          // PUSH_CONSECUTIVE_2 R30
                    0xfc,                          // PUSH R31
                    0x2c,                          // PUSH RBP
                    0x03, 0x01});                  // PUSH_CANONICAL_FRAME 1
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->version, 3);
  EXPECT_EQ(info->prolog_size, 0x40);
  EXPECT_EQ(info->frame_register, 0);
  EXPECT_TRUE(info->codes.empty());
  expect_windings(info->windings, {{0x3d, WindingOp::save_xmm128, 15, 0, 0x30},
                                   {0x3c, WindingOp::save_xmm128_far, 6, 0, 0x10000},
                                   {0x38, WindingOp::save_nonvol, 6, 0, 0x28},
                                   {0x30, WindingOp::save_nonvol_far, 31, 0, 0x20004},
                                   {0x28, WindingOp::set_fpreg, 5, 0, 0x30},
                                   {0x20, WindingOp::alloc_small, 0, 0, 128},
                                   {0x1c, WindingOp::alloc_large, 0, 0, 0x90},
                                   {0x18, WindingOp::alloc_huge, 0, 0, 0x30004},
                                   {0x14, WindingOp::push2, 16, 3, 16},
                                   {0x10, WindingOp::push2, 13, 31, 16},
                                   {0x0c, WindingOp::push_consecutive_2, 30, 31, 16},
                                   {0x08, WindingOp::push, 31, 0, 8},
                                   {0x04, WindingOp::push, 5, 0, 8},
                                   {0x00, WindingOp::push_canonical_frame, 1, 0, 0}});
  EXPECT_TRUE(info->winding_epilogs.empty());
  EXPECT_FALSE(info->chained);
  EXPECT_FALSE(info->handler);
}

// The specification's dispatch table, in its order.
const char* documented_op(int first) {
  if (first == 0x00) return "SET_FPREG";
  if (first == 0x01) return "ALLOC_HUGE";
  if (first == 0x02) return "ALLOC_LARGE";
  if (first == 0x03) return "PUSH_CANONICAL_FRAME";
  if ((first & 0x07) == 0x04) return "PUSH";
  if ((first & 0x07) == 0x05) return "SAVE_NONVOL_FAR";
  if ((first & 0x07) == 0x06) return "SAVE_NONVOL";
  if ((first & 0x07) == 0x07) return "PUSH_CONSECUTIVE_2";
  if ((first & 0x0f) == 0x08) return "ALLOC_SMALL";
  if ((first & 0x0f) == 0x09) return "SAVE_XMM128_FAR";
  if ((first & 0x0f) == 0x0a) return "SAVE_XMM128";
  if ((first & 0x3f) == 0x20) return "PUSH2";
  return nullptr;
}

const char* name_of(WindingOp op) {
  switch (op) {
    case WindingOp::set_fpreg:
      return "SET_FPREG";
    case WindingOp::alloc_huge:
      return "ALLOC_HUGE";
    case WindingOp::alloc_large:
      return "ALLOC_LARGE";
    case WindingOp::push_canonical_frame:
      return "PUSH_CANONICAL_FRAME";
    case WindingOp::push:
      return "PUSH";
    case WindingOp::save_nonvol_far:
      return "SAVE_NONVOL_FAR";
    case WindingOp::save_nonvol:
      return "SAVE_NONVOL";
    case WindingOp::push_consecutive_2:
      return "PUSH_CONSECUTIVE_2";
    case WindingOp::alloc_small:
      return "ALLOC_SMALL";
    case WindingOp::save_xmm128_far:
      return "SAVE_XMM128_FAR";
    case WindingOp::save_xmm128:
      return "SAVE_XMM128";
    case WindingOp::push2:
      return "PUSH2";
  }
  return "none";
}

TEST(UnwindInfoV3, EveryFirstByteIsTheOperationOfTheDispatchTableOrNone) {
  int known = 0;
  for (int first = 0; first < 256; ++first) {
    if (first == 0xff) continue;  // PUSH_CONSECUTIVE_2 of R31 is an error of its own
    const auto info = decode_bytes({0x03, 0, 3, 1, 0, first, 0, 0, 0, 0});
    const char* documented = documented_op(first);
    EXPECT_EQ(info.has_value(), documented != nullptr) << first;
    if (!info || documented == nullptr) continue;
    EXPECT_STREQ(name_of(info->windings[0].op), documented) << first;
    ++known;
  }
  EXPECT_EQ(known, 183);
}

TEST(UnwindInfoV3, AnEpilogueSharesTheProloguesOperations) {
  // push rbx; push rdi; sub rsp, 20h; the epilogue: add rsp, 20h; pop rdi; jmp. That its payload
  // has 7 words is what LLVM's own assembler says of this function.
  const auto info = decode_bytes({0x03, 6, 7, 0x23,    // 3 operations, 1 epilogue
                                  2, 1, 0,             // IP offsets
                                  0x10, 0xf6, 0xff,    // 2 operations, 10 before the end
                                  0, 0, 5, 0, 4,       // from the first on; jmp at 5
                                  0x38, 0x3c, 0x1c});  // ALLOC 20h, PUSH RDI, PUSH RBX
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->winding_epilogs.size(), 1u);
  const WindingEpilog& epilog = info->winding_epilogs[0];
  EXPECT_EQ(epilog.start, 0x10f6u);
  EXPECT_EQ(epilog.last, 0x10fbu);
  EXPECT_FALSE(epilog.to_parent);
  expect_windings(epilog.windings,
                  {{0, WindingOp::alloc_small, 0, 0, 32}, {4, WindingOp::push, 7, 0, 8}});
  expect_windings(info->windings, {{2, WindingOp::alloc_small, 0, 0, 32},
                                   {1, WindingOp::push, 7, 0, 8},
                                   {0, WindingOp::push, 3, 0, 8}});
}

TEST(UnwindInfoV3, EpiloguesMayInheritAndAreCountedFromTheOneBefore) {
  // From the start: 40h, then 20h further, inherited, then one of its own 10h further.
  const auto info =
      decode_bytes({0x03, 1,    12,   0x61, 0,           //
                    0x09, 0x40, 0x00, 0,    0, 2, 1,     // 1 operation, to the parent
                    0x00, 0x20, 0x00,                    // inherited with its flag
                    0x10, 0x10, 0x00, 1,    0, 9, 0, 8,  // 2 operations from byte 1 on
                    0x1c, 0x38, 0x2c, 0,    0});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->winding_epilogs.size(), 3u);
  EXPECT_EQ(info->winding_epilogs[0].start, 0x1040u);
  EXPECT_EQ(info->winding_epilogs[1].start, 0x1060u);
  EXPECT_EQ(info->winding_epilogs[2].start, 0x1070u);
  EXPECT_EQ(info->winding_epilogs[1].last, 0x1062u);
  EXPECT_EQ(info->winding_epilogs[2].last, 0x1079u);
  EXPECT_TRUE(info->winding_epilogs[0].to_parent);
  EXPECT_TRUE(info->winding_epilogs[1].to_parent);
  EXPECT_FALSE(info->winding_epilogs[2].to_parent);
  expect_windings(info->winding_epilogs[1].windings, {{1, WindingOp::push, 3, 0, 8}});
  expect_windings(info->winding_epilogs[2].windings,
                  {{0, WindingOp::alloc_small, 0, 0, 32}, {8, WindingOp::push, 5, 0, 8}});
}

TEST(UnwindInfoV3, EpiloguesFromTheEndDescend) {
  const auto info = decode_bytes({0x03, 0, 6, 0x40,              //
                                  0x08, 0xf0, 0xff, 0, 0, 1, 0,  // 10h before the end
                                  0x00, 0xe0, 0xff,              // 20h before that one
                                  0x1c, 0});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_EQ(info->winding_epilogs.size(), 2u);
  EXPECT_EQ(info->winding_epilogs[0].start, 0x10f0u);
  EXPECT_EQ(info->winding_epilogs[1].start, 0x10d0u);
}

TEST(UnwindInfoV3, LargeFormsHaveOffsetsOf16Bits) {
  // A prologue of 2a8h bytes; an epilogue whose last instruction is 201h behind its start.
  const auto info = decode_bytes({0x43, 0xa8, 11,   0x22, 0x02,  // high byte of the size
                                  0xa0, 0x02, 0x00, 0x00,        // IP offsets
                                  0x12, 0x00, 0x04, 0,    0,    0x01, 0x02,  // large, 2 operations
                                  0x04, 0x00, 0x00, 0x02,                    // their IP offsets
                                  0x38, 0x1c, 0},
                                 {0x1000, 0x2000, kXdata});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->flags, 8);
  EXPECT_EQ(info->prolog_size, 0x2a8);
  expect_windings(info->windings,
                  {{0x2a0, WindingOp::alloc_small, 0, 0, 32}, {0, WindingOp::push, 3, 0, 8}});
  ASSERT_EQ(info->winding_epilogs.size(), 1u);
  EXPECT_EQ(info->winding_epilogs[0].start, 0x1400u);
  EXPECT_EQ(info->winding_epilogs[0].last, 0x1601u);
  expect_windings(info->winding_epilogs[0].windings,
                  {{4, WindingOp::alloc_small, 0, 0, 32}, {0x200, WindingOp::push, 3, 0, 8}});
}

TEST(UnwindInfoV3, AHandlerAndAParentLieAtTheNextFourBytes) {
  auto info = decode_bytes({0x1b, 1, 1, 1, 0, 0x1c, 0, 0, 0x78, 0x56, 0x34, 0x12});
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->handler, 0x12345678u);
  EXPECT_FALSE(info->chained);

  info = decode_bytes({0x23, 0, 0, 0, 0, 0x10, 0, 0, 0x40, 0x10, 0, 0, 0x80, 0x20, 0, 0});
  ASSERT_TRUE(info) << info.error().text();
  ASSERT_TRUE(info->chained);
  EXPECT_EQ(info->chained->begin, 0x1000u);
  EXPECT_EQ(info->chained->end, 0x1040u);
  EXPECT_EQ(info->chained->unwind, 0x2080u);
  EXPECT_EQ(decode_bytes({0x23, 0, 2,    2,    1, 0, 0x38, 0x1c, 0, 0x10,
                          0,    0, 0x40, 0x10, 0, 0, 0x84, 0x20, 0, 0})
                ->chained->unwind,
            0x2084u);
}

TEST(UnwindInfoV3, AnAddressIsFoundInItsEpilogueUpToTheLastInstruction) {
  const Built built(ByteWriter().u8({0x03, 0, 4, 0x20, 0x08, 0x40, 0, 0, 0, 5, 0, 0x1c}));
  UnwindScratch scratch;
  const auto raw = raw_unwind_info(*built.image, kFunction, scratch);
  ASSERT_TRUE(raw) << raw.error().text();
  EXPECT_TRUE(raw->slots.empty());
  const auto payload = windings_of(*raw);
  ASSERT_TRUE(payload) << payload.error().text();
  EXPECT_EQ(payload->epilog_at(0x103f), nullptr);
  EXPECT_NE(payload->epilog_at(0x1040), nullptr);
  EXPECT_NE(payload->epilog_at(0x1045), nullptr);
  EXPECT_EQ(payload->epilog_at(0x1046), nullptr);
}

TEST(UnwindInfoV3, MalformedInfosGiveAnErrorThatSaysWhy) {
  const std::string front = "the unwind info at RVA 0x2000 has ";
  EXPECT_EQ(error_of({0x83, 0, 0, 0}), front + "an unknown flag");
  EXPECT_EQ(error_of({0x43, 0, 0, 0}), front + "a payload that is cut short") << "no high byte";
  EXPECT_EQ(error_of({0x03, 0, 1, 3, 0, 0, 0, 0}), front + "a payload that is cut short");
  EXPECT_EQ(error_of({0x43, 0, 1, 1, 0, 0, 0, 0}), front + "a payload that is cut short");
  EXPECT_EQ(error_of({0x03, 0, 1, 0x20, 8, 0, 0, 0}), front + "a payload that is cut short");
  EXPECT_EQ(error_of({0x03, 0, 3, 0x20, 8, 0, 0, 0, 0, 1, 0, 0}),
            front + "a payload that is cut short")
      << "its IP offset";
  EXPECT_EQ(error_of({0x03, 0, 2, 0x20, 0, 0x40, 0, 0}),
            front + "an epilogue that inherits from none");
  EXPECT_EQ(error_of({0x03, 0, 4, 0x20, 0x0c, 0x40, 0, 0, 0, 1, 0, 0x1c}),
            front + "an epilogue with an unknown flag");
  EXPECT_EQ(error_of({0x03, 0, 4, 0x20, 8, 0x00, 1, 0, 0, 1, 0, 0x1c}),
            front + "an epilogue outside of its function");
  EXPECT_EQ(error_of({0x03, 0, 4, 0x20, 8, 0xff, 0, 0, 0, 1, 0, 0x1c}),
            front + "an epilogue outside of its function")
      << "its last instruction";
  EXPECT_EQ(error_of({0x03, 0, 4, 0x20, 8, 0xff, 0xfe, 0, 0, 1, 0, 0x1c}),
            front + "an epilogue outside of its function")
      << "before its begin";
  EXPECT_EQ(error_of({0x03, 0, 1, 1, 0, 0x0b}), front + "an unknown operation");
  EXPECT_EQ(error_of({0x03, 0, 1, 1, 0, 0x02}), front + "an operation that lacks its operand");
  EXPECT_EQ(error_of({0x03, 0, 1, 1, 0, 0x20}), front + "an operation that lacks its operand");
  EXPECT_EQ(error_of({0x03, 0, 1, 2, 0, 0}), front + "fewer operations than its header says");
  EXPECT_EQ(error_of({0x03, 0, 1, 1, 0, 0xff}), front + "a push of a register behind the last");
  EXPECT_EQ(error_of({0x03, 0, 4, 0x20, 8, 0x40, 0, 0xff, 0xff, 1, 0, 0x1c}),
            front + "fewer operations than its header says")
      << "an epilogue's first operation behind the pool";
}

TEST(UnwindInfoV3, TheLargestInfoIsRead) {
  ByteWriter bytes;
  bytes.u8({0x63, 0xff, 0xff, 0xff});  // large, chained; 31 operations, 7 epilogues
  bytes.u8({0xff});
  for (int i = 0; i < 31; ++i) bytes.u8({i, 0});
  for (int i = 0; i < 7; ++i) {
    bytes.u8({31 << 3, 0x10, 0, 0, 0, 31});
    for (int k = 0; k < 31; ++k) bytes.u8({k});
  }
  bytes.pad_to(4 + 510);
  const std::size_t pool = 4 + 1 + 62 + 7 * 37;
  for (std::size_t i = 0; i < 31; ++i) bytes.put(pool + i, std::uint8_t{0x1c});
  bytes.pad_to(516).u32({1, 2, 3});
  const Built built(bytes);
  const auto info = decode(*built.image, kFunction);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->prolog_size, 0xffff);
  EXPECT_EQ(info->windings.size(), 31u);
  ASSERT_EQ(info->winding_epilogs.size(), 7u);
  EXPECT_EQ(info->winding_epilogs[6].start, 0x1070u);
  EXPECT_EQ(info->winding_epilogs[6].windings.size(), 31u);
  EXPECT_EQ(info->chained->unwind, 3u);
}

}  // namespace
}  // namespace ntstack::pe::x64
