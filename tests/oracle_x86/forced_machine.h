// Runs single functions of a real image: the directions of conditional branches are drawn at
// random, memory that is missing reads as zeros, imports return at once. Whatever the data, each
// path of a compiled function keeps the stack as its compiler laid it out; where a run spoils its
// own stack all the same, it ends.
#pragma once

#include <unicorn/unicorn.h>

#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "machine.h"

namespace ntstack::tests {

class ForcedMachine : public base::ByteSource {
 public:
  explicit ForcedMachine(const pe::Image& image);
  ~ForcedMachine() override;
  ForcedMachine(const ForcedMachine&) = delete;
  ForcedMachine& operator=(const ForcedMachine&) = delete;

  // Calls `function` from a caller of its own. `before` is told each instruction within the image
  // and the imports. A handler within a function is called through a register, as the system does.
  void run(std::uint32_t function, std::uint32_t seed, bool is_handler,
           const std::function<void(std::uint32_t)>& before);

  std::array<std::uint32_t, 8> gpr() const;
  const std::vector<Call>& shadow() const { return shadow_; }
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;

  static constexpr std::uint32_t stack_low = 0x00100000, stack_high = 0x00180000;
  static constexpr std::uint32_t caller = 0x01000000,
                                 caller_size = 0x100000;  // calls, 16 bytes each
  static constexpr std::uint32_t imports = 0x00060000;    // sixteen bytes each
  static constexpr std::uint32_t scratch = 0x00200000;    // what arguments point to
  std::size_t returned = 0, spoiled = 0, ended = 0;       // runs
  std::set<std::uint32_t> executed;

 private:
  void map_imports(const pe::Image& image);
  void on_instruction(std::uint32_t address, std::uint32_t size);
  bool follow(std::uint32_t address, std::uint32_t sp);
  bool is_intact() const;
  bool is_code(std::uint32_t address) const;
  bool map_zeros(std::uint64_t address);

  uc_engine* engine_ = nullptr;
  std::uint32_t base_ = 0, size_ = 0;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> code_;  // start and size of its sections
  const std::function<void(std::uint32_t)>* before_ = nullptr;
  std::vector<Call> shadow_;
  std::mt19937 random_;
  std::vector<std::uint32_t> mapped_;
  std::map<std::uint32_t, std::uint32_t> sites_;  // of the call that begins a function's runs
  std::uint32_t site_ = 0, back_ = 0;
  bool was_call_ = false, was_return_ = false, done_ = false, spoiled_ = false;
  Call made_;
};

}  // namespace ntstack::tests
