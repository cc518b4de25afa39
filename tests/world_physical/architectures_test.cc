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
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }
};

fs::path modules_of(const Case& c) { return tests::binary_dir() / "tests" / c.modules; }

const Stories& stories_of(const Case& c) {
  static std::map<std::string, Stories> built;
  const auto [found, is_new] = built.try_emplace(c.modules);
  if (is_new)
    found->second = c.layout.pointer_size == 4 ? run_x86_stories(modules_of(c), c.layout)
                                               : run_arm64_stories(modules_of(c));
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
  expected.may_guess = c.may_guess;
  EXPECT_EQ(joined(stack_differences(ask("stacks", dump, modules_of(c)), expected)), "");
  EXPECT_EQ(joined(info_differences(ask("info", dump, modules_of(c)), expected)), "");
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
        Case{"arm64_full", Container::full, windows_11_22000_arm64, arm64},
        Case{"arm64_bitmap_kernel", Container::bitmap_kernel, windows_11_22000_arm64, arm64},
        Case{"arm64_live", Container::live, windows_11_22000_arm64, arm64}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace ntstack::world
