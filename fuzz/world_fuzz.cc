// The world's dump with its images and PDBs, spoilt in a few places: what needs names and whole
// structures (waits, what functions were called with, accounts, the console's listings) is reached,
// which no small built dump does. An input is a list of changes, each a place and eight bytes.
#include <cstring>
#include <filesystem>

#include "app/session.h"
#include "base/mapped_file.h"
#include "console/console.h"
#include "input.h"
#include "whole_way/whole_way.h"

using namespace ntstack;

namespace {

const std::string kSamples = std::string(NTSTACK_SOURCE_DIR) + "/samples/";

std::vector<std::byte> bytes_of(const std::string& path) {
  const auto file = base::MappedFile::open(path);
  fuzz::require(file.has_value());
  const auto span = file->bytes().span();
  return {span.begin(), span.end()};
}

void spoil(std::vector<std::byte>& bytes, fuzz::Input& input, std::size_t changes) {
  for (std::size_t i = 0; i < changes; ++i) {
    const std::size_t at = input.u32() % (bytes.size() - 8);
    const std::uint64_t value = input.u64();
    std::memcpy(&bytes[at], &value, sizeof value);
  }
}

void ask(dump::Dump dump, const app::DumpOptions& options, std::uint8_t which) {
  constexpr const char* kCommands[] = {"!waits",
                                       "!locks",
                                       "!stacks 2",
                                       "!analyze -v",
                                       "!thread; kv",
                                       "!process 0 7",
                                       "dt nt!_KTHREAD @$thread",
                                       "!uniqstack",
                                       "lm; !lmi nt",
                                       "kf; kn; dv",
                                       "!prcb; !pcr",
                                       "uf @rip; dps @rsp"};
  auto session = app::Session::over(std::move(dump), options);
  stacks::Walker walker(session.machine(), session.symbolizer());
  console::Console console({&session.machine(), &session.symbolizer(), &walker},
                           [](std::string_view) {});
  console.settings.most_bytes = console.settings.most_unlimited = 0x1000;
  for (std::size_t i = 0; i < 3; ++i) console.run(kCommands[(which + i) % std::size(kCommands)]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::byte> whole[] = {bytes_of(kSamples + "seed1/w3wp.dmp"),
                                                 bytes_of(kSamples + "processors/processors.dmp")};
  if (size > 256) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t which = input.u8();
  std::vector<std::byte> bytes = whole[which % 2];
  spoil(bytes, input, size / 12);
  const base::Bytes file{std::span<const std::byte>(bytes)};
  const std::string symbols = kSamples + "seed1/symbols";
  if (which % 4 < 2) {
    fuzz::require(tests::whole_way_complaint(file, symbols).empty());
  } else if (auto dump = dump::parse(file)) {
    app::DumpOptions options;
    options.dump = "world.dmp";
    options.symbol_path = symbols;
    ask(std::move(*dump), options, which / 4);
  }
  return 0;
}
