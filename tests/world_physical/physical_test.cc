// Every container of physical memory against the machine that is in it: every process, every
// thread, every frame, as `ntstack stacks --json` has them. The frames are what the emulated
// processor did; that they lie on copies of its stacks, and the lists that lead to them, are ours.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "test_files.h"
#include "tool.h"
#include "world_physical/comparison.h"
#include "world_physical/fact_data.h"
#include "world_physical/layouts.h"
#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path modules(const char* kind) {
  return tests::binary_dir() / "tests" / "world_physical" / "modules" / kind;
}

const Stories& stories(const char* kind = "known") {
  static std::map<std::string, Stories> built;
  const auto [found, is_new] = built.try_emplace(kind);
  if (is_new) found->second = run_stories(modules(kind));
  return found->second;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// What `ntstack COMMAND --json` prints.
json ask(const std::string& command, const fs::path& dump, const char* symbols = "known") {
  std::string line = tests::quoted(NTSTACK_PROGRAM) + " " + command + " --json ";
  if (symbols) line += "-y " + tests::quoted(modules(symbols)) + " ";
  const auto result = tests::run(line + tests::quoted(dump));
  EXPECT_EQ(result.exit_code, 0) << line;
  return json::parse(result.out, nullptr, false);
}

struct Case {
  const char* name;
  Container container;
  KernelLayout layout = windows_10_19041;
  const char* modules = "known";
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

class Dumps : public testing::TestWithParam<Case> {
 protected:
  static constexpr MachineSize size{12, 80};
};

TEST_P(Dumps, HasEveryThreadAndEveryFrame) {
  const Case& c = GetParam();
  const Stories& told = stories(c.modules);
  PhysicalMachine machine = make_physical_machine(told, c.layout, size, runs_of_few(0x1800),
                                                  c.container == Container::live);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, told.crash, c.container, dump);
  const Expected expected{machine.kernel, told.world->images()};
  EXPECT_EQ(joined(stack_differences(ask("stacks", dump, c.modules), expected)), "");
  EXPECT_EQ(joined(info_differences(ask("info", dump, c.modules), expected)), "");
  EXPECT_EQ(joined(thread_differences(ask("threads", dump, c.modules), machine.kernel)), "");
  EXPECT_EQ(joined(process_differences(ask("processes", dump, c.modules), machine.kernel)), "");
}

INSTANTIATE_TEST_SUITE_P(
    Physical, Dumps,
    testing::Values(Case{"full", Container::full}, Case{"summary", Container::summary},
                    Case{"bitmap_full", Container::bitmap_full},
                    Case{"bitmap_kernel", Container::bitmap_kernel},
                    Case{"rdmp_kernel", Container::rdmp_kernel},
                    Case{"rdmp_full", Container::rdmp_full}, Case{"live", Container::live},
                    Case{"windows_7", Container::bitmap_kernel, windows_7_7601},
                    Case{"windows_11", Container::bitmap_kernel, windows_11_22621},
                    Case{"windows_11_live", Container::live, windows_11_22621},
                    Case{"future", Container::bitmap_kernel, windows_future, "future"}),
    [](const auto& each) { return std::string(each.param.name); });

// A dump of no crash: what analyze says of its threads.
TEST(LiveDump, AnalyzeCountsThreadsAndTellsWhoWaitsLongest) {
  const Stories& told = stories();
  PhysicalMachine machine =
      make_physical_machine(told, windows_10_19041, {12, 80}, runs_of_few(0x1800), true);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, told.crash, Container::live, dump);
  const json report = ask("analyze", dump);
  EXPECT_EQ(report["happened"], "no_crash");
  const json& threads = report["threads"];
  std::map<std::string, std::uint64_t> waiting;
  std::size_t running = 0;
  for (const MachineThread& thread : machine.kernel.threads) {
    running += thread.truth.processor ? 1 : 0;
    if (thread.state == 5 && !thread.truth.processor)
      waiting[fmt::format("{:#x}", thread.truth.ethread)] = thread.truth.id;
  }
  std::map<std::string, std::size_t> counts;
  for (const json& state : threads["states"]) counts[state["name"]] = state["count"];
  EXPECT_EQ(threads["count"], machine.kernel.threads.size());
  EXPECT_EQ(counts["Waiting"], waiting.size());
  EXPECT_EQ(counts["Running"], running);
  ASSERT_GT(threads["longest_waits"].size(), 5u);
  std::pair<bool, std::uint32_t> before{true, UINT32_MAX};  // locks and I/O come first
  for (const json& wait : threads["longest_waits"]) {
    const std::string thread = wait["thread"];
    ASSERT_TRUE(waiting.contains(thread)) << thread;
    EXPECT_EQ(wait["ticks"], waited_ticks_of(waiting[thread])) << thread;
    EXPECT_DOUBLE_EQ(wait["seconds"], 0.015625 * wait["ticks"].get<double>());
    const std::string kind = wait["waits"].is_null() ? "" : wait["waits"]["kind"];
    EXPECT_NE(kind, "idle") << thread;
    const std::pair now{kind == "lock" || kind == "io" || kind == "reply",
                        wait["ticks"].get<std::uint32_t>()};
    EXPECT_LE(now, before) << thread;
    before = now;
  }
}

