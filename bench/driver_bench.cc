// What a call of the driver costs besides the kernel's own work: its core over a kernel in which
// every APC runs at once, threads with 64 frames and 24 KB of stack; and the client's reading of
// the answer.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <cstring>

#include "capture/driver_client.h"
#include "driver/core/dispatch.h"
#include "driver/tests/instant_kernel.h"

namespace {

using namespace ntstack;

constexpr std::uint32_t kFrames = 64, kStackBytes = 24 << 10;
constexpr std::size_t kStack = 32 << 10;

struct Call {
  explicit Call(std::size_t count)
      : stack(static_cast<std::byte*>(std::aligned_alloc(0x1000, kStack))) {
    std::memset(stack, 0, kStack);
    driver::tests::InstantThread thread;
    const std::uint64_t end = reinterpret_cast<std::uintptr_t>(stack) + kStack;
    thread.limits = {end - kStack, end};
    thread.registers.sp = end - kStackBytes;
    thread.frames.assign(kFrames, 0xfffff80000001000);
    driver::tests::instant_kernel.threads.assign(count, thread);
    for (capture::Handle handle = 1; handle <= count; ++handle) handles.push_back(handle);
    request.threads = handles;
    request.frames_to_capture = kFrames;
    request.stack_bytes = kStackBytes;
    in = request.bytes();
    buffer.resize(request.room());
  }
  ~Call() { std::free(stack); }

  std::size_t ask() {
    std::memcpy(buffer.data(), in.data(), in.size());
    std::uint64_t irp = 0;
    return driver::control(driver::kControlCapture,
                           {buffer.data(), static_cast<std::uint32_t>(in.size()),
                            static_cast<std::uint32_t>(buffer.size())},
                           reinterpret_cast<driver::Irp&>(irp), {})
        .bytes;
  }

  std::byte* stack;
  std::vector<capture::Handle> handles;
  capture::DriverRequest request;
  std::vector<std::byte> in, buffer;
};

void capture_call(benchmark::State& state) {
  Call call(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(call.ask());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(capture_call)->Arg(1)->Arg(64)->Arg(512);

void read_answer(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Call call(count);
  const std::size_t size = call.ask();
  const auto answer = std::span<const std::byte>(call.buffer).first(size);
  for (auto _ : state) {
    const auto read = capture::read_driver_answer(base::Bytes(answer), count);
    if (!read) state.SkipWithError("not read");
    benchmark::DoNotOptimize(read);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(read_answer)->Arg(1)->Arg(64)->Arg(512);

}  // namespace
