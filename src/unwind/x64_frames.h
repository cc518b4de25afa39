// Functions put together by hand, and a stack: what the tests of x64 steps step on.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "image_builder.h"
#include "unwind/x64.h"

namespace ntstack::unwind::x64 {

using Code = std::initializer_list<int>;

inline constexpr std::uint64_t kBase = 0xfffff80000000000;
inline constexpr std::uint64_t kStack = 0xffffa00000010000;
inline constexpr std::size_t kSlots = 512;
inline constexpr std::uint32_t kText = 0x1000, kXdata = 0x2000, kPdata = 0x3000;

// A module of functions put together by hand, and a stack whose slot i holds 0x5000 + i.
class Frames : public CodeMap {
 public:
  Frames() {
    for (std::size_t i = 0; i < kSlots; ++i) slots_.push_back(0x5000 + i);
  }

  // UNWIND_INFO: version and flags, prologue's size, frame register and offset / 16, code slots as
  // bytes, and what lies behind them. Returns its RVA.
  std::uint32_t info(int version_flags, int prolog, int frame, Code codes,
                     std::initializer_list<std::uint32_t> behind = {}) {
    const auto rva = static_cast<std::uint32_t>(kXdata + xdata_.size());
    xdata_.u8({version_flags, prolog, static_cast<int>(codes.size() / 2), frame}).u8(codes);
    if (codes.size() % 4 != 0) xdata_.u8({0, 0});
    xdata_.u32(behind);
    return rva;
  }
  // The same byte by byte, whatever it is.
  std::uint32_t raw_info(const tests::ByteWriter& bytes) {
    xdata_.pad_to((xdata_.size() + 3) & ~std::size_t{3});
    const auto rva = static_cast<std::uint32_t>(kXdata + xdata_.size());
    xdata_.append(bytes.bytes());
    return rva;
  }
  void function(std::uint32_t begin, std::uint32_t end, std::uint32_t unwind) {
    functions_[begin] = {begin, end, unwind};
  }
  void code(std::uint32_t rva, Code bytes) {
    for (const int byte : bytes) text_.put(rva++ - kText, static_cast<std::uint8_t>(byte));
  }
  std::uint32_t entry(std::uint32_t begin) const {  // RVA of a function's entry in the table
    std::uint32_t rva = kPdata;
    for (const auto& [first, function] : functions_) {
      if (first == begin) return rva;
      rva += 12;
    }
    return 0;
  }

  // Made ready by the first step; `with_code` false leaves the code out of the dump.
  void build(bool with_code = true) {
    tests::ByteWriter pdata;
    for (const auto& [begin, function] : functions_) pdata.add(function);
    tests::ImageBuilder builder;
    text_.pad_to(0x1000);
    builder.section(".text", kText, text_).section(".xdata", kXdata, xdata_);
    builder.section(".pdata", kPdata, pdata);
    builder.directory(3, kPdata, static_cast<std::uint32_t>(pdata.size()));
    loaded_ = builder.loaded();
    std::vector<base::SegmentSource::Segment> segments;
    const base::Bytes all{std::span<const std::byte>(loaded_)};
    segments.push_back({kBase, all.clamp(0, kText)});
    segments.push_back({kBase + kXdata, all.clamp(kXdata)});
    if (with_code) segments.push_back({kBase + kText, all.clamp(kText, kXdata - kText)});
    source_ = base::SegmentSource(segments);
    auto image = pe::Image::from_memory(source_, kBase);
    ASSERT_TRUE(image) << image.error().text();
    image_ = std::make_unique<pe::Image>(std::move(*image));
    module_ = Module{kBase, image_->size_of_image(), image_.get(), pe::x64::FunctionTable(*image_)};
  }

  const Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  Module& module() { return module_; }

  // Registers with RSP at slot `slot`, and every other register i as 0xa00 + i.
  Registers at(std::uint32_t rva, std::size_t slot = 0) const {
    Registers registers;
    for (std::uint64_t i = 0; i < 16; ++i) registers.gpr[i] = 0xa00 + i;
    registers.gpr[rsp] = kStack + slot * 8;
    registers.rip = kBase + rva;
    registers.known = 0xffff;
    return registers;
  }
  base::SegmentSource memory() const {
    return base::SegmentSource({{kStack, base::Bytes(std::as_bytes(std::span(slots_)))}});
  }
  void set_slot(std::size_t slot, std::uint64_t value) { slots_[slot] = value; }

  std::expected<Step, StepError> from(const Registers& registers, bool is_call_site = false) {
    if (!image_) build();
    return step(*this, memory(), registers, is_call_site);
  }
  std::expected<Step, StepError> from(std::uint32_t rva, bool is_call_site = false) {
    return from(at(rva), is_call_site);
  }

 private:
  tests::ByteWriter text_, xdata_;
  std::map<std::uint32_t, pe::x64::RuntimeFunction> functions_;
  std::vector<std::byte> loaded_;
  std::vector<std::uint64_t> slots_;
  base::SegmentSource source_;
  std::unique_ptr<pe::Image> image_;
  Module module_;
};

// The return address was in this slot and the caller's RSP is just behind it.
inline void expect_return_from_slot(const std::expected<Step, StepError>& found, std::size_t slot,
                                    const char* where = "") {
  ASSERT_TRUE(found) << where << ": " << text_of(found.error());
  EXPECT_EQ(found->caller.rip, 0x5000 + slot) << where;
  EXPECT_EQ(found->caller.gpr[rsp], kStack + (slot + 1) * 8) << where;
  EXPECT_EQ(found->trust, Trust::unwind_info) << where;
  EXPECT_FALSE(found->machine_frame) << where;
}

}  // namespace ntstack::unwind::x64
