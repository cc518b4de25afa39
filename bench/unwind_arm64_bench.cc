// One step on ARM64, over a real program's calls: with its rule in the cache, and by undoing the
// unwind codes each time.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "pe/image.h"
#include "test_files.h"
#include "unwind/arm64.h"
#include "unwind/arm64_cache.h"

namespace ntstack::unwind {
namespace {

constexpr std::uint64_t kBase = 0xfffff80000000000;
constexpr std::uint64_t kStack = 0xffffa00000000000;
constexpr std::size_t kFrames = 256;

class OneModule : public CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{kBase, image.size_of_image(), &image, pe::arm64::FunctionTable(image)} {}
  const Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  const pe::arm64::FunctionTable& functions() const {
    return std::get<pe::arm64::FunctionTable>(module_.functions);
  }

 private:
  Module module_;
};

// A program, and frames behind the first call of each of its functions.
struct Program {
  base::MappedFile file;
  pe::Image image;
  OneModule code{image};
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(0x20000, kBase + 0x1234);
  base::SegmentSource memory{{{kStack, base::Bytes(std::as_bytes(std::span(words)))}}};
  std::vector<arm64::Registers> frames;

  Program(base::MappedFile mapped, pe::Image read)
      : file(std::move(mapped)), image(std::move(read)) {
    const pe::arm64::FunctionTable& functions = code.functions();
    // Far apart, as the functions of a stack are.
    for (std::size_t i = 0; i < functions.size() && frames.size() < kFrames; i += 7) {
      const auto function = functions.at(i);
      if (!function) continue;
      const std::uint32_t length = pe::arm64::length_of(image, *function).value_or(0);
      for (std::uint32_t rva = function->begin; rva < function->begin + length; rva += 4) {
        if ((image.get<std::uint32_t>(rva).value_or(0) & 0xfc000000) != 0x94000000) continue;
        add(rva + 4);
        break;
      }
    }
  }
  void add(std::uint32_t rva) {
    arm64::Registers registers;
    registers.x.fill(kStack + 0x80000);
    registers.sp = kStack + 0x40000;
    registers.known = arm64::kKeptByCalls;
    registers.pc = kBase + rva;
    if (arm64::step(code, memory, registers, true)) frames.push_back(registers);
  }
  static std::unique_ptr<Program> open() {
    auto file = base::MappedFile::open(tests::node_pty_arm64() / "conpty" / "OpenConsole.exe");
    if (!file) return nullptr;
    auto image = pe::Image::from_file(file->bytes());
    if (!image) return nullptr;
    return std::make_unique<Program>(std::move(*file), std::move(*image));
  }
};

void run_steps(benchmark::State& state, arm64::RuleCache* cache) {
  const auto program = Program::open();
  if (!program || program->frames.empty())
    return state.SkipWithError("the ARM64 program is not at hand");
  std::size_t steps = 0;
  for (auto _ : state) {
    for (const arm64::Registers& registers : program->frames)
      benchmark::DoNotOptimize(arm64::step(program->code, program->memory, registers, true, cache));
    steps += program->frames.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(steps));
  state.counters["ns_per_frame"] = benchmark::Counter(
      static_cast<double>(steps) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  if (cache) {
    const auto all = static_cast<double>(cache->hits() + cache->misses());
    state.counters["hits"] = static_cast<double>(cache->hits()) / all;
  }
}

void WarmArm64Step(benchmark::State& state) {
  arm64::RuleCache cache;
  run_steps(state, &cache);
}
BENCHMARK(WarmArm64Step);

void ColdArm64Step(benchmark::State& state) { run_steps(state, nullptr); }
BENCHMARK(ColdArm64Step);

}  // namespace
}  // namespace ntstack::unwind
