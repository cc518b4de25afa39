// Every function, code and epilogue of ARM64 images as llvm-readobj prints them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "arm64_images.h"
#include "base/mapped_file.h"
#include "pe/unwind_arm64.h"
#include "readobj.h"

namespace ntstack::tests {
namespace {

using pe::arm64::Form;
using pe::arm64::Op;
using pe::arm64::RegisterKind;
using pe::arm64::UnwindCode;

struct Counts {
  std::size_t images = 0, functions = 0, packed = 0, fragments = 0, codes = 0, epilogs = 0,
              handlers = 0, homed_in_locals = 0, not_spelt = 0;
  std::map<Op, std::size_t> ops;
};

std::string name_of(RegisterKind kind, unsigned number) {
  return fmt::format("{}{}",
                     kind == RegisterKind::x   ? 'x'
                     : kind == RegisterKind::d ? 'd'
                                               : 'q',
                     number);
}

std::string save_text(const UnwindCode& code, bool is_epilog) {
  const char* verb = is_epilog ? "ld" : "st";
  std::string registers = name_of(code.kind, code.reg);
  if (code.op == Op::save_lrpair) {
    registers += ", lr";
  } else if (code.count == 2) {
    registers += ", " + name_of(code.kind, code.reg + 1u);
  }
  const char suffix = code.count == 2 ? 'p' : 'r';
  if (!code.writeback)
    return fmt::format("{}{} {}, [sp, #{}]", verb, suffix, registers, code.amount);
  return fmt::format(fmt::runtime(is_epilog ? "{}{} {}, [sp], #{}" : "{}{} {}, [sp, #-{}]!"), verb,
                     suffix, registers, code.amount);
}

// As llvm-readobj spells it.
std::string text_of(const UnwindCode& code, bool is_epilog) {
  switch (code.op) {
    case Op::alloc_s:
    case Op::alloc_m:
    case Op::alloc_l:
      return fmt::format("{} sp, #{}", is_epilog ? "add" : "sub", code.amount);
    case Op::set_fp:
      return is_epilog ? "mov sp, fp" : "mov fp, sp";
    case Op::add_fp:
      return fmt::format(fmt::runtime(is_epilog ? "sub sp, fp, #{}" : "add fp, sp, #{}"),
                         code.amount);
    case Op::nop:
      return "nop";
    case Op::end:
      return "end";
    case Op::end_c:
      return "end_c";
    case Op::save_next:
      return is_epilog ? "restore next" : "save next";
    case Op::trap_frame:
      return "trap frame";
    case Op::machine_frame:
      return "machine frame";
    case Op::context:
      return "context";
    case Op::ec_context:
      return "EC context";
    case Op::clear_unwound_to_call:
      return "clear unwound to call";
    case Op::pac_sign_lr:
      return is_epilog ? "autibsp" : "pacibsp";
    case Op::alloc_z:
      return "?";
    default:
      return save_text(code, is_epilog);
  }
}

// "0xc233                ; sub sp, #9008"
std::string line_of(const UnwindCode& code, base::Bytes bytes, bool is_epilog) {
  std::string line = "0x";
  for (unsigned i = 0; i < code.size; ++i)
    line += fmt::format("{:02x}", bytes.get_or<std::uint8_t>(code.index + i, 0));
  line.resize(20, ' ');
  return line + "; " + text_of(code, is_epilog);
}

void compare_sequence(const ReadobjNode& printed, const pe::arm64::RawUnwindInfo& raw,
                      std::size_t index, bool is_epilog, Counts& counts) {
  pe::arm64::CodeReader reader(raw.codes, index);
  for (const ReadobjNode& line : printed.children) {
    const auto code = reader.next();
    ASSERT_TRUE(code) << line.name << ": " << (reader.error() ? reader.error() : "no more");
    EXPECT_EQ(line_of(*code, raw.codes, is_epilog), line.name);
    ++counts.codes;
    ++counts.ops[code->op];
  }
}

void compare_xdata(const ReadobjNode& printed, const pe::Image& image,
                   const pe::arm64::RuntimeFunction& function, Counts& counts) {
  pe::arm64::UnwindScratch scratch;
  const auto raw = pe::arm64::raw_unwind_info(image, function, scratch);
  ASSERT_TRUE(raw) << raw.error().text();
  const auto info = pe::arm64::decode(image, function);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->length, printed.number("FunctionLength"));
  EXPECT_EQ(info->code_bytes, printed.number("ByteCodeLength"));
  EXPECT_EQ(info->last_epilog.has_value(), printed.text("EpiloguePacked") == "Yes");
  EXPECT_EQ(info->handler.has_value(), printed.text("ExceptionData") == "Yes");
  if (const ReadobjNode* handler = printed.find("ExceptionHandler"); handler && info->handler) {
    EXPECT_EQ(*info->handler, handler->number("Routine") - image.preferred_base());
    ++counts.handlers;
  }
  const ReadobjNode* prologue = printed.find("Prologue");
  ASSERT_NE(prologue, nullptr);
  compare_sequence(*prologue, *raw, 0, false, counts);
  if (info->last_epilog) {
    EXPECT_EQ(*info->last_epilog, printed.number("EpilogueOffset"));
    if (const ReadobjNode* epilogue = printed.find("Epilogue"))
      compare_sequence(*epilogue, *raw, *info->last_epilog, true, counts);
    ++counts.epilogs;
    return;
  }
  EXPECT_EQ(info->epilogs.size(), printed.number("EpilogueScopes"));
  const ReadobjNode empty;
  const ReadobjNode* scopes = nullptr;
  for (const ReadobjNode& child : printed.children)
    if (child.name == "EpilogueScopes" && !child.children.empty()) scopes = &child;
  if (!scopes) scopes = &empty;
  ASSERT_EQ(info->epilogs.size(), scopes->children.size());
  for (std::size_t i = 0; i < info->epilogs.size(); ++i) {
    const ReadobjNode& scope = scopes->children[i];
    EXPECT_EQ(info->epilogs[i].start, scope.number("StartOffset") * 4);
    EXPECT_EQ(info->epilogs[i].index, scope.number("EpilogueStartIndex"));
    const ReadobjNode* opcodes = scope.find("Opcodes");
    ASSERT_NE(opcodes, nullptr);
    compare_sequence(*opcodes, *raw, info->epilogs[i].index, true, counts);
    const auto found = pe::arm64::epilog_at(image, *raw, info->epilogs[i].start);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->index, info->epilogs[i].index);
    ++counts.epilogs;
  }
}

