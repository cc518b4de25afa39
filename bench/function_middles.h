// An image as the one module of a machine, and registers in the middle of its functions: where
// benchmarks of x64 steps begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "pe/image.h"
#include "unwind/x64.h"

namespace ntstack::bench {

inline constexpr std::uint64_t kBase = 0xfffff80000000000;
inline constexpr std::uint64_t kStack = 0xffffa00000000000;

// `image` must live as long.
class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{kBase, image.size_of_image(), &image, pe::x64::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  const pe::x64::FunctionTable& functions() const {
    return std::get<pe::x64::FunctionTable>(module_.functions);
  }

 private:
  unwind::Module module_;
};

// Of the first `most` functions of 64 bytes or more that `takes` takes: every register known, each
// pointing into a stack at kStack.
template <class Takes>
std::vector<unwind::x64::Registers> function_middles(const pe::x64::FunctionTable& functions,
                                                     std::size_t most, Takes takes) {
  std::vector<unwind::x64::Registers> middles;
  for (std::size_t i = 0; i < functions.size() && middles.size() < most; ++i) {
    const auto function = functions.at(i);
    if (!function || function->end - function->begin < 64) continue;
    unwind::x64::Registers registers;
    registers.gpr.fill(kStack + 0x80000);
    registers.gpr[unwind::x64::rsp] = kStack + 0x40000;
    registers.known = 0xffff;
    registers.rip = kBase + (function->begin + function->end) / 2;
    if (takes(registers)) middles.push_back(registers);
  }
  return middles;
}

}  // namespace ntstack::bench
