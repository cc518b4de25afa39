// One step on x64, over a real driver: with its rule in the cache, and from the unwind data each
// time.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "bench/function_middles.h"
#include "pe/image.h"
#include "unwind/scan.h"
#include "unwind/x64.h"
#include "unwind/x64_cache.h"

namespace ntstack::unwind {
namespace {

using bench::kBase, bench::kStack;

// A driver, and frames in the middle of its functions.
struct Driver {
  base::MappedFile file;
  pe::Image image;
  bench::OneModule code{image};
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(0x20000, kBase + 0x1234);
  base::SegmentSource memory{{{kStack, base::Bytes(std::as_bytes(std::span(words)))}}};
  std::vector<x64::Registers> frames;

  Driver(base::MappedFile mapped, pe::Image read)
      : file(std::move(mapped)), image(std::move(read)) {
    frames = bench::function_middles(code.functions(), 256, [&](const x64::Registers& registers) {
      return x64::step(code, memory, registers, true).has_value();
    });
  }
  static std::unique_ptr<Driver> open() {
    auto file = base::MappedFile::open(NTSTACK_SOURCE_DIR
                                       "/../shared/data/systeminformer_x64/systeminformer.sys");
    if (!file) return nullptr;
    auto image = pe::Image::from_file(file->bytes());
    if (!image) return nullptr;
    return std::make_unique<Driver>(std::move(*file), std::move(*image));
  }
};

void run_steps(benchmark::State& state, x64::RuleCache* cache) {
  const auto driver = Driver::open();
  if (!driver || driver->frames.empty()) return state.SkipWithError("the driver is not at hand");
  std::size_t steps = 0;
  for (auto _ : state) {
    for (const x64::Registers& registers : driver->frames)
      benchmark::DoNotOptimize(x64::step(driver->code, driver->memory, registers, true, cache));
    steps += driver->frames.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(steps));
  state.counters["ns_per_frame"] = benchmark::Counter(
      static_cast<double>(steps) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (cache) {
    const auto all = static_cast<double>(cache->hits() + cache->misses());
    state.counters["hits"] = static_cast<double>(cache->hits()) / all;
  }
}

void WarmStep(benchmark::State& state) {
  x64::RuleCache cache;
  run_steps(state, &cache);
}
BENCHMARK(WarmStep);

void ColdStep(benchmark::State& state) { run_steps(state, nullptr); }
BENCHMARK(ColdStep);

// A mebibyte of stack in which no value is a return address.
void Scan(benchmark::State& state) {
  const auto driver = Driver::open();
  if (!driver) return state.SkipWithError("the driver is not at hand");
  for (auto _ : state) {
    benchmark::DoNotOptimize(scan(driver->code, driver->memory, base::Architecture::x64, kStack,
                                  kStack + driver->words.size() * 8));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 0x100000);
}
BENCHMARK(Scan);

}  // namespace
}  // namespace ntstack::unwind
