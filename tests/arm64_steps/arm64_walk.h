// One ARM64 image in an emulator, and the walk out of it from the instruction that is about to
// execute, held to the shadow stack at every frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "base/mapped_file.h"
#include "unwind/arm64.h"
#include "unwind/arm64_cache.h"
#include "world_arm64/machine.h"

namespace ntstack::tests {

// A whole image as a code map.
class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{image.preferred_base(), image.size_of_image(), &image,
                pe::arm64::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  const unwind::Module& module() const { return module_; }
  const pe::arm64::FunctionTable& functions() const {
    return std::get<pe::arm64::FunctionTable>(module_.functions);
  }

 private:
  unwind::Module module_;
};

struct WalkCounts {
  std::size_t runs = 0, instructions = 0, steps = 0, signed_registers = 0, signed_steps = 0,
              leaves = 0, deepest = 0;
  std::set<std::uint64_t> places;

  void add(const WalkCounts& other);
};

// An image at its preferred base in a machine with a stack.
class EmulatedImage {
 public:
  static constexpr std::uint64_t stack_base = 0x20000000, stack_size = 0x400000;  // its high end

  // Throws std::runtime_error.
  explicit EmulatedImage(const std::filesystem::path& path);

  const pe::Image& image() const { return *image_; }
  const OneModule& code() const { return *code_; }
  world::Arm64Machine& machine() { return machine_; }

  // Whether the instruction is the image's own: functions may have written over it.
  bool is_intact(std::uint64_t address) const;
  // Runs a function on a fresh stack to its return, or to where it is stopped.
  void call(std::uint64_t function, std::span<const std::uint64_t> arguments);
  // The whole way out, each step without the cache and with it. What is wrong; nothing where all is
  // right.
  std::string walk(WalkCounts& counts);

 private:
  std::unique_ptr<base::MappedFile> file_;
  std::unique_ptr<pe::Image> image_;
  std::unique_ptr<OneModule> code_;
  world::Arm64Machine machine_;
  unwind::arm64::RuleCache cache_;
};

}  // namespace ntstack::tests
