// The machine that physical_test reads by its dumps' headers, in containers without one: the same
// processes, threads and frames, and each thing that was found says how.
#include "world_physical/headerless.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "test_files.h"
#include "tool.h"
#include "world_physical/comparison.h"
#include "world_physical/layouts.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path modules() {
  return tests::binary_dir() / "tests" / "world_physical" / "modules" / "known";
}

const Stories& stories() {
  static const Stories built = run_stories(modules());
  return built;
}

json ask(const std::string& command, const fs::path& dump) {
  const auto result = tests::run(tests::quoted(NTSTACK_PROGRAM) + " " + command + " --json -y " +
                                 tests::quoted(modules()) + " " + tests::quoted(dump));
  EXPECT_EQ(result.exit_code, 0) << command;
  return json::parse(result.out, nullptr, false);
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// All of it low, as a small machine has it.
std::vector<PageRun> low_runs() { return {{0x1, 0x9e}, {0x100, 0x2400}}; }

struct Case {
  const char* name;
  Headerless container;
  const char* nt_found_by;
  const char* tables_found_by;
  bool encoded = true, has_kdbg = true;
  KernelLayout layout = windows_10_19041;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

constexpr const char* by_search = "a search of the kernel's address space";
constexpr const char* by_idt = "the interrupt table of processor 0";
constexpr const char* by_self_map = "the table that maps itself";

class WithoutHeader : public testing::TestWithParam<Case> {};

TEST_P(WithoutHeader, EveryThreadAndEveryFrameIsThere) {
  const Case& c = GetParam();
  PhysicalMachine machine =
      make_physical_machine(stories(), c.layout, {12, 80}, low_runs(), c.encoded);
  put_traces(machine, stories(), c.has_kdbg);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "memory.img";
  write_headerless(machine, stories(), c.container, dump);
  const Expected expected{machine.kernel, stories().world->images(), UINT_MAX};
  EXPECT_EQ(joined(stack_differences(ask("stacks", dump), expected)), "");
  json info = ask("info", dump);
  EXPECT_FALSE(info["warnings"].empty());  // how things were found
  info["warnings"] = json::array();
  const std::string differences = joined(info_differences(info, expected));
  EXPECT_EQ(c.has_kdbg ? differences : "", "");
  EXPECT_EQ(info["dump"]["build"], c.layout.build);
  EXPECT_EQ(info["dump"]["processor_count"], stories().world->processors());
  const json& kernel = info["kernel"];
  EXPECT_EQ(kernel["found_by"], std::string(c.nt_found_by));
  EXPECT_EQ(kernel["page_tables"]["found_by"], std::string(c.tables_found_by));
  // Every process's tables map the kernel; which of them lies lowest is chance.
  std::set<std::string> roots = {fmt::format("{:#x}", machine.kernel_root << 12)};
  if (c.tables_found_by == std::string_view(by_self_map))
    for (const ProcessTruth& process : machine.kernel.processes)
      roots.insert(fmt::format("{:#x}", process.directory_table_base));
  EXPECT_TRUE(roots.contains(kernel["page_tables"]["root"])) << kernel["page_tables"]["root"];
  EXPECT_EQ(kernel["build_found_by"], "nt!NtBuildNumber");
  if (!c.has_kdbg) {
    EXPECT_TRUE(kernel["kdbg"].is_null());
    return;
  }
  EXPECT_EQ(kernel["kdbg"]["address"], fmt::format("{:#x}", machine.kernel.kdbg));
  EXPECT_EQ(kernel["kdbg"]["encoded"], c.encoded);
}

INSTANTIATE_TEST_SUITE_P(
    Physical, WithoutHeader,
    testing::Values(Case{"raw", Headerless::raw, by_search, by_self_map},
                    Case{"raw_plain", Headerless::raw, by_search, by_self_map, false},
                    Case{"lime", Headerless::lime, by_search, by_self_map},
                    Case{"elf", Headerless::elf, by_idt, "CR3 of processor 0"},
                    Case{"elf_without_kdbg", Headerless::elf, by_idt, "CR3 of processor 0", false,
                         false},
                    Case{"elf_shadow", Headerless::elf_shadow, by_idt, "the KPCR of processor 0"},
                    Case{"elf_windows_7", Headerless::elf, by_idt, "CR3 of processor 0", false,
                         true, windows_7_7601},
                    Case{"elf_windows_11", Headerless::elf, by_idt, "CR3 of processor 0", true,
                         true, windows_11_22621}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace ntstack::world
