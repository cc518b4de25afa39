// One step on x64, over a real driver: with its rule in the cache, and from the unwind data each
// time.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "pe/image.h"
#include "unwind/scan.h"
#include "unwind/x64.h"
#include "unwind/x64_cache.h"

namespace ntstack::unwind {
namespace {

constexpr std::uint64_t kBase = 0xfffff80000000000;
constexpr std::uint64_t kStack = 0xffffa00000000000;

class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{kBase, image.size_of_image(), &image, pe::x64::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }

 private:
  unwind::Module module_;
};

// A driver, and frames in the middle of its functions.
struct Driver {
  base::MappedFile file;
  pe::Image image;
  OneModule code{image};
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(0x20000, kBase + 0x1234);
  base::SegmentSource memory{{{kStack, base::Bytes(std::as_bytes(std::span(words)))}}};
  std::vector<x64::Registers> frames;

  Driver(base::MappedFile mapped, pe::Image read)
      : file(std::move(mapped)), image(std::move(read)) {
    const auto& functions = std::get<pe::x64::FunctionTable>(code.find(kBase)->functions);
    for (std::size_t i = 0; i < functions.size() && frames.size() < 256; ++i) {
      const auto function = functions.at(i);
      if (!function || function->end - function->begin < 64) continue;
      x64::Registers registers;
      registers.gpr.fill(kStack + 0x80000);
      registers.gpr[x64::rsp] = kStack + 0x40000;
      registers.known = 0xffff;
      registers.rip = kBase + (function->begin + function->end) / 2;
      if (x64::step(code, memory, registers, true)) frames.push_back(registers);
    }
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
