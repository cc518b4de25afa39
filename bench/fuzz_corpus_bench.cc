// What hostile bytes cost in time: each fuzz target over its whole corpus, which has the inputs
// that fuzzing found to lead furthest. Milliseconds for the corpus, inputs and bytes a second; work
// that is counted (bytes allocated, steps) is bounded by fuzz_corpus, a test.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "corpus_files.h"
#include "replay_targets.h"

namespace {

using namespace ntstack::fuzz;

void run_corpus(benchmark::State& state, const Target& target) {
  const auto inputs =
      corpus_of(std::filesystem::path(NTSTACK_SOURCE_DIR) / "fuzz" / "corpus" / target.name);
  std::size_t bytes = 0;
  for (const auto& [path, input] : inputs) bytes += input.size();
  for (auto _ : state)
    for (const auto& [path, input] : inputs) target.input(input.data(), input.size());
  const auto rounds = static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(rounds * static_cast<std::int64_t>(inputs.size()));
  state.SetBytesProcessed(rounds * static_cast<std::int64_t>(bytes));
}

const bool registered = [] {
  for (const Target& target : targets())
    benchmark::RegisterBenchmark(std::string(target.name).c_str(), run_corpus, target)
        ->Unit(benchmark::kMillisecond);
  return true;
}();

}  // namespace
