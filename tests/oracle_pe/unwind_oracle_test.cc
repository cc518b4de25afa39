// Every entry of every function table, each code and each epilogue, against llvm-readobj --unwind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "oracle_images.h"
#include "pe/unwind_x64.h"
#include "readobj.h"

namespace ntstack::tests {
namespace {

using pe::x64::Op;

constexpr const char* register_names[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                          "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

// A code as llvm-readobj prints it.
std::string text_of(const pe::x64::UnwindCode& code) {
  const char* reg = register_names[code.info & 15];
  const std::string at = fmt::format("0x{:02X}: ", code.prolog_offset);
  switch (code.op) {
    case Op::push_nonvol:
      return at + fmt::format("PUSH_NONVOL reg={}", reg);
    case Op::alloc_large:
      return at + fmt::format("ALLOC_LARGE size={}", code.amount);
    case Op::alloc_small:
      return at + fmt::format("ALLOC_SMALL size={}", code.amount);
    case Op::set_fpreg:
      return at + fmt::format("SET_FPREG reg={}, offset=0x{:X}", reg, code.amount);
    case Op::save_nonvol:
      return at + fmt::format("SAVE_NONVOL reg={}, offset=0x{:X}", reg, code.amount);
    case Op::save_nonvol_far:
      return at + fmt::format("SAVE_NONVOL_FAR reg={}, offset=0x{:X}", reg, code.amount);
    case Op::save_xmm128:
      return at + fmt::format("SAVE_XMM128 reg=XMM{}, offset=0x{:X}", code.info, code.amount);
    case Op::save_xmm128_far:
      return at + fmt::format("SAVE_XMM128_FAR reg=XMM{}, offset=0x{:X}", code.info, code.amount);
    case Op::push_machframe:
      return at + fmt::format("PUSH_MACHFRAME errcode={}", code.info ? "yes" : "no");
    default:
      return at + "?";
  }
}

// The epilogues that the printed EPILOG codes name, as their start RVAs and their length.
std::vector<pe::x64::Epilog> printed_epilogs(const ReadobjNode& codes, std::uint32_t end) {
  std::vector<pe::x64::Epilog> epilogs;
  std::uint32_t length = 0;
  for (const ReadobjNode& line : codes.children) {
    const auto number_after = [&](std::string_view key) {
      const std::size_t found = line.value.find(key);
      if (found == std::string::npos) return 0u;
      return static_cast<std::uint32_t>(
          std::strtoul(line.value.c_str() + found + key.size(), nullptr, 0));
    };
    if (!line.value.starts_with("EPILOG")) continue;
    if (line.value.find("atend=") != std::string::npos) {
      length = number_after("length=");
      if (line.value.find("atend=yes") != std::string::npos)
        epilogs.push_back({end - length, length});
    } else if (const std::uint32_t offset = number_after("offset=")) {
      epilogs.push_back({end - offset, length});
    }
  }
  return epilogs;
}

struct Counts {
  std::size_t images = 0, functions = 0, codes = 0, version_2 = 0, epilogs = 0, chained = 0;
  std::size_t handlers = 0;
  std::size_t left_out = 0;  // images that the tool can't read
};

void compare_codes(const ReadobjNode& printed, const pe::x64::UnwindInfo& info, std::uint32_t end,
                   Counts& counts) {
  std::vector<std::string> expected;
  for (const ReadobjNode& line : printed.children) {
    if (!line.value.starts_with("EPILOG")) expected.push_back(line.name + ": " + line.value);
  }
  std::vector<std::string> ours;
  for (const auto& code : info.codes) ours.push_back(text_of(code));
  EXPECT_EQ(ours, expected);
  counts.codes += ours.size();

  const auto epilogs = printed_epilogs(printed, end);
  ASSERT_EQ(info.epilogs.size(), epilogs.size());
  for (std::size_t i = 0; i < epilogs.size(); ++i) {
    EXPECT_EQ(info.epilogs[i].start, epilogs[i].start);
    EXPECT_EQ(info.epilogs[i].size, epilogs[i].size);
  }
  counts.epilogs += epilogs.size();
}

void compare_info(const ReadobjNode& printed, const pe::x64::UnwindInfo& info, std::uint64_t base,
                  std::uint32_t end, Counts& counts) {
  EXPECT_EQ(info.version, printed.number("Version"));
  const ReadobjNode* flags = printed.find("Flags");
  ASSERT_NE(flags, nullptr);
  EXPECT_EQ(fmt::format("(0x{:X})", info.flags), flags->value);
  EXPECT_EQ(info.prolog_size, printed.number("PrologSize"));
  if (printed.text("FrameRegister") == "-") {
    EXPECT_EQ(info.frame_register, 0);
  } else {
    EXPECT_EQ(info.frame_register, printed.number("FrameRegister"));
    EXPECT_EQ(info.frame_offset, printed.number("FrameOffset") * 16);
  }
  const ReadobjNode* codes = printed.find("UnwindCodes");
  ASSERT_NE(codes, nullptr);
  compare_codes(*codes, info, end, counts);
  if (info.version == 2) ++counts.version_2;

  const ReadobjNode* chained = printed.find("Chained");
  ASSERT_EQ(info.chained.has_value(), chained != nullptr);
  if (chained) {
    EXPECT_EQ(info.chained->begin, chained->number("StartAddress") - base);
    EXPECT_EQ(info.chained->end, chained->number("EndAddress") - base);
    EXPECT_EQ(info.chained->unwind, chained->number("UnwindInfoAddress") - base);
    ++counts.chained;
  }
  ASSERT_EQ(info.handler.has_value(), printed.find("Handler") != nullptr);
  if (info.handler) {
    EXPECT_EQ(*info.handler, printed.number("Handler") - base);
    ++counts.handlers;
  }
}

void compare_lookups(const pe::x64::FunctionTable& table,
                     const pe::x64::RuntimeFunction& function) {
  for (const std::uint32_t rva :
       {function.begin, function.begin + (function.end - function.begin) / 2, function.end - 1}) {
    const auto found = table.find(rva);
    ASSERT_TRUE(found) << fmt::format("RVA {:#x}", rva);
    EXPECT_EQ(found->begin, function.begin);
    EXPECT_EQ(found->unwind, function.unwind);
  }
}

void compare_function(const ReadobjNode& printed, const pe::Image& image,
                      const pe::x64::FunctionTable& table, std::size_t index, Counts& counts) {
  const std::uint64_t base = image.preferred_base();
  const auto function = table.at(index);
  ASSERT_TRUE(function);
  EXPECT_EQ(function->begin, printed.number("StartAddress") - base);
  EXPECT_EQ(function->end, printed.number("EndAddress") - base);
  EXPECT_EQ(function->unwind, printed.number("UnwindInfoAddress") - base);
  // Compilers leave functions without a byte of code; no address is in them.
  if (function->begin < function->end) compare_lookups(table, *function);
  const auto info = pe::x64::decode(image, *function);
  ASSERT_TRUE(info) << info.error().text();
  const ReadobjNode* printed_info = printed.find("UnwindInfo");
  ASSERT_NE(printed_info, nullptr);
  compare_info(*printed_info, *info, base, function->end, counts);
  ++counts.functions;
}

// Every function of one image, over its file or over memory.
void compare_image(const ReadobjNode& printed, const pe::Image& image, Counts& counts) {
  const pe::x64::FunctionTable table(image);
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

// llvm-readobj 19 dies of version 2: such images are left to newer ones.
bool is_readable_by(const std::filesystem::path& tool, const pe::Image& image) {
  if (tool.filename() != "llvm-readobj-19") return true;
  const pe::x64::FunctionTable table(image);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto function = table.at(i);
    const auto head = function ? image.get<std::uint8_t>(function->unwind & ~1u) : std::nullopt;
    if (head && (*head & 7) > 1) return false;
  }
  return true;
}

TEST(UnwindOracle, EveryEntryIsAsLlvmReadobjPrintsIt) {
  const std::filesystem::path tool = newest_readobj();
  if (tool.empty()) GTEST_SKIP() << "not installed: llvm-readobj";
  Counts counts;
  for (const std::filesystem::path& path : all_images()) {
    const auto open = OpenImage::open(path);
    ASSERT_TRUE(open) << open.error().text();
    if (open->image.architecture() != base::Architecture::x64) continue;
    if (!is_readable_by(tool, open->image)) {
      ++counts.left_out;
      continue;
    }
    SCOPED_TRACE(path.string());
    const ReadobjNode printed = readobj(tool, "--unwind", path);
    ASSERT_FALSE(printed.children.empty());
    compare_image(printed, open->image, counts);
    if (HasFailure()) return;

    // And read as memory, from its own pages.
    constexpr std::uint64_t at = 0xfffff80012340000;
    const pe::ImagePages pages(open->image, at);
    auto again = pe::Image::from_memory(pages, at);
    ASSERT_TRUE(again) << again.error().text();
    Counts in_memory;
    compare_image(printed, *again, in_memory);
    if (HasFailure()) return;
  }
  std::cout << fmt::format(
      "compared with {}: {} images, {} functions, {} codes, {} chained, {} handlers; version 2: {} "
      "infos, {} epilogues; {} images left out\n",
      tool.filename().string(), counts.images, counts.functions, counts.codes, counts.chained,
      counts.handlers, counts.version_2, counts.epilogs, counts.left_out);
  if (counts.images == 0) GTEST_SKIP() << "no images at hand";
}

}  // namespace
}  // namespace ntstack::tests
