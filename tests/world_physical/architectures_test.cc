// Whole machines of x86, with PAE and without, and of ARM64, in each container that such a machine
// has: every process, every thread, every frame against what the emulated processor did.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "test_files.h"
#include "tool.h"
#include "world_physical/comparison.h"
#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr KernelLayout windows_7_7601_x86_pae = [] {
  KernelLayout layout = windows_7_7601_x86;
  layout.has_pae = true;
  return layout;
}();

struct Case {
  const char* name;
  Container container;
  KernelLayout layout;
  const char* modules;  // below tests/
  bool may_guess = false;
  bool double_fault = false;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

fs::path modules_of(const Case& c) { return tests::binary_dir() / "tests" / c.modules; }

const Stories& stories_of(const Case& c) {
  static std::map<std::string, Stories> built;
  const auto [found, is_new] =
      built.try_emplace(std::string(c.modules) + (c.double_fault ? " double fault" : ""));
  if (!is_new) return found->second;
  if (c.layout.pointer_size == 8)
    found->second = run_arm64_stories(modules_of(c));
  else if (c.double_fault)
    found->second = run_x86_double_fault(modules_of(c), c.layout);
  else
    found->second = run_x86_stories(modules_of(c), c.layout);
  return found->second;
}

PhysicalMachine machine_of(const Case& c) {
  const bool is_below_4_gb = c.layout.pointer_size == 4 && !c.layout.has_pae;
  return make_physical_machine(stories_of(c), c.layout, {12, 80},
                               is_below_4_gb ? runs_below_4_gb(0x1800) : runs_of_few(0x1800),
                               c.container == Container::live);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// What `ntstack COMMAND --json` prints; `symbols` may be empty.
json ask(const std::string& command, const fs::path& dump, const fs::path& symbols) {
  std::string line = tests::quoted(NTSTACK_PROGRAM) + " " + command + " --json ";
  if (!symbols.empty()) line += "-y " + tests::quoted(symbols) + " ";
  const auto result = tests::run(line + tests::quoted(dump));
  EXPECT_EQ(result.exit_code, 0) << line;
  return json::parse(result.out, nullptr, false);
}

class Architectures : public testing::TestWithParam<Case> {};

TEST_P(Architectures, HasEveryThreadAndEveryFrame) {
  const Case& c = GetParam();
  PhysicalMachine machine = machine_of(c);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, stories_of(c).crash, c.container, dump);
  Expected expected{machine.kernel, stories_of(c).world->images()};
  expected.crashed = stories_of(c).crash.crashed;
  expected.may_guess = c.may_guess;
  EXPECT_EQ(joined(stack_differences(ask("stacks", dump, modules_of(c)), expected)), "");
  EXPECT_EQ(joined(info_differences(ask("info", dump, modules_of(c)), expected)), "");
}

// What is said of threads and frames is true, whatever is said: an ID or none, a process or none,
// and of what is no guess the frames of the thread.
class WithoutSymbols : public testing::TestWithParam<Case> {};

void expect_true_frames(const json& stack, const MachineThread& thread, std::uint64_t user_end) {
  std::map<std::string, std::string> places;
  for (const TruthFrame& frame : thread.truth.frames)
    places[fmt::format("{:#x}", frame.ip)] += fmt::format("{:#x} ", frame.child_sp);
  for (const json& frame : stack["frames"]) {
    if (frame["trust"] == "scan") continue;
    const std::string ip = frame["ip"];
    if (std::stoull(ip, nullptr, 16) < user_end) continue;
    EXPECT_TRUE(places.contains(ip)) << thread.truth.role << " " << frame;
    if (frame.contains("child_sp_is_bound")) continue;
    EXPECT_NE(places[ip].find(frame["child_sp"].get<std::string>()), std::string::npos)
        << thread.truth.role << " " << frame;
  }
}

TEST_P(WithoutSymbols, NothingWrongIsSaid) {
  const Case& c = GetParam();
  PhysicalMachine machine = machine_of(c);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, stories_of(c).crash, c.container, dump);
  const json report = ask("stacks", dump, {});
  std::map<std::string, const MachineThread*> threads;
  for (const MachineThread& thread : machine.kernel.threads)
    threads[fmt::format("{:#x}", thread.truth.ethread)] = &thread;
  std::map<std::string, std::uint64_t> processes;
  for (const ProcessTruth& process : machine.kernel.processes)
    processes[fmt::format("{:#x}", process.eprocess)] = process.id;
  EXPECT_GE(report["stacks"].size(), stories_of(c).crash.threads.size());
  for (const json& stack : report["stacks"]) {
    const std::string address = stack["thread"]["address"];
    ASSERT_TRUE(threads.contains(address)) << address;
    const MachineThread& thread = *threads[address];
    const json& id = stack["thread"]["id"];
    EXPECT_TRUE(id.is_null() || id == thread.truth.id) << address << " " << id;
    expect_true_frames(stack, thread, c.layout.pointer_size == 4 ? 0x80000000 : 1ull << 47);
    if (stack["process"].is_null()) continue;
    const std::string process = stack["process"]["address"];
    EXPECT_TRUE(processes.contains(process)) << process;
    const json& process_id = stack["process"]["id"];
    EXPECT_TRUE(process_id.is_null() || process_id == processes[process]) << process;
  }
}

