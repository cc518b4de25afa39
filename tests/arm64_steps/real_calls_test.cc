// Functions of Microsoft's ARM64 images, called with arguments that mean nothing to them, as far as
// they go: every instruction that executes unwinds to the shadow stack. Imports return 0; a run
// ends at memory that is not there, outside of the image, or after some thousand instructions.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <set>

#include "arm64_images.h"
#include "arm64_walk.h"
#include "pdb/pdb.h"

namespace ntstack::tests {
namespace {

constexpr std::uint64_t kImport = 0x30000000;   // mov x0, #0; ret
constexpr std::uint64_t kScratch = 0x31000000;  // zeros, then words that point to themselves
constexpr std::uint64_t kScratchSize = 0x20000;
constexpr std::size_t kMostInstructions = 3000;

std::unique_ptr<EmulatedImage> emulate(const std::filesystem::path& path) {
  auto emulated = std::make_unique<EmulatedImage>(path);
  world::Arm64Machine& machine = emulated->machine();
  machine.stop_at_faults = true;
  machine.map(kImport, 0x1000);
  machine.put<std::uint32_t>(kImport, 0xd2800000);
  machine.put<std::uint32_t>(kImport + 4, 0xd65f03c0);
  const pe::DataDirectory imports = emulated->image().directory(pe::Directory::import_addresses);
  for (std::uint32_t at = 0; at + 8 <= imports.size; at += 8)
    machine.put(emulated->image().preferred_base() + imports.rva + at, kImport);
  machine.map(kScratch, kScratchSize);
  for (std::uint64_t at = kScratch + kScratchSize / 2; at < kScratch + kScratchSize; at += 8)
    machine.put(at, at);
  return emulated;
}

// Where functions begin, by the PDB: entries of the function table may be parts of one.
std::set<std::uint32_t> functions_of(const EmulatedImage& emulated, const pdb::Pdb& pdb) {
  std::set<std::uint32_t> found;
  const pe::arm64::FunctionTable& table = emulated.code().functions();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto entry = table.at(i);
    const auto function = entry ? pdb.function_at(entry->begin) : std::nullopt;
    if (function && function->rva == entry->begin && !function->is_public)
      found.insert(entry->begin);
  }
  return found;
}

// A call is not followed into these: they return with another SP than they are called with, and the
// shadow stack knows no such thing.
std::set<std::uint64_t> cookie_functions(const EmulatedImage& emulated, const pdb::Pdb& pdb) {
  std::set<std::uint64_t> found;
  for (const char* name : {"__security_push_cookie", "__security_pop_cookie"}) {
    if (const auto rva = pdb.rva_of(name)) found.insert(emulated.image().preferred_base() + *rva);
  }
  return found;
}

// How calls ended: on their own, where they were stopped, at code that was written over, by the
// processor's exceptions.
struct Ends {
  std::size_t returned = 0, stopped = 0, at_cookies = 0, overwritten = 0, failed = 0;
};

// One call; the walk is compared at each instruction inside of the image. False where the image's
// code was written over.
bool run_function(EmulatedImage& emulated, std::uint64_t function,
                  const std::set<std::uint64_t>& cookies, std::span<const std::uint64_t> arguments,
                  WalkCounts& counts, Ends& ends) {
  const std::uint64_t base = emulated.image().preferred_base();
  const std::uint64_t size = emulated.image().size_of_image();
  std::size_t executed = 0;
  std::size_t* stopped = nullptr;
  std::string failure;
  emulated.machine().before_instruction = [&](std::uint64_t address) {
    const bool is_inside = address - base < size;
    if (is_inside && !emulated.is_intact(address)) {
      stopped = &ends.overwritten;
    } else if (cookies.contains(address)) {
      stopped = &ends.at_cookies;
    } else if ((!is_inside && address - kImport >= 8) || ++executed > kMostInstructions) {
      stopped = &ends.stopped;
    } else if (is_inside) {
      failure = emulated.walk(counts);
    }
    return stopped || !failure.empty();
  };
  try {
    emulated.call(function, arguments);
    ++(stopped ? *stopped : ends.returned);
  } catch (const std::runtime_error&) {
    ++ends.failed;
  }
  ++counts.runs;
  EXPECT_EQ(failure, "") << fmt::format("in the call of {:#x}", function);
  return stopped != &ends.overwritten;
}

void run_image(const std::filesystem::path& path, WalkCounts& counts, Ends& ends) {
  const auto file = base::MappedFile::open(std::filesystem::path(path).replace_extension(".pdb"));
  if (!file) return;  // two have none
  const auto pdb = pdb::Pdb::open(file->bytes());
  ASSERT_TRUE(pdb) << pdb.error().text();
  auto emulated = emulate(path);
  constexpr std::uint64_t zeros = kScratch, itself = kScratch + kScratchSize / 2 + 0x4000;
  const std::array<std::array<std::uint64_t, 8>, 3> arguments = {{
      {zeros, zeros + 0x800, 16, zeros + 0x1000, 3, zeros + 0x1800, 2, 1},
      {itself, itself + 0x100, itself + 0x200, itself + 0x300, 5, 4, 3, 2},
      {0, 0, 0, 0, 0, 0, 0, 0},
  }};
  const auto cookies = cookie_functions(*emulated, *pdb);
  for (const std::uint32_t rva : functions_of(*emulated, *pdb)) {
    for (const auto& each : arguments) {
      const std::uint64_t function = emulated->image().preferred_base() + rva;
      if (!run_function(*emulated, function, cookies, each, counts, ends)) emulated = emulate(path);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(RealArm64Functions, EveryExecutedInstructionUnwindsToItsCallers) {
  const std::vector<std::filesystem::path> images = node_pty_images();
  if (images.empty()) GTEST_SKIP() << "not at hand: node-pty's win32-arm64";
  WalkCounts all;
  Ends ends;
  std::size_t places = 0;
  for (const std::filesystem::path& path : images) {
    SCOPED_TRACE(path.filename().string());
    WalkCounts counts;
    run_image(path, counts, ends);
    if (HasFailure()) return;
    all.add(counts);
    places += counts.places.size();
  }
  std::cout << fmt::format(
      "compared with the shadow stack: {} calls of Microsoft's functions ({} returned, {} stopped, "
      "{} at stack cookies, {} at overwritten code, {} by exceptions), {} instructions at {} "
      "places ({} in leaves), {} steps, at "
      "most {} frames\n",
      all.runs, ends.returned, ends.stopped, ends.at_cookies, ends.overwritten, ends.failed,
      all.instructions, places, all.leaves, all.steps, all.deepest);
  EXPECT_GT(all.instructions, 100000u);
}

}  // namespace
}  // namespace ntstack::tests
