// Steps over hand-made functions; the truth is Microsoft's ARM64 exception handling documentation,
// worked out by hand. tests/arm64_steps holds steps to code that is executed.
#include "unwind/arm64.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "image_builder.h"
#include "unwind/arm64_cache.h"

namespace ntstack::unwind::arm64 {
namespace {

constexpr std::uint64_t kBase = 0xfffff80000000000;
constexpr std::uint64_t kStack = 0xffffa00000010000;
constexpr std::size_t kSlots = 256;
constexpr std::uint32_t kText = 0x1000, kXdata = 0x2000, kPdata = 0x3000;
constexpr std::uint32_t kFunction = 0x1100, kLength = 0x40, kBody = kFunction + 0x30;
constexpr std::uint32_t kAll = 0x7fffffff;

// One function with the given codes, without epilogues, and a stack whose slot i holds 0x5000 + i.
class OneFunction : public CodeMap {
 public:
  explicit OneFunction(std::initializer_list<int> codes) {
    for (std::size_t i = 0; i < kSlots; ++i) slots_.push_back(0x5000 + i);
    const auto words = static_cast<std::uint32_t>((codes.size() + 3) / 4);
    tests::ByteWriter text, xdata, pdata;
    xdata.u32({kLength / 4 | words << 27}).u8(codes).pad_to(4 + words * 4);
    pdata.u32({kFunction, kXdata});
    tests::ImageBuilder builder;
    builder.machine = 0xaa64;
    builder.section(".text", kText, text.pad_to(0x800)).section(".xdata", kXdata, xdata);
    builder.section(".pdata", kPdata, pdata).directory(3, kPdata, 8);
    file_ = builder.file();
    image_ = std::make_unique<pe::Image>(
        *pe::Image::from_file(base::Bytes(std::span<const std::byte>(file_))));
    module_ =
        Module{kBase, image_->size_of_image(), image_.get(), pe::arm64::FunctionTable(*image_)};
  }
  const Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  Module& module() { return module_; }
  void set_slot(std::size_t slot, std::uint64_t value) { slots_[slot] = value; }

  std::expected<Step, StepError> from(std::uint32_t rva, bool is_call_site = false,
                                      std::uint32_t known = kAll, bool sp_is_bound = false) const {
    Registers registers;
    registers.sp_is_bound = sp_is_bound;
    for (std::uint64_t i = 0; i < 31; ++i) registers.x[i] = 0xa00 + i;
    registers.x[fp] = kStack + 0x80;
    registers.sp = kStack;
    registers.pc = kBase + rva;
    registers.known = known;
    const base::SegmentSource memory({{kStack, base::Bytes(std::as_bytes(std::span(slots_)))}});
    const auto found = step(*this, memory, registers, is_call_site);
    // A rule that is made, and one that is known, say the same.
    RuleCache cache;
    EXPECT_EQ(step(*this, memory, registers, is_call_site, &cache), found);
    EXPECT_EQ(step(*this, memory, registers, is_call_site, &cache), found);
    hits_ = cache.hits();
    return found;
  }
  // Whether the last step's frame has a rule.
  bool had_rule() const { return hits_ == 1; }

