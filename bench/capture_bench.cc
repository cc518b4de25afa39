// What a capture costs besides the system's own calls: planning dumps for many threads, and
// capture.json. The kernel here is sizes alone: each thread takes 8 to 32 KB of 776 KB.
#include <benchmark/benchmark.h>

#include "capture/triage_batches.h"
#include "dump/bundle.h"

namespace {

using namespace ntstack;

constexpr std::size_t kRoom = 776 << 10;  // 4 processors, Windows 10 2004

std::size_t size_of(std::size_t thread) { return (8 << 10) + thread * 7919 % (24 << 10); }

capture::TriageContents dump_of(std::span<const std::size_t> asked) {
  capture::TriageContents contents;
  contents.has_list = true;
  contents.thread_room = contents.left = kRoom;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    capture::ThreadInDump thread;
    const bool fits = size_of(asked[i]) <= contents.left;
    thread.status = fits ? 0 : 0xc000009a;
    thread.capture = target::capture_of(*thread.status);
    if (fits) {
      thread.object = 0xfffffa8000000000;
      thread.stack = capture::StackBytes::whole;
      thread.bytes = thread.needs = size_of(asked[i]);
      contents.left -= thread.bytes;
      if (contents.first == SIZE_MAX) contents.first = i;
    }
    contents.threads.push_back(thread);
    if (fits) continue;
    for (++i; i < asked.size(); ++i) {
      thread.status = 0xc0000001;
      thread.capture = target::capture_of(*thread.status);
      contents.threads.push_back(thread);
    }
  }
  return contents;
}

// Nanoseconds a thread; "calls" over what all bytes would need without a gap.
void plan(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  std::size_t calls = 0, bytes = 0;
  for (std::size_t i = 0; i < threads; ++i) bytes += size_of(i);
  for (auto _ : state) {
    capture::BatchLimits limits;
    limits.processors = 4;
    limits.build = 19041;
    capture::TriageBatches batches(threads, limits);
    calls = 0;
    while (const std::size_t count = batches.size_of_next()) {
      const auto asked = batches.take(count);
      batches.learn(asked, dump_of(asked));
      ++calls;
    }
  }
  state.counters["calls_over_least"] =
      static_cast<double>(calls) * kRoom / static_cast<double>(bytes);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(plan)->Arg(300)->Arg(5'000)->Arg(50'000);

void read_bundle(benchmark::State& state) {
  dump::Bundle bundle;
  bundle.threads.resize(static_cast<std::size_t>(state.range(0)));
  for (dump::BundleThread& thread : bundle.threads) {
    thread.state = "Waiting";
    thread.wait_reason = "WrResource";
    thread.outcome = "captured";
    thread.file = "w3wp.exe_261128_092452.Kernel.dmp";
  }
  const std::string json = dump::bundle_json(bundle);
  for (auto _ : state) benchmark::DoNotOptimize(dump::parse_bundle(base::Bytes::of(json)));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(read_bundle)->Arg(300)->Arg(5'000);

}  // namespace
