// A processor's own walk of page tables (Unicorn's MMU) against ours, over tables made at random.
// Unicorn 2.1 is needed, through Python: older ones don't read what the tables lead to. ARM64 is
// left out: Unicorn 2.1.4's walks of four levels fault where tables are right.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "random_tables.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using memory::PageTables;
using memory::Paging;

std::string python() {
  const char* named = std::getenv("NTSTACK_PYTHON");
  return named ? named : "python3";
}

const char* argument_of(Paging paging) {
  switch (paging) {
    case Paging::x86:
      return "x86";
    case Paging::x86_pae:
      return "x86_pae";
    case Paging::x64:
      return "x64";
    case Paging::x64_la57:
      return "x64_la57";
    case Paging::arm64:
      break;
  }
  return "";
}

// What the processor says of each address.
std::vector<std::string> processor_walks(const RandomTables& tables) {
  const TemporaryFolder folder;
  const fs::path memory = folder.path() / "memory", asked = folder.path() / "asked";
  std::ofstream(memory, std::ios::binary)
      .write(reinterpret_cast<const char*>(tables.memory.data()),
             static_cast<std::streamsize>(tables.memory.size()));
  std::ofstream lines(asked);
  for (const std::uint64_t address : tables.addresses) lines << std::hex << address << "\n";
  lines.close();
  std::ostringstream command;
  command << python() << " " << quoted(source_dir() / "tests/page_tables/processor_walk.py") << " "
          << argument_of(tables.paging) << " " << quoted(memory) << std::hex << " " << tables.root
          << " " << tables.code << " " << tables.code_page << " < " << quoted(asked);
  const ToolResult result = run(command.str());
  EXPECT_EQ(result.exit_code, 0);
  std::istringstream out(result.out);
  std::vector<std::string> walks;
  for (std::string line; std::getline(out, line);) walks.push_back(line);
  return walks;
}

// What of our walk a processor sees: entries of Windows' own are faults to it.
std::string our_walk(const RandomTables& tables, const PageTables& walker, std::uint64_t address) {
  const auto found = walker.translate(address);
  if (!found || found->in_transition || found->through_prototype) return "fault";
  if (found->physical >= tables.memory.size()) return "hole";
  const bool is_narrow = tables.paging == Paging::x86 || tables.paging == Paging::x86_pae;
  const auto word = base::Bytes(std::span(tables.memory)).get_or<std::uint64_t>(found->physical, 0);
  std::ostringstream out;
  out << std::hex << (is_narrow ? word & 0xffffffff : word);
  return out.str();
}

class ProcessorWalk : public testing::TestWithParam<Paging> {};

TEST_P(ProcessorWalk, AgreesOnThousandsOfAddresses) {
  const std::string check = python() +
                            " -c 'import unicorn; assert unicorn.uc_version()[:2] >= (2, 1)'"
                            " 2>/dev/null";
  if (run(check).exit_code != 0) GTEST_SKIP() << "not at hand: Python's unicorn, 2.1 or later";
  for (const unsigned seed : {1u, 2u, 3u}) {
    RandomTables tables = random_tables(GetParam(), seed, 4000);
    const base::SegmentSource memory({{0, base::Bytes(std::span(tables.memory))}});
    const PageTables walker(memory, tables.paging, tables.root);
    const auto walks = processor_walks(tables);
    ASSERT_EQ(walks.size(), tables.addresses.size());
    std::size_t mapped = 0, differences = 0;
    for (std::size_t i = 0; i < walks.size(); i++) {
      const std::string ours = our_walk(tables, walker, tables.addresses[i]);
      if (ours != walks[i] && ++differences < 5)
        ADD_FAILURE() << std::hex << tables.addresses[i] << ": the processor has " << walks[i]
                      << ", we have " << ours << "; seed " << seed;
      mapped += walks[i] != "fault" && walks[i] != "hole";
    }
    EXPECT_EQ(differences, 0u);
    EXPECT_GT(mapped, walks.size() / 5);
    EXPECT_LT(mapped, walks.size() * 9 / 10);
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, ProcessorWalk,
                         testing::Values(Paging::x86, Paging::x86_pae, Paging::x64,
                                         Paging::x64_la57),
                         [](const auto& each) { return std::string(argument_of(each.param)); });

}  // namespace
}  // namespace ntstack::tests