constexpr const char* x86_7601 = "world_x86/modules/7601-keep";
constexpr const char* x86_19041 = "world_x86/modules/19041-keep";
constexpr const char* x86_omit = "world_x86/modules/19041-omit";
constexpr const char* arm64 = "world_physical/modules/arm64";  // with types in nt's PDB

INSTANTIATE_TEST_SUITE_P(
    Physical, Architectures,
    testing::Values(
        Case{"x86_full", Container::full, windows_7_7601_x86, x86_7601},
        Case{"x86_summary", Container::summary, windows_7_7601_x86, x86_7601},
        Case{"x86_bitmap_full", Container::bitmap_full, windows_7_7601_x86, x86_7601},
        Case{"pae_7601_full", Container::full, windows_7_7601_x86_pae, x86_7601},
        Case{"pae_7601_summary", Container::summary, windows_7_7601_x86_pae, x86_7601},
        Case{"pae_full", Container::full, windows_10_19041_x86, x86_19041},
        Case{"pae_bitmap_kernel", Container::bitmap_kernel, windows_10_19041_x86, x86_19041},
        Case{"pae_rdmp_kernel", Container::rdmp_kernel, windows_10_19041_x86, x86_19041},
        Case{"pae_rdmp_full", Container::rdmp_full, windows_10_19041_x86, x86_19041},
        Case{"pae_omit", Container::bitmap_kernel, windows_10_19041_x86, x86_omit, true},
        Case{"x86_double_fault", Container::full, windows_7_7601_x86, x86_7601, false, true},
        Case{"pae_double_fault", Container::bitmap_kernel, windows_10_19041_x86, x86_19041, false,
             true},
        Case{"arm64_full", Container::full, windows_11_22000_arm64, arm64},
        Case{"arm64_bitmap_kernel", Container::bitmap_kernel, windows_11_22000_arm64, arm64},
        Case{"arm64_live", Container::live, windows_11_22000_arm64, arm64}),
    [](const auto& each) { return std::string(each.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Physical, WithoutSymbols,
    testing::Values(Case{"x86", Container::full, windows_7_7601_x86, x86_7601},
                    Case{"pae", Container::bitmap_kernel, windows_10_19041_x86, x86_19041},
                    Case{"pae_omit", Container::bitmap_kernel, windows_10_19041_x86, x86_omit},
                    Case{"arm64", Container::bitmap_kernel, windows_11_22000_arm64, arm64},
                    Case{"arm64_live", Container::live, windows_11_22000_arm64, arm64}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace ntstack::world