// The printed prologue of a packed entry, in the words of .xdata's codes.
std::string as_xdata_text(std::string line) {
  const auto replace = [&](std::string_view what, std::string_view with) {
    if (const std::size_t at = line.find(what); at != std::string::npos)
      line.replace(at, what.size(), with);
  };
  for (const char* homed : {"stp x0,", "stp x2,", "stp x4,", "stp x6,"})
    if (line.starts_with(homed)) return "nop";
  replace("sub sp, sp,", "sub sp,");
  replace("mov x29,", "mov fp,");
  replace("stp x29, lr,", "stp x29, x30,");
  replace("str lr,", "str x30,");
  return line;
}

void compare_packed(const ReadobjNode& printed, const pe::Image& image,
                    const pe::arm64::RuntimeFunction& function, Counts& counts) {
  const pe::arm64::Packed packed = pe::arm64::packed_of(function);
  EXPECT_EQ(packed.length, printed.number("FunctionLength"));
  EXPECT_EQ(packed.int_count, printed.number("RegI"));
  const std::uint64_t floats = printed.number("RegF");
  EXPECT_EQ(packed.float_count, floats == 0 ? 0 : floats + 1);
  EXPECT_EQ(packed.homes_parameters, printed.text("HomedParameters") == "Yes");
  EXPECT_EQ(packed.cr, printed.number("CR"));
  EXPECT_EQ(packed.frame_size, printed.number("FrameSize"));
  const bool is_fragment = function.form() == Form::packed_fragment;
  EXPECT_EQ(is_fragment, printed.text("Fragment") == "Yes");
  const auto info = pe::arm64::decode(image, function);
  ASSERT_TRUE(info) << info.error().text();
  ++counts.packed;
  counts.fragments += is_fragment;
  // Homed parameters without a saved register: LLVM takes the first store for the allocation,
  // Microsoft's unwinder the stores for the body's. The frame is the same.
  if (packed.homes_parameters && packed.int_count + packed.float_count == 0 && packed.cr != 1) {
    ++counts.homed_in_locals;
    return;
  }
  const ReadobjNode* prologue = printed.find("Prologue");
  ASSERT_NE(prologue, nullptr);
  std::vector<std::string> ours;
  std::size_t at = 0;
  for (; at < info->codes.size() && info->codes[at].op != Op::end; ++at) {
    if (info->codes[at].op != Op::end_c) ours.push_back(text_of(info->codes[at], false));
  }
  ours.push_back("end");
  std::vector<std::string> theirs;
  for (const ReadobjNode& line : prologue->children) theirs.push_back(as_xdata_text(line.name));
  if (packed.int_count == 1 && packed.cr == 1) {
    // LLVM does not spell the pair <x19, lr>: a save that no code pre-decrements for.
    const auto invalid = std::ranges::find(theirs, "INVALID!");
    ASSERT_NE(invalid, theirs.end());
    const unsigned saved = (2 + packed.float_count + (packed.homes_parameters ? 8u : 0u) + 1) / 2;
    *invalid = "stp x19, lr, [sp, #0]";
    theirs.insert(invalid + 1, fmt::format("sub sp, #{}", saved * 16));
    ++counts.not_spelt;
  }
  EXPECT_EQ(ours, theirs);
  counts.codes += theirs.size();
}

