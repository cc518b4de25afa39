// What hostile bytes cost in time: each fuzz target over its whole corpus, which has the inputs
// that fuzzing found to lead furthest. Seconds an input, and how much of an input goes through in a
// second; work that is counted (bytes allocated, steps) is bounded by fuzz_corpus, a test.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "replay_targets.h"

namespace {

using namespace ntstack::fuzz;
using Input = std::vector<std::uint8_t>;

std::vector<Input> corpus_of(std::string_view target) {
  const std::filesystem::path folder =
      std::filesystem::path(NTSTACK_SOURCE_DIR) / "fuzz" / "corpus" / target;
  std::vector<Input> inputs;
  if (!std::filesystem::is_directory(folder)) return inputs;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

void run_corpus(benchmark::State& state, const Target& target) {
  const std::vector<Input> inputs = corpus_of(target.name);
  std::size_t bytes = 0;
  for (const Input& input : inputs) bytes += input.size();
  for (auto _ : state)
    for (const Input& input : inputs) target.input(input.data(), input.size());
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
