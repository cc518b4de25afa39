// Runs every fuzz target on its corpus, without a fuzzer: what was found once stays mended, and no
// input is more work than its size allows.
//   fuzz_replay CORPUS              all of CORPUS/TARGET/*; fails where an input is too much work
//   fuzz_replay CORPUS --only NAME  of one target
//   fuzz_replay CORPUS --figures    a line for each target: inputs, bytes, work, inputs a second
//   fuzz_replay CORPUS --mutators   mutators of our own keep what the parsers' doors ask for
//   fuzz_replay --greedy            a target that allocates without end: it must be told
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corpus_files.h"
#include "replay_targets.h"
#include "work_counter.h"
#include "work_limits.h"

namespace {

using namespace ntstack::fuzz;
using Input = CorpusInput;

// Named where a target ends the program.
char current_input[4096];

void say_input(int number) {
  std::fprintf(stderr, "signal %d in %s\n", number, current_input);
  std::signal(number, SIG_DFL);
  std::raise(number);
}

struct Cost {
  std::size_t size = 0;
  Work work;
  double seconds = 0;
};

Cost run(const Target& target, const Input& input) {
  // As libFuzzer gives it: a copy that ends where the input does.
  const auto copy = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), copy.get());
  const auto began = std::chrono::steady_clock::now();
  const Work before = work_so_far();
  target.input(copy.get(), input.size());
  const Work after = work_so_far();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return {input.size(), {after.bytes - before.bytes, after.steps - before.steps}, took.count()};
}

// Empty where the cost is within the target's limit.
std::string complaint(const Target& target, const Cost& cost) {
  const WorkLimit limit = limit_of(target.name);
  const auto over = [&](std::uint64_t is, std::uint64_t most, const char* what) {
    return std::string(target.name) + ": " + std::to_string(is) + " " + what + " for an input of " +
           std::to_string(cost.size) + " bytes, more than " + std::to_string(most);
  };
  if (const std::uint64_t most = limit.bytes(cost.size); cost.work.bytes > most)
    return over(cost.work.bytes, most, "bytes allocated");
  if (const std::uint64_t most = limit.steps(cost.size); cost.work.steps > most)
    return over(cost.work.steps, most, "steps");
  return "";
}

void set_current(const std::string& path) {
  std::snprintf(current_input, sizeof current_input, "%s", path.c_str());
}

bool replay(const Target& target, const std::filesystem::path& corpus, bool wants_figures) {
  const auto files = corpus_of(corpus / target.name);
  bool is_sound = true;
  std::uint64_t bytes = 0, most_bytes = 0, most_steps = 0;
  double share_bytes = 0, share_steps = 0, seconds = 0;
  bool is_first = true;
  for (const auto& [path, input] : files) {
    set_current(path);
    if (std::exchange(is_first, false)) run(target, input);  // what is made once for all inputs
    const Cost cost = run(target, input);
    if (const std::string wrong = complaint(target, cost); !wrong.empty()) {
      std::printf("%s\n  %s\n", wrong.c_str(), path.c_str());
      is_sound = false;
    }
    const WorkLimit limit = limit_of(target.name);
    const auto share = [](std::uint64_t is, std::uint64_t most) {
      return static_cast<double>(is) / static_cast<double>(most);
    };
    bytes += input.size();
    seconds += cost.seconds;
    most_bytes = std::max(most_bytes, cost.work.bytes);
    most_steps = std::max(most_steps, cost.work.steps);
    share_bytes = std::max(share_bytes, share(cost.work.bytes, limit.bytes(input.size())));
    share_steps = std::max(share_steps, share(cost.work.steps, limit.steps(input.size())));
  }
  if (wants_figures)
    std::printf(
        "%-18.*s %4zu inputs %8llu bytes; most allocated %10llu (%3.0f %% of its limit), most "
        "steps "
        "%10llu (%3.0f %%); %9.0f inputs/s\n",
        static_cast<int>(target.name.size()), target.name.data(), files.size(),
        static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(most_bytes),
        share_bytes * 100, static_cast<unsigned long long>(most_steps), share_steps * 100,
        seconds > 0 ? static_cast<double>(files.size()) / seconds : 0);
  if (files.empty()) std::printf("%s: no seeds\n", std::string(target.name).c_str());
  return is_sound && !files.empty();
}

// At least three of four mutations, one upon another, still come through the door.
bool try_mutator(const Target& target, const std::filesystem::path& corpus) {
  constexpr std::size_t kMost = 1 << 16;
  std::size_t tried = 0, passed = 0;
  for (const auto& [path, input] : corpus_of(corpus / target.name)) {
    if (input.size() > kMost || !target.door(input.data(), input.size())) continue;
    set_current(path);
    Input mutated = input;
    for (unsigned seed = 1; seed <= 20; ++seed) {
      const std::size_t size = mutated.size();
      mutated.resize(kMost);
      mutated.resize(target.mutator(mutated.data(), size, kMost, seed));
      ++tried;
      if (target.door(mutated.data(), mutated.size())) {
        ++passed;
      } else {
        mutated = input;
      }
    }
  }
  std::printf("%s: %zu of %zu mutations come through the door\n", std::string(target.name).c_str(),
              passed, tried);
  return tried != 0 && passed * 4 >= tried * 3;
}

int greedy(const std::uint8_t* data, std::size_t size) {
  std::vector<std::vector<std::uint8_t>> kept;
  for (std::size_t i = 0; i < size; ++i) kept.emplace_back(data, data + size);
  return 0;
}

bool try_greedy() {
  const Target target{"greedy", greedy};
  const std::string small = complaint(target, run(target, Input(8)));
  const std::string large = complaint(target, run(target, Input(4000)));
  std::printf("%s\n%s\n", small.c_str(), large.c_str());
  return small.empty() && large.empty();
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  const auto has = [&](const char* word) { return std::ranges::find(words, word) != words.end(); };
  if (has("--greedy")) return try_greedy() ? 0 : 1;
  if (words.empty()) return 2;
  for (const int number : {SIGABRT, SIGSEGV, SIGILL, SIGTRAP, SIGFPE})
    std::signal(number, say_input);
  const auto only = std::ranges::find(words, "--only");
  bool is_sound = true;
  for (const Target& target : targets()) {
    if (only != words.end() && (only + 1 == words.end() || *(only + 1) != target.name)) continue;
    if (has("--mutators")) {
      if (target.mutator && target.door) is_sound = try_mutator(target, words[0]) && is_sound;
    } else {
      is_sound = replay(target, words[0], has("--figures")) && is_sound;
    }
  }
  return is_sound ? 0 : 1;
}
