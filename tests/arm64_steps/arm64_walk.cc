#include "arm64_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "world/image_map.h"

namespace ntstack::tests {
namespace {

namespace arm64 = unwind::arm64;
using world::Arm64Cpu;

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

std::vector<std::uint8_t> loaded(const pe::Image& image) {
  std::vector<std::uint8_t> pages(image.size_of_image());
  for (std::uint32_t rva = 0; rva < pages.size(); rva += 0x1000) {
    static_cast<void>(
        image.read(rva, std::as_writable_bytes(std::span(pages))
                            .subspan(rva, std::min<std::size_t>(0x1000, pages.size() - rva))));
  }
  return pages;
}

}  // namespace

void WalkCounts::add(const WalkCounts& other) {
  runs += other.runs;
  instructions += other.instructions;
  steps += other.steps;
  signed_registers += other.signed_registers;
  signed_steps += other.signed_steps;
  leaves += other.leaves;
  deepest = std::max(deepest, other.deepest);
}

EmulatedImage::EmulatedImage(const std::filesystem::path& path) {
  auto file = base::MappedFile::open(path);
  if (!file) throw std::runtime_error(file.error().text());
  file_ = std::make_unique<base::MappedFile>(std::move(*file));
  auto image = pe::Image::from_file(file_->bytes());
  if (!image) throw std::runtime_error(image.error().text());
  image_ = std::make_unique<pe::Image>(std::move(*image));
  code_ = std::make_unique<OneModule>(*image_);
  const std::vector<std::uint8_t> pages = loaded(*image_);
  machine_.map(image_->preferred_base(), pages.size());
  machine_.write(image_->preferred_base(), pages);
  machine_.map(stack_base - stack_size, stack_size);
}

bool EmulatedImage::is_intact(std::uint64_t address) const {
  const auto place = static_cast<std::uint32_t>(address - image_->preferred_base());
  return image_->get<std::uint32_t>(place) == machine_.get<std::uint32_t>(address);
}

void EmulatedImage::call(std::uint64_t function, std::span<const std::uint64_t> arguments) {
  Arm64Cpu start;
  for (unsigned i = 0; i < 31; ++i) start.x[i] = 0x1111000000000000 + i;
  start.sp = stack_base - 0x1000;
  machine_.set_cpu(start);
  machine_.shadow.clear();
  machine_.call(function, arguments);
}

std::string EmulatedImage::walk(WalkCounts& counts) {
  const Arm64Cpu cpu = machine_.cpu();
  arm64::Registers registers{cpu.x, cpu.sp, cpu.pc, 0x7fffffff};
  counts.signed_registers += cpu.x[30] != arm64::without_pac(cpu.x[30]);
  const auto place = static_cast<std::uint32_t>(cpu.pc - code_->module().base);
  counts.leaves += !code_->functions().find(place);
  counts.places.insert(place);
  ++counts.instructions;
  bool is_call_site = false;
  const auto& shadow = machine_.shadow;
  const world::MachineMemory memory(machine_);
  counts.deepest = std::max(counts.deepest, shadow.size());
  for (std::size_t left = shadow.size(); left-- > 0;) {
    const auto step = arm64::step(*code_, memory, registers, is_call_site);
    const std::string where =
        fmt::format("at {:#x}, {} frames out: ", cpu.pc, shadow.size() - 1 - left);
    if (arm64::step(*code_, memory, registers, is_call_site, &cache_) != step)
      return where + "another result with the cache";
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

}  // namespace ntstack::tests
