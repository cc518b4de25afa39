// Two other readers of dumps, kdmp-parser and volatility3 (PyPI), on the dumps of the physical
// world: every page's bytes, and where the page tables lead. So what is written here is a dump to
// more than ntstack, and ntstack reads what they read.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "dump/dump.h"
#include "memory/page_tables.h"
#include "test_files.h"
#include "tool.h"
#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;

constexpr KernelLayout windows_7_7601_x86_pae = [] {
  KernelLayout layout = windows_7_7601_x86;
  layout.has_pae = true;
  return layout;
}();

std::string python() {
  const char* named = std::getenv("NTSTACK_PYTHON");
  return named ? named : "python3";
}

struct Case {
  const char* reader;
  const char* package;
  const char* name;
  Container container;
  memory::Paging paging = memory::Paging::x64;
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.reader << " " << c.name; }
};

// As ntstack reads the dump: its pages and their contents, what the machine's addresses lead to.
void write_what_ntstack_reads(const fs::path& path, const PhysicalMachine& machine,
                              memory::Paging paging, const fs::path& folder) {
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  std::ofstream pages(folder / "pages"), contents(folder / "contents", std::ios::binary);
  for (std::uint64_t at = 0; at != UINT64_MAX;) {
    std::array<std::byte, 0x1000> page;
    if (dump->physical->read(at, page) != page.size()) {
      at = dump->physical->hole_end(at);
      continue;
    }
    pages << fmt::format("{:x}\n", at >> 12);
    contents.write(reinterpret_cast<const char*>(page.data()), page.size());
    at += page.size();
  }
  std::ofstream addresses(folder / "addresses");
  const auto add = [&](std::uint64_t root, std::uint64_t address) {
    const memory::PageTables tables(*dump->physical, paging, root);
    const auto found = tables.translate(address);
    if (found && found->through_prototype) return;  // the others don't follow those
    addresses << fmt::format("{:x} {:x} ", root, address);
    if (!found)
      addresses << "none\n";
    else
      addresses << fmt::format("{}{:x}\n", found->in_transition ? "transition " : "",
                               found->physical);
  };
  for (const auto& [address, page] : machine.kernel.memory.pages()) {
    add(dump->directory_table_base, address + 0x123);
    add(dump->directory_table_base, address + 0x1000);
  }
  for (const ProcessTruth& process : machine.kernel.processes)
    for (const std::uint64_t address : process.user_pages)
      add(process.directory_table_base, address + 0x456);
}

struct Made {
  Stories stories;
  PhysicalMachine machine;
};

Made make(memory::Paging paging) {
  const fs::path built = tests::binary_dir() / "tests";
  const MachineSize size{12, 60};
  if (paging == memory::Paging::x64) {
    Stories stories = run_stories(built / "world_physical" / "modules" / "known");
    PhysicalMachine machine =
        make_physical_machine(stories, windows_10_19041, size, runs_of_few(0x1000), false);
    return {std::move(stories), std::move(machine)};
  }
  const bool is_pae = paging == memory::Paging::x86_pae;
  const KernelLayout& layout = is_pae ? windows_7_7601_x86_pae : windows_7_7601_x86;
  Stories stories = run_x86_stories(built / "world_x86" / "modules" / "7601-keep", layout);
  PhysicalMachine machine = make_physical_machine(
      stories, layout, size, is_pae ? runs_of_few(0x1000) : runs_below_4_gb(0x1000), false);
  return {std::move(stories), std::move(machine)};
}

const char* tables_of(memory::Paging paging) {
  if (paging == memory::Paging::x64) return "x64";
  return paging == memory::Paging::x86_pae ? "pae" : "x86";
}

class OtherReaders : public testing::TestWithParam<Case> {};

TEST_P(OtherReaders, AgreeOnEveryPageAndAddress) {
  const Case& c = GetParam();
  const std::string check = fmt::format("{} -c 'import {}' 2>/dev/null", python(), c.package);
  if (tests::run(check).exit_code != 0) GTEST_SKIP() << "not at hand: Python's " << c.reader;
  auto [stories, machine] = make(c.paging);
  const tests::TemporaryFolder folder;
  const fs::path dump = folder.path() / "machine.dmp";
  write_dump(machine, stories.crash, c.container, dump);
  write_what_ntstack_reads(dump, machine, c.paging, folder.path());
  const auto result = tests::run(fmt::format(
      "{} {} {} {} {} {} {} {} 2>/dev/null", python(),
      tests::quoted(tests::source_dir() / "tests/world_physical/check_dump.py"), c.reader,
      tables_of(c.paging), tests::quoted(dump), tests::quoted(folder.path() / "pages"),
      tests::quoted(folder.path() / "contents"), tests::quoted(folder.path() / "addresses")));
  EXPECT_EQ(result.exit_code, 0) << result.out;
  std::cout << result.out;
}

INSTANTIATE_TEST_SUITE_P(
    Dumps, OtherReaders,
    testing::Values(
        Case{"kdmp-parser", "kdmp_parser", "full", Container::full},
        Case{"kdmp-parser", "kdmp_parser", "bitmap_full", Container::bitmap_full},
        Case{"kdmp-parser", "kdmp_parser", "bitmap_kernel", Container::bitmap_kernel},
        Case{"kdmp-parser", "kdmp_parser", "rdmp_kernel", Container::rdmp_kernel},
        Case{"kdmp-parser", "kdmp_parser", "rdmp_full", Container::rdmp_full},
        Case{"kdmp-parser", "kdmp_parser", "live", Container::live},
        Case{"volatility3", "volatility3", "full", Container::full},
        Case{"volatility3", "volatility3", "bitmap_full", Container::bitmap_full},
        Case{"volatility3", "volatility3", "x86_full", Container::full, memory::Paging::x86},
        Case{"volatility3", "volatility3", "x86_bitmap_full", Container::bitmap_full,
             memory::Paging::x86},
        Case{"volatility3", "volatility3", "pae_full", Container::full, memory::Paging::x86_pae},
        Case{"volatility3", "volatility3", "pae_bitmap_full", Container::bitmap_full,
             memory::Paging::x86_pae}),
    [](const auto& each) { return std::string(each.param.package) + "_" + each.param.name; });

}  // namespace
}  // namespace ntstack::world
