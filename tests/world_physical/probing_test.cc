// Machines that no table knows, and machines whose lists are broken: their processes, threads and
// frames against the truth, as in physical_test.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "test_files.h"
#include "tool.h"
#include "world_physical/comparison.h"
#include "world_physical/headerless.h"
#include "world_physical/layouts.h"
#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const Stories& stories(const std::string& kind) {
  static std::map<std::string, Stories> built;
  const auto [found, is_new] = built.try_emplace(kind);
  if (is_new)
    found->second =
        run_stories(tests::binary_dir() / "tests" / "world_physical" / "modules" / kind);
  return found->second;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

json ask(const std::string& command, const fs::path& dump, const std::string& symbols) {
  std::string line = tests::quoted(NTSTACK_PROGRAM) + " " + command + " --json ";
  if (!symbols.empty())
    line += "-y " +
            tests::quoted(tests::binary_dir() / "tests" / "world_physical" / "modules" / symbols) +
            " ";
  const auto result = tests::run(line + tests::quoted(dump));
  EXPECT_EQ(result.exit_code, 0) << line;
  return json::parse(result.out, nullptr, false);
}

json ask(const std::string& command, PhysicalMachine& machine, const Stories& told,
         const std::string& symbols) {
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, told.crash, Container::bitmap_kernel, dump);
  return ask(command, dump, symbols);
}

PhysicalMachine machine_of(const Stories& told, const KernelLayout& layout) {
  return make_physical_machine(told, layout, {12, 80}, runs_of_few(0x1800), false);
}

TEST(UnknownKernel, HasEveryThreadAndEveryFrameByProbingAlone) {
  const Stories& told = stories("known");
  PhysicalMachine machine = machine_of(told, nt_like_unknown);
  const json report = ask("stacks", machine, told, "known");
  Expected expected{machine.kernel, told.world->images()};
  expected.wait_reasons = false;
  EXPECT_EQ(joined(stack_differences(report, expected)), "");
}

// Its KDBG says where stacks are; the IDs, names and lists are probed.
TEST(FutureBuild, WithoutItsPdbHasEveryThreadByProbing) {
  const Stories& told = stories("future");
  PhysicalMachine machine = machine_of(told, windows_future);
  const json report = ask("stacks", machine, told, "");
  Expected expected{machine.kernel, told.world->images()};
  expected.names = false;
  EXPECT_EQ(joined(stack_differences(report, expected)), "");
}

// Writes through the machine's own page tables (x64, 4 levels).
void put(PhysicalMachine& machine, std::uint64_t address, std::uint64_t value) {
  std::uint64_t table = machine.kernel_root << 12;
  for (const unsigned shift : {39u, 30u, 21u, 12u}) {
    const std::uint64_t entry = machine.memory.get(table + 8 * (address >> shift & 0x1ff));
    table = entry & 0xffffffffff000;
    if ((entry & 0x80) != 0 && shift == 21) {
      machine.memory.put(table + (address & 0x1fffff), value);
      return;
    }
  }
  machine.memory.put(table + (address & 0xfff), value);
}

// From its third to its eighth process nothing leads, from either end.
TEST(BrokenLists, ProcessesThatNoListLeadsToAreFoundByAScan) {
  const Stories& told = stories("known");
  PhysicalMachine machine = machine_of(told, windows_10_19041);
  const std::uint64_t links = windows_10_19041.eprocess.active_process_links;
  const auto entry = [&](std::size_t i) { return machine.kernel.processes[i].eprocess + links; };
  put(machine, entry(3), 0x4141414141414141);
  put(machine, entry(8) + 8, entry(1));
  const json report = ask("stacks", machine, told, "known");
  EXPECT_EQ(joined(stack_differences(report, {machine.kernel, told.world->images()})), "");
  std::set<std::string> scanned;
  for (const json& stack : report["stacks"])
    if (stack["process"]["found_by"] == "scan") scanned.insert(stack["process"]["address"]);
  std::set<std::string> right;
  for (std::size_t i = 4; i < 8; i++)
    right.insert(fmt::format("{:#x}", machine.kernel.processes[i].eprocess));
  EXPECT_EQ(scanned, right);
  EXPECT_NE(report["warnings"].dump().find("were scanned"), std::string::npos);
}

