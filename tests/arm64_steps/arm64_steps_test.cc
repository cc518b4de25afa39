// Each instruction that compiled ARM64 functions execute: a step from there, and the walk from
// there to the outermost caller, give the registers that the shadow stack holds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>

#include "arm64_images.h"
#include "base/mapped_file.h"
#include "unwind/arm64.h"
#include "world/image_map.h"
#include "world_arm64/machine.h"

namespace ntstack::tests {
namespace {

namespace arm64 = unwind::arm64;
using world::Arm64Cpu;
using world::Arm64Machine;

constexpr std::uint64_t stack_base = 0x20000000, stack_size = 0x400000;  // its high end

struct Counts {
  std::size_t runs = 0, instructions = 0, steps = 0, signed_registers = 0, signed_steps = 0,
              leaves = 0, deepest = 0;
  std::set<std::uint64_t> places;
};

class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{image.preferred_base(), image.size_of_image(), &image,
                pe::arm64::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  const unwind::Module& module() const { return module_; }

 private:
  unwind::Module module_;
};

// What of the caller is wrong; nothing where all of it is right.
std::string difference(const arm64::Registers& found, const Arm64Cpu& truth) {
  if (found.pc != truth.pc) return fmt::format("PC {:#x}, not {:#x}", found.pc, truth.pc);
  if (found.sp != truth.sp) return fmt::format("SP {:#x}, not {:#x}", found.sp, truth.sp);
  for (unsigned i = 19; i < 30; ++i) {
    if ((found.known >> i & 1) == 0) return fmt::format("x{} is not known", i);
    if (found.x[i] != truth.x[i])
      return fmt::format("x{} {:#x}, not {:#x}", i, found.x[i], truth.x[i]);
  }
  return {};
}

// The whole way out from the instruction that is about to execute.
std::string walk(const OneModule& code, const Arm64Machine& machine, Counts& counts) {
  const Arm64Cpu cpu = machine.cpu();
  arm64::Registers registers{cpu.x, cpu.sp, cpu.pc, 0x7fffffff};
  counts.signed_registers += cpu.x[30] != arm64::without_pac(cpu.x[30]);
  const auto place = static_cast<std::uint32_t>(cpu.pc - code.module().base);
  counts.leaves += !std::get<pe::arm64::FunctionTable>(code.module().functions).find(place);
  counts.places.insert(place);
  ++counts.instructions;
  bool is_call_site = false;
  const auto& shadow = machine.shadow;
  const world::MachineMemory memory(machine);
  counts.deepest = std::max(counts.deepest, shadow.size());
  for (std::size_t left = shadow.size(); left-- > 0;) {
    const auto step = arm64::step(code, memory, registers, is_call_site);
    const std::string where =
        fmt::format("at {:#x}, {} frames out: ", cpu.pc, shadow.size() - 1 - left);
    if (!step) return where + std::string(arm64::text_of(step.error()));
    if (const std::string wrong = difference(step->caller, shadow[left].caller); !wrong.empty())
      return where + wrong;
    registers = step->caller;
    is_call_site = step->is_call_site;
    counts.signed_steps += step->signed_return;
    ++counts.steps;
  }
  return {};
}

std::vector<std::uint8_t> loaded(const pe::Image& image) {
  std::vector<std::uint8_t> pages(image.size_of_image());
  for (std::uint32_t rva = 0; rva < pages.size(); rva += 0x1000) {
    static_cast<void>(
        image.read(rva, std::as_writable_bytes(std::span(pages))
                            .subspan(rva, std::min<std::size_t>(0x1000, pages.size() - rva))));
  }
  return pages;
}

// The exported functions: addresses from the export directory, read here on its own.
std::vector<std::uint64_t> exported(const pe::Image& image) {
  std::vector<std::uint64_t> found;
  const std::uint32_t directory = image.directory(pe::Directory::exports).rva;
  const auto count = image.get<std::uint32_t>(directory + 20).value_or(0);
  const auto table = image.get<std::uint32_t>(directory + 28).value_or(0);
  for (std::uint32_t i = 0; directory && i < count; ++i)
    found.push_back(image.preferred_base() + image.get<std::uint32_t>(table + i * 4).value_or(0));
  return found;
}

// Runs a function to its return, or to where it is stopped.
void call(Arm64Machine& machine, std::uint64_t function, std::uint64_t argument) {
  Arm64Cpu start;
  for (unsigned i = 0; i < 31; ++i) start.x[i] = 0x1111000000000000 + i;
  start.sp = stack_base - 0x100;
  machine.set_cpu(start);
  machine.shadow.clear();
  machine.call(function, {{argument}});
}

void run_image(const std::filesystem::path& path, Counts& counts) {
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto image = pe::Image::from_file(file->bytes());
  ASSERT_TRUE(image) << image.error().text();
  const OneModule code(*image);
  const std::vector<std::uint8_t> pages = loaded(*image);
  Arm64Machine machine;
  machine.map(image->preferred_base(), pages.size());
  machine.write(image->preferred_base(), pages);
  machine.map(stack_base - stack_size, stack_size);
  const auto functions = exported(*image);
  ASSERT_GT(functions.size(), 60u);
  for (const std::uint64_t function : functions) {
    for (const std::uint64_t argument : {1ull, 2ull, 7ull, 1000ull}) {
      std::string failure;
      machine.before_instruction = [&](std::uint64_t) {
        failure = walk(code, machine, counts);
        return !failure.empty();
      };
      ASSERT_NO_THROW(call(machine, function, argument)) << fmt::format("{:#x}", function);
      ASSERT_EQ(failure, "") << fmt::format("in the call of {:#x}", function);
      ++counts.runs;
    }
  }
}

TEST(Arm64Steps, EveryExecutedInstructionUnwindsToItsCallers) {
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(linker, "lld-link-19");
  const Arm64Images images;
  Counts all;
  std::vector<std::filesystem::path> paths = images.shapes();
  paths.push_back(images.canonical());
  for (const std::filesystem::path& path : paths) {
    SCOPED_TRACE(path.filename().string());
    Counts counts;
    run_image(path, counts);
    if (HasFailure()) return;
    std::cout << fmt::format(
        "{}: {} runs, {} instructions at {} places ({} in leaves), {} steps, at most {} frames; LR "
        "signed at {}, {} steps through signed LRs\n",
        path.filename().string(), counts.runs, counts.instructions, counts.places.size(),
        counts.leaves, counts.steps, counts.deepest, counts.signed_registers, counts.signed_steps);
    all.instructions += counts.instructions;
    all.steps += counts.steps;
    all.leaves += counts.leaves;
    all.signed_registers += counts.signed_registers;
    all.signed_steps += counts.signed_steps;
  }
  std::cout << fmt::format("{} instructions, {} steps, all as executed\n", all.instructions,
                           all.steps);
  EXPECT_GT(all.leaves, 0u);
  EXPECT_GT(all.signed_registers, 0u);
  EXPECT_GT(all.signed_steps, 0u);
}

}  // namespace
}  // namespace ntstack::tests
