// Dumps of 64 GB of physical memory, sparse on the disk: what opening them costs, in time and in
// private memory, and one look-up of a page. They are to stay below 5 ms, 10 MB and 50 ns.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "dump/dump.h"
#include "dump/physical_builder.h"

namespace {

using namespace ntstack;
using dump::building::Data;

constexpr std::uint64_t pages_of_64_gb = std::uint64_t{16} << 20;

// Which pages are there: runs and noise, about half of them, as kernel dumps of large machines.
Data half_of_the_bits() {
  std::mt19937_64 random(64);
  Data bits(pages_of_64_gb / 8);
  for (std::size_t at = 0; at < bits.size();) {
    const std::uint64_t kind = random() % 3;
    for (std::uint64_t left = random() % 512 + 1; left != 0 && at < bits.size(); --left, ++at) {
      bits[at] = static_cast<std::byte>(kind == 0 ? 0 : kind == 1 ? 0xff : random());
    }
  }
  return bits;
}

struct Sparse {
  std::filesystem::path path;
  explicit Sparse(const char* name) : path(std::filesystem::temp_directory_path() / name) {}
  ~Sparse() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;
};

void write_sparse(const std::filesystem::path& path, const Data& head, std::uint64_t pages) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(head.data()), static_cast<std::streamsize>(head.size()));
  std::filesystem::resize_file(path, head.size() + pages * 0x1000);
}

dump::building::File header_of(std::uint32_t type) {
  dump::building::TriageBuilder header;
  header.dump_type = type;
  dump::building::File file;
  file.fill_unset(0, 0x2000);
  header.put_header(file);
  return file;
}

const Sparse& bitmap_dump() {
  static const Sparse made("ntstack_bench_bitmap.dmp");
  if (!std::filesystem::exists(made.path)) {
    const Data bits = half_of_the_bits();
    std::uint64_t set = 0;
    for (const std::byte byte : bits)
      set += static_cast<std::uint64_t>(std::popcount(std::to_integer<unsigned>(byte)));
    dump::building::File file = header_of(5);
    file.text(0x2000, "FDMPDUMP");
    file.bytes(0x2038, dump::building::view(bits));
    file.align(0x1000);
    file.put64(0x2020, file.size());
    file.put64(0x2028, set);
    file.put64(0x2030, pages_of_64_gb);
    write_sparse(made.path, file.take(), set);
  }
  return made;
}

// 200,000 ranges, as many as a machine that ran for long has.
const Sparse& rdmp_dump() {
  static const Sparse made("ntstack_bench_rdmp.dmp");
  if (!std::filesystem::exists(made.path)) {
    constexpr std::uint64_t ranges = 200'000, size = 40;
    dump::building::File file = header_of(9);
    file.text(0x2004, "RDMPDUMP");
    for (std::uint64_t i = 0; i < ranges; ++i) {
      file.put64(0x2030 + i * 16, 1 + i * 83);
      file.put64(0x2038 + i * 16, size);
    }
    file.put64(file.size() + 8, 0);
    file.align(0x1000);
    file.put64(0x2010, file.size() - 0x2020);
    file.put64(0x2018, file.size());
    write_sparse(made.path, file.take(), ranges * size);
  }
  return made;
}

// This process's own bytes, not those of mapped files; 0 where the system does not tell.
std::uint64_t own_bytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Anonymous:")) return std::stoull(line.substr(line.find(':') + 1)) * 1024;
  }
  return 0;
}

void open_dump(benchmark::State& state, const Sparse& (*file)()) {
  const auto& path = file().path;
  malloc_trim(0);  // what making the file left behind would serve the dump
  const std::uint64_t before = own_bytes();
  auto kept = dump::open(path);
  if (!kept) {
    state.SkipWithError(kept.error().text().c_str());
    return;
  }
  state.counters["private_bytes"] = static_cast<double>(own_bytes() - before);
  for (auto _ : state) {
    auto dump = dump::open(path);
    benchmark::DoNotOptimize(dump);
  }
}

void look_up(benchmark::State& state, const Sparse& (*file)()) {
  const auto dump = dump::open(file().path);
  if (!dump) {
    state.SkipWithError(dump.error().text().c_str());
    return;
  }
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> addresses(4096);
  for (std::uint64_t& address : addresses) address = random() % pages_of_64_gb * 0x1000 + 0x123;
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(dump->physical->view(addresses[at++ % addresses.size()], 8));
  }
}

BENCHMARK_CAPTURE(open_dump, bitmap_64_gb, bitmap_dump)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(open_dump, rdmp_200000_ranges, rdmp_dump)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(look_up, bitmap_64_gb, bitmap_dump);
BENCHMARK_CAPTURE(look_up, rdmp_200000_ranges, rdmp_dump);

}  // namespace
