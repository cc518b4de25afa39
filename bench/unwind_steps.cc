// One frame of x64 at places of an image, for the race with framehop (bench/rivals/rust), which has
// the same places, registers and stack: each slot of the stack has a value of its own, so that the
// caller tells where it was read.
//     unwind_steps IMAGE list      each place's RVA, and the caller's instruction and stack pointer
//     unwind_steps IMAGE cached    nanoseconds a frame, rules cached
//     unwind_steps IMAGE uncached  each from the unwind data
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "pe/image.h"
#include "unwind/x64.h"
#include "unwind/x64_cache.h"

using namespace ntstack;
namespace x64 = unwind::x64;

namespace {

constexpr std::uint64_t kBase = 0xfffff80000000000;
constexpr std::uint64_t kStack = 0xffffa00000000000;
constexpr std::size_t kPlaces = 256, kRounds = 41, kPasses = 100;

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

std::vector<x64::Registers> places_of(const pe::x64::FunctionTable& functions) {
  std::vector<x64::Registers> places;
  for (std::size_t i = 0; i < functions.size() && places.size() < kPlaces; ++i) {
    const auto function = functions.at(i);
    if (!function || function->end - function->begin < 64) continue;
    x64::Registers registers;
    registers.gpr.fill(kStack + 0x80000);
    registers.gpr[x64::rsp] = kStack + 0x40000;
    registers.known = 0xffff;
    registers.rip = kBase + (function->begin + function->end) / 2;
    places.push_back(registers);
  }
  return places;
}

// The median of many rounds, in nanoseconds a frame.
template <class Step>
double time_of(const std::vector<x64::Registers>& places, std::uint64_t& sum, Step step) {
  std::vector<double> times;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t pass = 0; pass < kPasses; ++pass)
      for (const x64::Registers& registers : places)
        if (const auto stepped = step(registers)) sum += stepped->caller.rip;
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - begin;
    times.push_back(taken.count() / kPasses / static_cast<double>(places.size()));
  }
  std::ranges::sort(times);
  return times[kRounds / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string_view mode = argv[2];
  const auto file = base::MappedFile::open(argv[1]);
  if (!file) return 1;
  const auto image = pe::Image::from_file(file->bytes());
  if (!image) return 1;
  const OneModule code(*image);
  std::vector<std::uint64_t> words(0x20000);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = kBase + 0x1000 + i * 16;
  const base::SegmentSource memory({{kStack, base::Bytes(std::as_bytes(std::span(words)))}});
  const auto places = places_of(code.functions());
  x64::RuleCache cache;
  if (mode == "list") {
    for (const x64::Registers& registers : places) {
      const auto stepped = x64::step(code, memory, registers, true, &cache);
      fmt::print("{:#x} ", registers.rip - kBase);
      if (stepped)
        fmt::print("{:#x} {:#x}\n", stepped->caller.rip, stepped->caller.gpr[x64::rsp]);
      else
        fmt::print("none\n");
    }
    return 0;
  }
  std::uint64_t sum = 0;
  x64::RuleCache* used = mode == "cached" ? &cache : nullptr;
  const double time = time_of(places, sum, [&](const x64::Registers& registers) {
    return x64::step(code, memory, registers, true, used);
  });
  fmt::print("{:.2f} {:x}\n", time, sum);
  return 0;
}
