// Every address of every function of ARM64 images, Microsoft's and ours: a step by its rule and a
// step by its codes are the same to the bit, with all memory there and with holes in it, with FP
// or LR known or not. No emulator: addresses that no test executes are here too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <vector>

#include "arm64_images.h"
#include "arm64_walk.h"

namespace ntstack::tests {
namespace {

namespace arm64 = unwind::arm64;
using Result = std::expected<arm64::Step, arm64::StepError>;

constexpr std::uint64_t kStack = 0xffffa00000000000;
constexpr std::uint32_t kAllKnown = 0x7fffffff;

// A stack of which every slot is another value.
struct WholeStack : base::ByteSource {
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(0x80000);
  WholeStack() {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = 0x8000100000000000 + i * 0x10;
  }
  base::Bytes view(std::uint64_t address, std::size_t size) const override {
    return base::Bytes(std::as_bytes(std::span(words))).clamp(address - kStack, size);
  }
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const base::Bytes bytes = view(address, out.size());
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return bytes.size();
  }
};

// The same with every few slots missing; which ones depends on the seed.
struct StackWithHoles : base::ByteSource {
  const WholeStack& whole;
  std::uint64_t seed;
  StackWithHoles(const WholeStack& stack, std::uint64_t number) : whole(stack), seed(number) {}
  bool is_there(std::uint64_t slot) const {
    const std::uint64_t mixed = (slot * 2 + seed) * 0x9e3779b97f4a7c15u;
    return (mixed >> 60) > 2;
  }
  base::Bytes view(std::uint64_t address, std::size_t size) const override {
    std::size_t there = 0;
    while (there < size && is_there((address + there) / 8)) ++there;
    return whole.view(address, there);
  }
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const base::Bytes bytes = view(address, out.size());
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return bytes.size();
  }
};

struct Totals {
  std::size_t images = 0, functions = 0, addresses = 0, steps = 0, comparisons = 0;
  std::uint64_t rules = 0;
  std::map<std::string_view, std::size_t> errors;  // with all memory there and all known
};

class Comparison {
 public:
  Comparison(const OneModule& code, Totals& totals) : code_(code), totals_(totals) {}

  // From one address, under every circumstance; what a step gives that lacks nothing.
  Result at(std::uint64_t pc, bool is_call_site) {
    arm64::Registers registers;
    for (std::uint64_t i = 0; i < 31; ++i) registers.x[i] = 0xa00 + i;
    registers.x[arm64::fp] = kStack + 0x280000;
    registers.sp = kStack + 0x200000;
    registers.pc = pc;
    const auto knowing = [&](std::uint32_t known) -> const arm64::Registers& {
      registers.known = known;
      return registers;
    };
    compare(holes_, knowing(arm64::kKeptByCalls), is_call_site);
    compare(other_holes_, knowing(kAllKnown), is_call_site);
    compare(whole_, knowing(kAllKnown & ~(1u << arm64::fp)), is_call_site);
    compare(whole_, knowing(kAllKnown), is_call_site);
    registers.sp = registers.x[arm64::fp];  // where the stack may not grow
    compare(whole_, registers, is_call_site);
    registers.sp = kStack + 0x200000;
    ++totals_.addresses;
    return arm64::step(code_, whole_, registers, is_call_site);
  }

 private:
  void compare(const base::ByteSource& memory, const arm64::Registers& registers,
               bool is_call_site) {
    const Result found = arm64::step(code_, memory, registers, is_call_site);
    for (int time = 0; time < 2; ++time) {
      if (arm64::step(code_, memory, registers, is_call_site, &cache_) != found)
        ADD_FAILURE() << fmt::format("at {:#x}, {}, known {:#x}, SP {:#x}", registers.pc,
                                     is_call_site ? "a return address" : "to be executed",
                                     registers.known, registers.sp);
    }
    ++totals_.comparisons;
  }

  const OneModule& code_;
  Totals& totals_;
  WholeStack whole_;
  StackWithHoles holes_{whole_, 0}, other_holes_{whole_, 1};
  arm64::RuleCache cache_;
};

// Whether the frame at this address has a rule.
bool has_rule(const OneModule& code, std::uint64_t pc) {
  static const WholeStack stack;
  arm64::RuleCache cache(1);
  arm64::Registers registers;
  registers.sp = kStack + 0x200000;
  registers.pc = pc;
  for (int time = 0; time < 2; ++time)
    static_cast<void>(arm64::step(code, stack, registers, false, &cache));
  return cache.hits() == 1;
}

void compare_image(const std::filesystem::path& path, bool is_real, Totals& totals) {
  SCOPED_TRACE(path.filename().string());
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto image = pe::Image::from_file(file->bytes());
  ASSERT_TRUE(image) << image.error().text();
  const OneModule code(*image);
  Comparison comparison(code, totals);
  for (std::size_t i = 0; i < code.functions().size(); ++i) {
    const auto function = code.functions().at(i);
    ASSERT_TRUE(function);
    const std::uint32_t length = pe::arm64::length_of(*image, *function).value_or(0);
    for (std::uint32_t offset = 0; offset < length; offset += 4) {
      const std::uint64_t address = image->preferred_base() + function->begin + offset;
      const Result steps[] = {comparison.at(address, false), comparison.at(address + 4, true)};
      totals.rules += has_rule(code, address);
      for (const Result& step : steps) {
        totals.steps += step.has_value();
        if (step) continue;
        ++totals.errors[arm64::text_of(step.error())];
        if (is_real)
          ADD_FAILURE() << fmt::format("{:#x}: {}", address, arm64::text_of(step.error()));
      }
      if (::testing::Test::HasFailure()) return;
    }
    ++totals.functions;
  }
  ++totals.images;
}

void print(const Totals& totals) {
  std::cout << fmt::format(
      "compared {} steps by rule and by codes: {} images, {} functions, {} addresses ({} of "
      "instructions with a rule), {} steps\n",
      totals.comparisons, totals.images, totals.functions, totals.addresses, totals.rules,
      totals.steps);
  for (const auto& [error, count] : totals.errors)
    std::cout << fmt::format("  {}: {}\n", error, count);
}

TEST(EveryArm64Address, OfMicrosoftsImagesUnwindsByRuleAsByCodes) {
  const std::vector<std::filesystem::path> images = node_pty_images();
  if (images.empty()) GTEST_SKIP() << "not at hand: node-pty's win32-arm64";
  Totals totals;
  for (const std::filesystem::path& path : images) {
    compare_image(path, true, totals);
    if (HasFailure()) return;
  }
  print(totals);
  EXPECT_GT(totals.rules, totals.addresses / 2 / 100 * 99);
}

TEST(EveryArm64Address, OfCompiledAndHandMadeImagesUnwindsByRuleAsByCodes) {
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(linker, "lld-link-19");
  const Arm64Images made;
  std::vector<std::filesystem::path> images = made.shapes();
  images.insert(images.end(), made.hand_made().begin(), made.hand_made().end());
  Totals totals;
  for (const std::filesystem::path& path : images) {
    compare_image(path, false, totals);
    if (HasFailure()) return;
  }
  print(totals);
}

}  // namespace
}  // namespace ntstack::tests