// Nothing tells where its lists of threads are: what is said of threads and processes all the same
// is true.
TEST(FutureBuild, WithoutItsPdbNoThreadIsMadeUp) {
  const Stories& told = stories("future");
  PhysicalMachine machine =
      make_physical_machine(told, windows_future, {12, 80}, runs_of_few(0x1800), false);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, told.crash, Container::bitmap_kernel, dump);
  const json report = ask("stacks", dump, nullptr);
  std::map<std::string, std::uint64_t> ids, processes;
  for (const MachineThread& thread : machine.kernel.threads)
    ids[fmt::format("{:#x}", thread.truth.ethread)] = thread.truth.id;
  for (const ProcessTruth& process : machine.kernel.processes)
    processes[fmt::format("{:#x}", process.eprocess)] = process.id;
  EXPECT_GE(report["stacks"].size(), 4u);  // the processors'
  for (const json& stack : report["stacks"]) {
    const std::string thread = stack["thread"]["address"];
    EXPECT_TRUE(ids.contains(thread)) << thread;
    const json& id = stack["thread"]["id"];
    EXPECT_TRUE(id.is_null() || id == ids[thread]) << thread << " " << id;
    if (stack["process"].is_null()) continue;
    const std::string process = stack["process"]["address"];
    EXPECT_TRUE(processes.contains(process)) << process;
    const json& process_id = stack["process"]["id"];
    EXPECT_TRUE(process_id.is_null() || process_id == processes[process]) << process;
  }
  EXPECT_FALSE(report["warnings"].empty());
}

TEST(ConsoleApp, TheMainThreadsStackIsThePublishedOne) {
  const Stories& told = stories();
  std::string names;
  for (const TruthFrame& frame : told.console[0].truth.frames)
    names += name_of_address(told.world->images(), frame.ip) + "\n";
  EXPECT_EQ(names, console_listing());
}

// The size of the case: 200 processes and 2,000 threads in 16 GB.
TEST(ConsoleApp, IsFoundAmongTwoHundredProcesses) {
  const Stories& told = stories();
  PhysicalMachine machine =
      make_physical_machine(told, windows_10_19041, {}, runs_of_16_gb(), false);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "MEMORY.DMP";
  write_dump(machine, told.crash, Container::bitmap_full, dump);
  const json report = ask("stacks", dump);
  EXPECT_EQ(joined(stack_differences(report, {machine.kernel, told.world->images()})), "");
  std::vector<std::string> waits;
  for (const json& stack : report["stacks"]) {
    if (stack["process"]["name"] == "ConsoleApp1.ex")
      waits.push_back(stack["thread"]["address"].get<std::string>() + " " +
                      stack["thread"]["state"].get<std::string>());
  }
  EXPECT_EQ(joined(waits),
            "0xffffdb05bf3c7080 WAIT: (Executive)\n0xffffdb05c0fc6080 WAIT: (UserRequest)\n"
            "0xffffdb05be694080 WAIT: (UserRequest)\n0xffffdb05be7e2080 WAIT: (UserRequest)\n");
  EXPECT_EQ(report["stacks"].size(), 2000u);
}

}  // namespace
}  // namespace ntstack::world
