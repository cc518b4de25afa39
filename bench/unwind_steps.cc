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
#include "bench/function_middles.h"
#include "pe/image.h"
#include "unwind/x64.h"
#include "unwind/x64_cache.h"

using namespace ntstack;
namespace x64 = unwind::x64;
using bench::kBase, bench::kStack;

namespace {

constexpr std::size_t kPlaces = 256, kRounds = 41, kPasses = 100;

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
  const bench::OneModule code(*image);
  std::vector<std::uint64_t> words(0x20000);
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = kBase + 0x1000 + i * 16;
  const base::SegmentSource memory({{kStack, base::Bytes(std::as_bytes(std::span(words)))}});
  const auto places = bench::function_middles(code.functions(), kPlaces,
                                              [](const x64::Registers&) { return true; });
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
