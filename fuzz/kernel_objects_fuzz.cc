// Kernel objects in memory that is anything, as the console's commands read them: IRPs, threads,
// processes, locks, processors' blocks, trap frames, records of contexts and exceptions, lists. The
// first byte is the architecture; the rest is memory of a small dump.
#include <fmt/format.h>

#include "app/session.h"
#include "console/console.h"
#include "dump/dump_samples.h"
#include "input.h"

using namespace ntstack;

namespace {

constexpr std::size_t kMost = 0x3000;

// A dump of which one block is the input's: the parser has seen it with zeros there.
std::vector<std::byte> dump_with(base::Bytes memory, bool is_64_bit, std::uint32_t machine) {
  using namespace dump::building;
  TriageBuilder builder;
  builder.is_64_bit = is_64_bit;
  builder.machine = machine;
  builder.context = context_of(machine);
  const std::uint64_t high = is_64_bit ? 0xfffff80400000000 : 0x80000000;
  builder.prcb = builder.process = builder.thread = Data(0x40);
  builder.drivers = {{"\\SystemRoot\\system32\\ntoskrnl.exe", high + 0x100000, 0x1000, 1, 2}};
  builder.blocks = {{high, Data(memory.span().begin(), memory.span().end())}};
  return builder.build();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kMost) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t which = input.u8() % 3;
  const bool is_64_bit = which != 1;
  const std::uint64_t high = is_64_bit ? 0xfffff80400000000 : 0x80000000;
  const auto file = dump_with(input.rest(), is_64_bit,
                              which == 0   ? 0x8664
                              : which == 1 ? 0x14c
                                           : 0xaa64);
  auto dump = dump::parse(base::Bytes(std::span(file)));
  fuzz::require(dump.has_value());
  app::DumpOptions options;
  options.dump = "objects.dmp";
  options.symbol_path = "/nonexistent";
  auto session = app::Session::over(std::move(*dump), options);
  stacks::Walker walker(session.machine(), session.symbolizer());
  const auto check = [](std::string_view written) {
    for (const char c : written) fuzz::require(c != '\x1b' && c != '\0' && c != '\r');
  };
  console::Console console({&session.machine(), &session.symbolizer(), &walker}, check);
  console.settings.most_bytes = console.settings.most_unlimited = 0x1000;
  console.settings.most_rounds = 64;
  for (const char* command :
       {"!irp {:x}",     "!thread {:x}",   "!process {:x} 7",
        "!locks {:x}",   "!prcb {:x}",     "!pcr",
        ".trap {:x}; k", ".cxr {:x}; k",   ".exr {:x}",
        ".tss {:x}; k",  "dps {:x} L20",   "!list \"-x \\\"dp @$extret L1\\\" {:x}",
        "u {:x} L8",     "ub {:x}",        "uf {:x}",
        "du {:x}",       "da {:x}",        "k = {:x} {:x} 20",
        "!dpcs",         "!ready",         "!running",
        "!stacks",       "s -d {:x} L40 1"})
    console.run(fmt::format(fmt::runtime(command), high, high));
  return 0;
}
