// An x86 processor that runs one program, and the shadow stack that its calls and returns make.
#pragma once

#include <unicorn/unicorn.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "pe/image.h"

namespace ntstack::tests {

struct Call {
  std::uint32_t return_address = 0;
  std::uint32_t slot = 0;              // that holds it
  std::array<std::uint32_t, 8> gpr{};  // of the caller, before the call
  std::uint32_t function = 0;          // that was called
};

// An emulator's memory up to the first page that is not there.
std::size_t read_pages(uc_engine* engine, std::uint64_t address, std::span<std::byte> out);

class X86Machine : public base::ByteSource {
 public:
  explicit X86Machine(const pe::Image& image);
  ~X86Machine() override;
  X86Machine(const X86Machine&) = delete;
  X86Machine& operator=(const X86Machine&) = delete;

  // Runs from `entry` to its return; `before` is told each instruction's address.
  void run(std::uint32_t entry, std::function<void(std::uint32_t)> before);

  std::array<std::uint32_t, 8> gpr() const;
  const std::vector<Call>& shadow() const { return shadow_; }
  const std::string& failure() const { return failure_; }

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;

  static constexpr std::uint32_t stack_low = 0x00100000, stack_high = 0x00180000;

 private:
  void on_instruction(std::uint32_t address, std::uint32_t size);

  uc_engine* engine_ = nullptr;
  uc_hook hook_ = 0;
  std::function<void(std::uint32_t)> before_;
  std::vector<Call> shadow_;
  std::string failure_;
  bool was_call_ = false, was_return_ = false;
  Call made_;
};

}  // namespace ntstack::tests
