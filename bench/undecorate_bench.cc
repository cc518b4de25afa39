// Names undecorated in a second, from the list by hand. "undecorate_bench --names < names"
// undecorates the lines of its input and prints them: what bench/undecorate_race.sh races.
#include <benchmark/benchmark.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "symbols/undecorate.h"

namespace {

std::vector<std::string> lines_of(std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void undecorate_all(benchmark::State& state, const std::vector<std::string>& names) {
  for (auto _ : state) {
    for (const std::string& name : names) {
      benchmark::DoNotOptimize(ntstack::symbols::undecorate(name));
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(names.size()));
}

void NamesByHand(benchmark::State& state) {
  std::ifstream in(NTSTACK_SOURCE_DIR "/tests/oracle_undecorate/names.txt");
  undecorate_all(state, lines_of(in));
}
BENCHMARK(NamesByHand);

void OneMember(benchmark::State& state) {
  undecorate_all(state, {"?KeWait@Thread@kernel@@QEAAJPEAVObject@2@W4Reason@2@_N@Z"});
}
BENCHMARK(OneMember);

void OneDeepTemplate(benchmark::State& state) {
  undecorate_all(
      state,
      {"?insert@?$map@V?$basic_string@DU?$char_traits@D@std@@V?$allocator@D@2@@std@@HU?$less@"
       "V?$basic_string@DU?$char_traits@D@std@@V?$allocator@D@2@@std@@@2@V?$allocator@U?$"
       "pair@$$CBV?$basic_string@DU?$char_traits@D@std@@V?$allocator@D@2@@std@@H@std@@@2@@"
       "std@@QEAAX$$QEAV12@@Z"});
}
BENCHMARK(OneDeepTemplate);

int undecorate_input() {
  std::string out;
  for (const std::string& name : lines_of(std::cin)) {
    out += name;
    out += '\n';
    out += ntstack::symbols::undecorate(name);
    out += "\n\n";
  }
  std::cout << out;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--names") == 0) return undecorate_input();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