TEST(BrokenLists, ThreadsThatNoListLeadsToAreFoundByAScan) {
  const Stories& told = stories("known");
  PhysicalMachine machine = machine_of(told, windows_10_19041);
  const std::uint64_t process = machine.kernel.processes[2].id;
  std::vector<std::uint64_t> threads;
  for (const MachineThread& thread : machine.kernel.threads)
    if (thread.process_id == process) threads.push_back(thread.truth.ethread);
  ASSERT_EQ(threads.size(), 4u);
  for (const std::uint64_t link : {std::uint64_t{windows_10_19041.kthread.thread_list_entry},
                                   std::uint64_t{windows_10_19041.ethread.thread_list_entry}}) {
    put(machine, threads[0] + link, 0);
    put(machine, threads[3] + link + 8, threads[3] + link);
  }
  const json report = ask("stacks", machine, told, "known");
  EXPECT_EQ(joined(stack_differences(report, {machine.kernel, told.world->images()})), "");
  std::set<std::string> scanned;
  for (const json& stack : report["stacks"])
    if (stack["thread"]["found_by"] == "scan") scanned.insert(stack["thread"]["address"]);
  EXPECT_EQ(scanned, (std::set<std::string>{fmt::format("{:#x}", threads[1]),
                                            fmt::format("{:#x}", threads[2])}));
}

// Raw memory says no build, and where a stack's segments are chained depends on it: nt's own
// counts.
TEST(BrokenLists, ExpandedStacksOfScannedThreadsAreWholeWithoutAHeader) {
  const Stories& told = stories("known");
  PhysicalMachine machine =
      make_physical_machine(told, windows_10_19041, {12, 80}, {{0x1, 0x9e}, {0x100, 0x2400}}, true);
  put_traces(machine, told);
  std::size_t expanded = 0;
  for (const MachineThread& thread : machine.kernel.threads) {
    if (thread.truth.segments.size() < 2 || thread.truth.processor) continue;
    expanded++;
    for (const std::uint64_t link : {std::uint64_t{windows_10_19041.kthread.thread_list_entry},
                                     std::uint64_t{windows_10_19041.ethread.thread_list_entry}}) {
      put(machine, thread.truth.ethread + link, 0);
      put(machine, thread.truth.ethread + link + 8, thread.truth.ethread + link);
    }
  }
  ASSERT_GT(expanded, 2u);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "memory.img";
  write_headerless(machine, told, Headerless::raw, dump);
  const json report = ask("stacks", dump, "known");
  EXPECT_NE(report["warnings"].dump().find("were scanned"), std::string::npos);
  const Expected expected{machine.kernel, told.world->images(), UINT_MAX};
  EXPECT_EQ(joined(stack_differences(report, expected)), "");
}

// A process that exited: its neighbours are linked to each other, its memory is as it was.
TEST(BrokenLists, WhatExitedIsNotTakenForLive) {
  const Stories& told = stories("known");
  PhysicalMachine machine = machine_of(told, windows_10_19041);
  const std::uint64_t links = windows_10_19041.eprocess.active_process_links;
  const auto entry = [&](std::size_t i) { return machine.kernel.processes[i].eprocess + links; };
  put(machine, entry(4), entry(6));
  put(machine, entry(6) + 8, entry(4));
  put(machine, entry(8), 0);  // so that there is a scan
  put(machine, entry(10) + 8, 0);
  const json report = ask("stacks", machine, told, "known");
  for (const json& stack : report["stacks"])
    EXPECT_NE(stack["process"]["id"], machine.kernel.processes[5].id);
  std::set<std::uint64_t> ids;
  for (const json& stack : report["stacks"])
    ids.insert(stack["process"]["id"].get<std::uint64_t>());
  EXPECT_TRUE(ids.contains(machine.kernel.processes[9].id));
}

}  // namespace
}  // namespace ntstack::world
