// Opening dumps: what it costs before the first question is asked.
#include <benchmark/benchmark.h>

#include "../tests/test_files.h"
#include "dump/dump.h"
#include "dump/dump_samples.h"

namespace {

using namespace ntstack;

void open_file(benchmark::State& state, const char* name) {
  const auto path = tests::data_dir() / name;
  if (!std::filesystem::exists(path)) {
    state.SkipWithError("not at hand");
    return;
  }
  for (auto _ : state) {
    auto dump = dump::open(path);
    benchmark::DoNotOptimize(dump);
  }
}

void parse_sample(benchmark::State& state) {
  const auto sample =
      dump::building::triage_sample(true, 0x8664, dump::building::TriageWriter::kernel);
  for (auto _ : state) {
    auto dump = dump::parse(dump::building::view(sample));
    benchmark::DoNotOptimize(dump);
  }
}

BENCHMARK_CAPTURE(open_file, triage_of_1_4_MB, "kernel/triage_x64_19041.dmp");
BENCHMARK_CAPTURE(open_file, triage_of_176_KB, "kernel/triage_x64_17763.dmp");
BENCHMARK_CAPTURE(open_file, minidump_of_58_modules, "electron/windows.dmp");
BENCHMARK(parse_sample);

}  // namespace
