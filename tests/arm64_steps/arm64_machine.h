// An ARM64 processor (Unicorn) with one image and one stack, which keeps a shadow stack: what each
// function that has not returned yet owes to its caller. It is the truth that steps are held to.
#pragma once

#include <unicorn/unicorn.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::tests {

struct Arm64Cpu {
  std::array<std::uint64_t, 31> x{};
  std::uint64_t sp = 0;
  std::uint64_t pc = 0;
};

// A caller's registers at its call; its PC is the return address.
using ShadowCaller = Arm64Cpu;

class Arm64Machine : public base::ByteSource {
 public:
  static constexpr std::uint64_t stack_base = 0x20000000;  // its high end
  static constexpr std::uint64_t stack_size = 0x400000;
  static constexpr std::uint64_t end_address = 0x10000;  // where the outermost function returns to

  // `pages` as the loader maps them at `base`. Throws std::runtime_error.
  Arm64Machine(std::uint64_t base, const std::vector<std::byte>& pages);
  ~Arm64Machine() override;
  Arm64Machine(const Arm64Machine&) = delete;
  Arm64Machine& operator=(const Arm64Machine&) = delete;

  // Runs a function to its return; throws where the shadow stack and the code disagree.
  void call(std::uint64_t function, std::uint64_t argument);

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;

  // The outermost caller first.
  const std::vector<ShadowCaller>& shadow() const { return shadow_; }
  Arm64Cpu cpu() const;

  // Told before each instruction; false stops the run.
  std::function<bool()> before_instruction;

 private:
  enum class Kind : std::uint8_t { other, call, ret };

  static void on_code(uc_engine* engine, std::uint64_t address, std::uint32_t size, void* self);
  void follow(std::uint64_t address);
  void sign(bool on);

  uc_engine* engine_ = nullptr;
  uc_hook hook_ = 0;
  std::vector<ShadowCaller> shadow_;
  Kind last_ = Kind::other;
  std::uint32_t last_word_ = 0;
  Arm64Cpu at_last_;
  std::string failure_;
};

}  // namespace ntstack::tests
