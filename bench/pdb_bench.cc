// What it costs to open a large PDB and to name addresses in it: cold (opening and first look-ups
// included) and warm. NTSTACK_BIG_PDB names the file; make_big_pdb.py makes one.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <random>
#include <vector>

#if defined(__unix__)
#include <sys/resource.h>
#endif

#include "base/mapped_file.h"
#include "pdb/dbi.h"
#include "pdb/msf.h"
#include "pdb/pdb.h"

namespace {

using namespace ntstack;

constexpr std::size_t kAddresses = 20000;

const base::MappedFile* big_pdb(benchmark::State& state) {
  static const auto file = [] {
    const char* path = std::getenv("NTSTACK_BIG_PDB");
    return base::MappedFile::open(path ? path : "");
  }();
  if (!file) state.SkipWithError("set NTSTACK_BIG_PDB to a PDB of make_big_pdb.py");
  return file ? &*file : nullptr;
}

// Anywhere in the first section.
std::vector<std::uint32_t> addresses_in(base::Bytes file) {
  const auto msf = pdb::Msf::open(file);
  const auto dbi = pdb::read_dbi(msf->stream(3)->bytes());
  const auto sections = msf->stream(dbi->stream_of(pdb::DebugStream::section_headers));
  const auto size = sections->get<std::uint32_t>(8).value_or(1);
  const auto rva = sections->get<std::uint32_t>(12).value_or(0);
  std::mt19937 random(7);
  std::vector<std::uint32_t> addresses(kAddresses);
  for (std::uint32_t& each : addresses) each = rva + random() % size;
  return addresses;
}

void report_memory(benchmark::State& state) {
#if defined(__unix__)
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  state.counters["peak_rss_mb"] = static_cast<double>(usage.ru_maxrss) / 1024;
#endif
}

void open_pdb(benchmark::State& state) {
  const auto* file = big_pdb(state);
  if (!file) return;
  for (auto _ : state) benchmark::DoNotOptimize(pdb::Pdb::open(file->bytes()));
  report_memory(state);
}
BENCHMARK(open_pdb);

void open_and_name_20000_addresses(benchmark::State& state) {
  const auto* file = big_pdb(state);
  if (!file) return;
  const auto addresses = addresses_in(file->bytes());
  std::size_t functions = 0, lines = 0;
  for (auto _ : state) {
    const auto pdb = pdb::Pdb::open(file->bytes());
    for (const std::uint32_t rva : addresses) {
      functions += pdb->function_at(rva).has_value();
      lines += pdb->line_at(rva).has_value();
    }
  }
  state.counters["functions"] = static_cast<double>(functions / state.iterations());
  state.counters["lines"] = static_cast<double>(lines / state.iterations());
  report_memory(state);
}
BENCHMARK(open_and_name_20000_addresses)->Unit(benchmark::kMillisecond);

template <class LookUp>
void warm(benchmark::State& state, LookUp look_up) {
  const auto* file = big_pdb(state);
  if (!file) return;
  const auto addresses = addresses_in(file->bytes());
  const auto pdb = pdb::Pdb::open(file->bytes());
  for (const std::uint32_t rva : addresses) look_up(*pdb, rva);
  std::size_t next = 0;
  for (auto _ : state) {
    look_up(*pdb, addresses[next]);
    next = (next + 1) % addresses.size();
  }
}

void function_at(benchmark::State& state) {
  warm(state, [](const pdb::Pdb& pdb, std::uint32_t rva) {
    benchmark::DoNotOptimize(pdb.function_at(rva));
  });
}
BENCHMARK(function_at);

void line_at(benchmark::State& state) {
  warm(state,
       [](const pdb::Pdb& pdb, std::uint32_t rva) { benchmark::DoNotOptimize(pdb.line_at(rva)); });
}
BENCHMARK(line_at);

void inlined_at(benchmark::State& state) {
  warm(state, [](const pdb::Pdb& pdb, std::uint32_t rva) {
    benchmark::DoNotOptimize(pdb.inlined_at(rva, nullptr));
  });
}
BENCHMARK(inlined_at);

void rva_of(benchmark::State& state) {
  warm(state, [](const pdb::Pdb& pdb, std::uint32_t rva) {
    if (const auto function = pdb.function_at(rva))
      benchmark::DoNotOptimize(pdb.rva_of(function->name));
  });
}
BENCHMARK(rva_of);

}  // namespace