 private:
  std::vector<std::byte> file_;
  std::vector<std::uint64_t> slots_;
  std::unique_ptr<pe::Image> image_;
  Module module_;
  mutable std::uint64_t hits_ = 0;
};

StepError error_of(const std::expected<Step, StepError>& found) {
  EXPECT_FALSE(found);
  return found ? StepError::no_module : found.error();
}

bool knows(const Step& found, unsigned reg) { return (found.caller.known >> reg & 1) != 0; }

TEST(Arm64Step, ALeafReturnsThroughLrAndKeepsTheStack) {
  const OneFunction code({0xe4});
  const auto found = code.from(kText);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.pc, 0xa1eu);
  EXPECT_EQ(found->caller.sp, kStack);
  EXPECT_TRUE(knows(*found, 19) && knows(*found, fp));
  EXPECT_FALSE(knows(*found, 0) || knows(*found, lr));
}

TEST(Arm64Step, OnlyTheYoungestFrameReturnsThroughLr) {
  const OneFunction code({0xe4});
  EXPECT_EQ(error_of(code.from(kText, false, kAll & ~(1u << lr))), StepError::register_unknown);
  EXPECT_EQ(error_of(code.from(kBody, true, kAll & ~(1u << lr))), StepError::register_unknown);
  EXPECT_EQ(error_of(code.from(kText + 0x10, true)), StepError::not_described);
}

TEST(Arm64Step, AChainedFrameIsUndoneFromFp) {
  const OneFunction code({0xe1, 0x81, 0x22, 0xe4});  // stp x19, x20 -16; stp fp, lr -16; mov fp
  const auto found = code.from(kBody, true);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_EQ(found->caller.x[fp], 0x5010u);
  EXPECT_EQ(found->caller.pc, 0x5011u);
  EXPECT_EQ(found->caller.x[19], 0x5012u);
  EXPECT_EQ(found->caller.sp, kStack + 0xa0);
  EXPECT_EQ(error_of(code.from(kBody, true, kAll & ~(1u << fp))), StepError::register_unknown);
}

TEST(Arm64Step, WhereSpIsABoundOnlyFpTellsTheFrame) {
  const OneFunction framed({0x01, 0xe1, 0x81, 0x22, 0xe4});  // as above, and sub sp, sp, #16
  const auto found = framed.from(kBody, true, kAll, true);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_EQ(found->caller.sp, kStack + 0xa0);
  EXPECT_FALSE(found->caller.sp_is_bound);
  const OneFunction unframed({0x01, 0x81, 0xe4});
  EXPECT_EQ(error_of(unframed.from(kBody, true, kAll, true)), StepError::register_unknown);
  EXPECT_TRUE(unframed.from(kBody, true));
}

TEST(Arm64Step, APrologueIsUndoneAsFarAsItWent) {
  const OneFunction code({0xe1, 0x81, 0x22, 0xe4});
  EXPECT_EQ(code.from(kFunction)->caller.sp, kStack);
  EXPECT_EQ(code.from(kFunction)->caller.pc, 0xa1eu);
  EXPECT_EQ(code.from(kFunction + 4)->caller.sp, kStack + 0x10);
  EXPECT_EQ(code.from(kFunction + 4)->caller.x[19], 0x5000u);
  EXPECT_EQ(code.from(kFunction + 8)->caller.pc, 0x5001u);
  EXPECT_EQ(code.from(kFunction + 8)->caller.sp, kStack + 0x20);
}

TEST(Arm64Step, SaveNextGoesOnWithTheRegistersBehindAPair) {
  // stp x19, x20, [sp, #-64]!; two pairs behind it; str x30, [sp, #48]
  const OneFunction code({0xd2, 0xc6, 0xe6, 0xe6, 0x28, 0xe4});
  const auto found = code.from(kBody);
  ASSERT_TRUE(found) << text_of(found.error());
  for (unsigned i = 0; i < 6; ++i) EXPECT_EQ(found->caller.x[19 + i], 0x5000u + i);
  EXPECT_EQ(found->caller.pc, 0x5006u);
}

TEST(Arm64Step, SaveNextNeedsAPair) {
  EXPECT_EQ(error_of(OneFunction({0xe6, 0x01, 0xe4}).from(kBody)), StepError::unwind_data_bad);
  EXPECT_EQ(error_of(OneFunction({0xe6, 0xe4}).from(kBody)), StepError::unwind_data_bad);
}

TEST(Arm64Step, ASignedReturnAddressLosesItsSignature) {
  OneFunction code({0x81, 0xfc, 0xe4});
  code.set_slot(1, 0x00a5f80000001234 | 1ull << 55);
  const auto found = code.from(kBody);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->signed_return);
  EXPECT_EQ(found->caller.pc, 0xfffff80000001234);
  EXPECT_EQ(without_pac(0x005a7ff612345678), 0x00007ff612345678u);
}

TEST(Arm64Step, AMachineFrameHoldsSpAndPc) {
  OneFunction code({0x01, 0xe9, 0xe4});
  code.set_slot(2, kStack + 0x400);
  const auto found = code.from(kBody, true);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_EQ(found->caller.sp, kStack + 0x400);
  EXPECT_EQ(found->caller.pc, 0x5003u);
  EXPECT_EQ(found->frame, Frame::machine_frame);
  EXPECT_EQ(found->frame_address, kStack + 0x10);
  EXPECT_EQ(found->trust, Trust::trap_frame);
  EXPECT_FALSE(found->is_call_site || knows(*found, lr));
}

TEST(Arm64Step, ATrapFrameHoldsTheVolatileRegistersToo) {
  OneFunction code({0xe8, 0xe4});
  code.set_slot(0x90 / 8, 0x60000000);  // SPSR: EL0
  const auto found = code.from(kBody, true);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_EQ(found->caller.sp, 0x5000u + 0x98 / 8);
  EXPECT_EQ(found->caller.x[0], 0x5000u + 0xa0 / 8);
  EXPECT_EQ(found->caller.x[18], 0x5000u + 0x130 / 8);
  EXPECT_EQ(found->caller.x[lr], 0x5000u + 0x138 / 8);
  EXPECT_EQ(found->caller.x[fp], 0x5000u + 0x140 / 8);
  EXPECT_EQ(found->caller.pc, 0x5000u + 0x148 / 8);
  EXPECT_TRUE(found->from_user);
  EXPECT_EQ(found->caller.known, kAll);
}

