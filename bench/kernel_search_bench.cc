// Finding the kernel in 16 GB of raw memory, sparse on the disk, whose container names nothing:
// with a processor's registers it is to take milliseconds, without below a second. The kernel is by
// hand: 300 MB of other things are mapped before it where images are looked for, KDBG is encoded.
#include <benchmark/benchmark.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "dump/dump.h"
#include "target/kernel/kernel.h"
#include "target/kernel/kernel_builder.h"

namespace {

using namespace ntstack;
using target::building::KernelBuilder;

constexpr std::uint64_t base = 0xfffff802'3a2b8000, interrupts = 0xfffff802'38c5b000;
constexpr std::uint64_t kdbg = base + KernelBuilder::data + 0x800;

void encode_kdbg(KernelBuilder& builder) {
  constexpr std::uint64_t never = 0x9d3f0c11a8b4e627, always = 0x00f3c1d27a55be90;
  for (std::uint64_t at = kdbg; at < kdbg + 0x380; at += 8) {
    std::uint64_t plain = 0;
    std::memcpy(&plain, &builder.bytes()[builder.page(at) + at % 0x1000], 8);
    const std::uint64_t mixed = __builtin_bswap64(plain ^ always) ^ (base + 0x2123);
    builder.write(at, std::rotr(mixed, static_cast<int>(never & 0x3f)) ^ never);
  }
}

struct Image {
  std::filesystem::path path = std::filesystem::temp_directory_path() / "ntstack_bench_raw.img";
  std::uint64_t root = 0;
  Image() {
    KernelBuilder builder(memory::Paging::x64);
    root = builder.root();
    builder.put_image(base, "ntoskrnl.exe", {{"NtBuildNumber", KernelBuilder::data + 0x40}});
    builder.write(base + KernelBuilder::data + 0x40, std::uint32_t{0xf0004a61});
    builder.put_module(base + KernelBuilder::data + 0x10, 0xffffe001'00000000, base);
    builder.put_interrupt_table(interrupts, base + 0x1080);
    builder.put_shared_user_data(10, 0, 19045);
    builder.put_kdbg(kdbg, base, 0x380);
    encode_kdbg(builder);
    const std::uint64_t other = builder.allocate();
    for (std::uint64_t i = 0; i < 300 << 8; ++i)
      builder.map(0xfffff801'00000000 + (i << 12), other);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(builder.bytes().data()),
               static_cast<std::streamsize>(builder.bytes().size()));
    std::filesystem::resize_file(path, std::uint64_t{16} << 30);
  }
  ~Image() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
};

void find_kernel(benchmark::State& state, bool with_registers) {
  static const Image image;
  for (auto _ : state) {
    auto dump = dump::open(image.path);
    if (!dump) return state.SkipWithError(dump.error().text().c_str());
    if (with_registers) {
      dump->processors.resize(1);
      dump->processors[0].cr3 = image.root;
      dump->processors[0].idt_base = interrupts;
    }
    const target::Kernel kernel(*dump);
    if (!kernel.kdbg() || kernel.build() != 19041) return state.SkipWithError("not found");
  }
}

BENCHMARK_CAPTURE(find_kernel, raw_16_gb, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(find_kernel, raw_16_gb_with_registers, true)->Unit(benchmark::kMillisecond);

}  // namespace