void compare_function(const ReadobjNode& printed, const pe::Image& image,
                      const pe::arm64::FunctionTable& table, std::size_t index, Counts& counts) {
  const auto function = table.at(index);
  ASSERT_TRUE(function);
  EXPECT_EQ(function->begin, printed.number("Function") - image.preferred_base());
  const std::uint32_t length = pe::arm64::length_of(image, *function).value_or(0);
  for (const std::uint32_t offset : {0u, length / 2, length - 1}) {
    const auto found = table.find(function->begin + offset);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->begin, function->begin);
  }
  ++counts.functions;
  if (const ReadobjNode* data = printed.find("ExceptionData")) {
    EXPECT_EQ(function->form(), Form::xdata);
    compare_xdata(*data, image, *function, counts);
  } else {
    compare_packed(printed, image, *function, counts);
  }
}

void compare_image(const ReadobjNode& printed, const pe::Image& image, Counts& counts) {
  const pe::arm64::FunctionTable table(image);
  EXPECT_FALSE(table.missing());
  const ReadobjNode* list = printed.find("UnwindInformation");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(table.size(), list->children.size());
  for (std::size_t i = 0; i < list->children.size(); ++i) {
    compare_function(list->children[i], image, table, i, counts);
    if (::testing::Test::HasFailure()) FAIL() << "entry " << i;
  }
  ++counts.images;
}

// One image over its file, and read as memory, from its own pages.
void compare_file(const std::filesystem::path& tool, const std::filesystem::path& path,
                  Counts& counts) {
  SCOPED_TRACE(path.filename().string());
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto image = pe::Image::from_file(file->bytes());
  ASSERT_TRUE(image) << image.error().text();
  const ReadobjNode printed = readobj(tool, "--unwind", path);
  compare_image(printed, *image, counts);
  if (::testing::Test::HasFailure()) return;

  constexpr std::uint64_t at = 0xfffff80012340000;
  const pe::ImagePages pages(*image, at);
  const auto again = pe::Image::from_memory(pages, at);
  ASSERT_TRUE(again) << again.error().text();
  Counts in_memory;
  compare_image(printed, *again, in_memory);
}

void print(const Counts& counts) {
  std::cout << fmt::format(
      "compared with llvm-readobj-19: {} images, {} functions ({} packed, {} fragments), {} codes, "
      "{} kinds in .xdata, {} epilogues, {} handlers; {} that home parameters in the local area, "
      "{} with a pair that LLVM does not spell\n",
      counts.images, counts.functions, counts.packed, counts.fragments, counts.codes,
      counts.ops.size(), counts.epilogs, counts.handlers, counts.homed_in_locals, counts.not_spelt);
}

TEST(UnwindArm64Oracle, EveryEntryIsAsLlvmReadobjPrintsIt) {
  NTSTACK_NEED_TOOL(readobj_tool, "llvm-readobj-19");
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(linker, "lld-link-19");
  const Arm64Images images;
  std::vector<std::filesystem::path> all = images.shapes();
  all.insert(all.end(), images.hand_made().begin(), images.hand_made().end());
  Counts counts;
  for (const std::filesystem::path& path : all) {
    compare_file(readobj_tool, path, counts);
    if (HasFailure()) return;
  }
  print(counts);
  EXPECT_EQ(counts.ops.size(), static_cast<std::size_t>(Op::pac_sign_lr) + 1 - 2)
      << "every code but alloc_z and end_c";
}

TEST(UnwindArm64Oracle, EveryEntryOfMicrosoftsCompilerIsAsLlvmReadobjPrintsIt) {
  NTSTACK_NEED_TOOL(readobj_tool, "llvm-readobj-19");
  const std::vector<std::filesystem::path> images = node_pty_images();
  if (images.empty()) GTEST_SKIP() << "not at hand: node-pty's win32-arm64";
  Counts counts;
  for (const std::filesystem::path& path : images) {
    compare_file(readobj_tool, path, counts);
    if (HasFailure()) return;
  }
  print(counts);
}

}  // namespace
}  // namespace ntstack::tests