TEST(Arm64Step, AContextSaysWhetherItsPcIsAReturnAddress) {
  OneFunction code({0xea, 0xe4});
  code.set_slot(0, 0x20400007);
  auto found = code.from(kBody, true);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_TRUE(found->is_call_site);
  EXPECT_EQ(found->caller.x[0], 0x5001u);
  EXPECT_EQ(found->caller.pc, 0x5000u + 0x108 / 8);
  code.set_slot(0, 0x400007);
  EXPECT_FALSE(code.from(kBody, true)->is_call_site);
}

TEST(Arm64Step, AfterClearUnwoundToCallThePcIsNoReturnAddress) {
  const auto found = OneFunction({0x81, 0xec, 0xe4}).from(kBody, true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.pc, 0x5001u);
  EXPECT_FALSE(found->is_call_site);
}

TEST(Arm64Step, FramesOfUnknownLayoutAreAnError) {
  EXPECT_EQ(error_of(OneFunction({0xeb, 0xe4}).from(kBody)), StepError::unknown_frame);
  EXPECT_EQ(error_of(OneFunction({0xdf, 0x01, 0xe4}).from(kBody)), StepError::unknown_frame);
}

TEST(Arm64Step, AFragmentIsUndoneByItsParentsPrologue) {
  const auto found = OneFunction({0xe5, 0x81, 0xe4}).from(kFunction);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.pc, 0x5001u);
}

TEST(Arm64Step, TheStackMustGrow) {
  // stp fp, lr, [sp, #0] without an allocation: the same frame again and again.
  EXPECT_EQ(error_of(OneFunction({0x40, 0xe4}).from(kBody, true)), StepError::no_progress);
}

TEST(Arm64Step, AMissingReturnAddressIsMissingMemory) {
  // sub sp, #16 MB; stp fp, lr, [sp, #-16]!
  EXPECT_EQ(error_of(OneFunction({0xe0, 0x10, 0, 0, 0x81, 0xe4}).from(kBody)),
            StepError::memory_missing);
  EXPECT_EQ(error_of(OneFunction({0xe0, 0x10, 0, 0, 0xe8, 0xe4}).from(kBody)),
            StepError::memory_missing);
}

TEST(Arm64Step, AStartAddressInPlaceOfAReturnAddressIsInItsFunction) {
  const auto found = OneFunction({0xe5, 0x81, 0xe4}).from(kFunction, true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.pc, 0x5001u);
}

// True where a step from the body of a function with these codes has a rule; what each says is
// compared in OneFunction.
bool has_rule(std::initializer_list<int> codes) {
  const OneFunction code(codes);
  static_cast<void>(code.from(kBody));
  return code.had_rule();
}

TEST(Arm64Step, UsualFramesHaveRules) {
  EXPECT_TRUE(has_rule({0xe4}));
  EXPECT_TRUE(has_rule({0xe1, 0x81, 0x22, 0xe4}));
  EXPECT_TRUE(has_rule({0x81, 0xfc, 0xe4}));                    // a signed LR
  EXPECT_TRUE(has_rule({0xd2, 0xc6, 0xe6, 0xe6, 0x28, 0xe4}));  // save_next
  EXPECT_TRUE(has_rule({0xc8, 0x42, 0xe1, 0x81, 0xe4}));        // saved below what FP was set to
}

TEST(Arm64Step, FramesThatNoRuleHoldsAreUndoneCodeByCode) {
  EXPECT_FALSE(has_rule({0xe8, 0xe4}));                          // a trap frame
  EXPECT_FALSE(has_rule({0x81, 0xe1, 0xe4}));                    // FP is restored, then used
  EXPECT_FALSE(has_rule({0x22, 0x22, 0xe4}));                    // x19 and x20 twice
  EXPECT_FALSE(has_rule({0xe7, 0x03, 0x01, 0x81, 0xe4}));        // x3
  EXPECT_FALSE(has_rule({0xe0, 0x00, 0x80, 0x00, 0x41, 0xe4}));  // a slot half a mebibyte away
}

TEST(Arm64Step, SaysWhatIsMissing) {
  OneFunction code({0xe4});
  code.module().functions = {};
  EXPECT_EQ(error_of(code.from(kBody)), StepError::unwind_data_missing);
  code.module().image = nullptr;
  EXPECT_EQ(error_of(code.from(kBody)), StepError::no_image);
  code.module().size = 0;
  EXPECT_EQ(error_of(code.from(kBody)), StepError::no_module);
}

}  // namespace
}  // namespace ntstack::unwind::arm64
