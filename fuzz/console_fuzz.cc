// Any lines for the console over small dumps of every architecture: each command ends, whatever it
// is asked, and writes text that is safe for a terminal.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "app/session.h"
#include "console/console.h"
#include "dump/dump_samples.h"

using namespace ntstack;

namespace {

// A dump that is opened once: commands change nothing of it.
struct Opened {
  explicit Opened(std::vector<std::byte> file)
      : bytes(std::move(file)),
        session(app::Session::over(
            std::move(*dump::parse(base::Bytes(std::span<const std::byte>(bytes)))), options())),
        walker(session.machine(), session.symbolizer()) {}
  static app::DumpOptions options() {
    app::DumpOptions options;
    options.dump = "sample.dmp";
    options.symbol_path = "/nonexistent";
    return options;
  }

  std::vector<std::byte> bytes;
  app::Session session;
  stacks::Walker walker;
};

Opened& opened(unsigned which) {
  using dump::building::minidump_sample;
  using dump::building::triage_sample;
  using Writer = dump::building::TriageWriter;
  static Opened x64(triage_sample(true, 0x8664, Writer::kernel));
  static Opened x86(triage_sample(false, 0x14c, Writer::kernel));
  static Opened arm64(triage_sample(true, 0xaa64, Writer::kernel));
  static Opened user(minidump_sample(9, false));
  switch (which % 4) {
    case 0:
      return x64;
    case 1:
      return x86;
    case 2:
      return arm64;
    default:
      return user;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Opened& target = opened(data[0]);
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto check = [](std::string_view written) {
    for (const char c : written)
      if (c == '\x1b' || c == '\0' || c == '\r') std::abort();
  };
  console::Console console(
      {&target.session.machine(), &target.session.symbolizer(), &target.walker}, check);
  console.settings.most_bytes = console.settings.most_unlimited = 0x1000;
  console.settings.most_rounds = 0x40;
  while (!text.empty() && !console.is_over()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    console.run(text.substr(0, end));
    if (console.prompt().empty()) std::abort();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}
