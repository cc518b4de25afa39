// ub, uf, calls and imports on real images. Truth: the boundaries of llvm-objdump's listings,
// unwind data and imports as llvm-readobj reads them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <sstream>

#include "analysis/called.h"
#include "analysis/function_code.h"
#include "analysis/listing.h"
#include "listed_by_llvm.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

using analysis::Called;
using analysis::CodeView;
using analysis::Listing;
using base::Architecture;

struct Tried {
  std::size_t images = 0, calls = 0, exact = 0, guesses = 0, wrong_guesses = 0, wrong_facts = 0;
};

bool is_call(const ListedInstruction& listed, Architecture architecture) {
  return architecture == Architecture::arm64
             ? listed.mnemonic == "bl" || listed.mnemonic.starts_with("blr")
             : listed.mnemonic == "call";
}

// From every return address: the five instructions before it.
void try_before(const std::filesystem::path& objdump, const std::filesystem::path& path,
                bool with_pdb, Tried& tried) {
  LoadedImage image(path, with_pdb);
  const auto listed = listed_by_llvm(objdump, path);
  const Architecture architecture = image.image().architecture();
  ++tried.images;
  for (std::size_t i = 8; i < listed.size(); ++i) {
    if (!is_call(listed[i], architecture)) continue;
    // Five instructions of one stretch of code.
    bool is_one = true;
    for (std::size_t k = i - 4; k <= i; ++k)
      is_one = is_one && listed[k - 1].address + listed[k - 1].length == listed[k].address &&
               !listed[k].begins_block && listed[k].mnemonic != "<unknown>";
    if (!is_one || tried.calls % 7 != 0) {
      ++tried.calls;
      continue;
    }
    ++tried.calls;
    const Listing before = list_before(image.view(), listed[i].address + listed[i].length, 5);
    bool is_right = before.lines.size() == 5;
    for (std::size_t k = 0; is_right && k < 5; ++k)
      is_right = before.lines[k].instruction.address == listed[i - 4 + k].address;
    ++(before.is_guess ? tried.guesses : tried.exact);
    if (!is_right) {
      ++(before.is_guess ? tried.wrong_guesses : tried.wrong_facts);
      if (!before.is_guess && tried.wrong_facts <= 5)
        std::printf("%s %llx by %s\n", path.filename().c_str(),
                    static_cast<unsigned long long>(listed[i].address),
                    std::string(name_of(before.counted_from)).c_str());
    }
  }
}

void expect_before(Architecture architecture, bool with_pdb, double most_wrong) {
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  Tried tried;
  for (const auto& path : images_of(architecture)) try_before(objdump, path, with_pdb, tried);
  if (tried.images == 0) GTEST_SKIP() << "no images at hand";
  std::printf("%zu images: %zu exact (%zu wrong), %zu guesses (%zu wrong)\n", tried.images,
              tried.exact, tried.wrong_facts, tried.guesses, tried.wrong_guesses);
  EXPECT_EQ(tried.wrong_facts, 0u);
  EXPECT_LE(static_cast<double>(tried.wrong_guesses),
            most_wrong * static_cast<double>(tried.guesses + tried.exact));
}

TEST(Before, IsExactFromEveryCallOfX64Images) { expect_before(Architecture::x64, true, 0.01); }
TEST(Before, IsExactOrSaysThatItGuessesInX86Images) {
  expect_before(Architecture::x86, false, 0.01);
}
TEST(Before, IsExactByThePdbsOfX86Images) { expect_before(Architecture::x86, true, 0.01); }
TEST(Before, IsExactFromEveryCallOfArm64Images) { expect_before(Architecture::arm64, true, 0); }

// Every instruction that LLVM lists in the extents is of the function, and none of another's.
void try_functions(const std::filesystem::path& objdump, const std::filesystem::path& path,
                   bool with_pdb, std::size_t& functions, std::size_t& wrong,
                   std::size_t& unreached, std::size_t& instructions) {
  LoadedImage image(path, with_pdb);
  std::map<std::uint64_t, ListedInstruction> listed;
  for (auto& each : listed_by_llvm(objdump, path)) listed.emplace(each.address, each);
  const std::vector<Extent> extents = extents_of(path);
  for (std::size_t i = 0; i < extents.size(); i += 1 + extents.size() / 150) {
    const Extent& extent = extents[i];
    if (extent.is_part) continue;
    const auto function = function_code(image.view(), extent.begin);
    ++functions;
    std::set<std::uint64_t> ours;
    for (const auto& block : function.blocks)
      for (const auto& line : block.lines) ours.insert(line.instruction.address);
    instructions += function.instructions;
    unreached += function.unreached;
    bool is_right = function.start.address == extent.begin;
    for (auto at = listed.lower_bound(extent.begin); at != listed.end() && at->first < extent.end;
         ++at) {
      const bool is_padding = at->second.mnemonic == "int3" || at->second.mnemonic == "nop" ||
                              at->second.mnemonic == "<unknown>";
      if (!is_padding && !ours.contains(at->first)) is_right = false;
    }
    for (const Extent& other : extents) {
      if (other.begin == extent.begin || other.is_part) continue;
      const auto inside = ours.lower_bound(other.begin);
      if (inside != ours.end() && *inside < other.end) is_right = false;
    }
    if (!is_right && ++wrong <= 10)
      std::printf("%s %llx..%llx: %zu instructions from %llx\n", path.filename().c_str(),
                  static_cast<unsigned long long>(extent.begin),
                  static_cast<unsigned long long>(extent.end), function.instructions,
                  static_cast<unsigned long long>(function.start.address));
  }
}

void expect_functions(Architecture architecture, const std::filesystem::path& folder,
                      bool with_pdb) {
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  NTSTACK_NEED_TOOL(readobj, "llvm-readobj-19");
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  std::size_t functions = 0, wrong = 0, unreached = 0, instructions = 0;
  for (const auto& path : images_of(architecture))
    if (path.string().starts_with(folder.string()))
      try_functions(objdump, path, with_pdb, functions, wrong, unreached, instructions);
  if (functions == 0) GTEST_SKIP() << "no images at hand";
  std::printf("%zu functions, %zu instructions, %zu of them not reached: %zu functions wrong\n",
              functions, instructions, unreached, wrong);
  EXPECT_EQ(wrong, 0u);
}

TEST(Functions, AreWholeByTheUnwindDataOfX64Images) {
  expect_functions(Architecture::x64, node_pty_x64(), false);
}
TEST(Functions, AreWholeByTheUnwindDataOfArm64Images) {
  expect_functions(Architecture::arm64, node_pty_arm64(), false);
}
TEST(Functions, AreWholeByThePdbsOfX64Images) {
  expect_functions(Architecture::x64, node_pty_x64(), true);
}
TEST(Functions, AreWholeByThePdbsOfArm64Images) {
  expect_functions(Architecture::arm64, node_pty_arm64(), true);
}

struct LlvmImport {
  std::string dll, name;
};

std::set<std::string> imports_by_llvm(const std::filesystem::path& readobj,
                                      const std::filesystem::path& path) {
  const ToolResult printed =
      run(quoted(readobj) + " --coff-imports " + quoted(path) + " 2>/dev/null");
  std::set<std::string> all;
  std::istringstream lines(printed.out);
  std::string dll;
  for (std::string line; std::getline(lines, line);) {
    if (const auto at = line.find("Name: "); at != std::string::npos) dll = line.substr(at + 6);
    if (const auto at = line.find("Symbol: "); at != std::string::npos) {
      const std::string symbol = line.substr(at + 8);
      const std::size_t open = symbol.rfind(" (");
      const std::string name = symbol.substr(0, open);
      all.insert(
          dll + "!" +
          (name.empty() ? "Ordinal" + std::to_string(std::stoul(symbol.substr(open + 2))) : name));
    }
  }
  return all;
}

TEST(Imports, AreThoseThatLlvmReads) {
  NTSTACK_NEED_TOOL(readobj, "llvm-readobj-19");
  std::size_t images = 0, slots = 0;
  for (const Architecture architecture :
       {Architecture::x86, Architecture::x64, Architecture::arm64}) {
    for (const auto& path : images_of(architecture)) {
      LoadedImage image(path, false);
      std::set<std::string> ours;
      const auto read = pe::imports(image.image());
      ASSERT_TRUE(read);
      for (const pe::ImportSlot& slot : *read) ours.insert(slot.dll + "!" + slot.name);
      slots += ours.size();
      EXPECT_EQ(ours, imports_by_llvm(readobj, path)) << path;
      ++images;
    }
  }
  if (images == 0) GTEST_SKIP() << "no images at hand";
  std::printf("%zu images, %zu imports\n", images, slots);
}

// Every call of an image through its import table, nothing of memory being there: the import's
// name.
TEST(Called, IsNamedByTheImportTableWhereMemoryIsAbsent) {
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  NTSTACK_NEED_FETCHED(node_pty_x64());
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  std::size_t calls = 0;
  for (const auto& path : images_of(Architecture::x64)) {
    if (!path.string().starts_with(node_pty_x64().string())) continue;
    // Moved away from where it wants to be, with nothing in the dump.
    LoadedImage probe(path, false);
    const std::uint64_t moved_by = 0x10000000;
    LoadedImage image(path, false, probe.base() + moved_by, false);
    const auto imports = pe::imports(image.image());
    for (const ListedInstruction& listed : listed_by_llvm(objdump, path)) {
      if (listed.mnemonic != "call" || !listed.commented) continue;
      const auto slot =
          std::ranges::find(*imports, *listed.commented - probe.base(), &pe::ImportSlot::rva);
      const Called called = called_before(image.view(), listed.address + listed.length + moved_by);
      ASSERT_TRUE(called.call) << listed.address;
      EXPECT_EQ(called.slot, *listed.commented + moved_by);
      if (slot == imports->end()) continue;
      EXPECT_EQ(called.by, analysis::CalledBy::import_table);
      EXPECT_TRUE(called.symbol.ends_with("!" + slot->name)) << called.symbol;
      ++calls;
    }
  }
  std::printf("%zu calls\n", calls);
  EXPECT_GT(calls, 100u);
}

// Every call of ARM64's adrp, ldr, blr, by LLVM's own sum of the pair where the three stand
// together.
TEST(Called, IsReadFromWhatAdrpAndLdrName) {
  NTSTACK_NEED_TOOL(objdump, "llvm-objdump-19");
  NTSTACK_NEED_FETCHED(node_pty_arm64());
  if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  std::size_t calls = 0, known = 0, joined = 0;
  for (const auto& path : images_of(Architecture::arm64)) {
    LoadedImage image(path, true);
    const auto listed = listed_by_llvm(objdump, path);
    std::set<std::uint64_t> branched_to;
    for (const ListedInstruction& each : listed)
      if (each.mnemonic.starts_with("b") || each.mnemonic.starts_with("cb") ||
          each.mnemonic.starts_with("tb"))
        if (const auto at = each.operands.rfind("0x"); at != std::string::npos)
          branched_to.insert(std::stoull(each.operands.substr(at), nullptr, 16));
    for (std::size_t i = 2; i < listed.size(); ++i) {
      if (listed[i].mnemonic != "blr" || listed[i - 2].mnemonic != "adrp" ||
          listed[i - 1].mnemonic != "ldr")
        continue;
      const std::string reg = listed[i].operands + ",";
      if (!listed[i - 2].operands.starts_with(reg) || !listed[i - 1].operands.starts_with(reg) ||
          listed[i - 1].operands.find("[" + listed[i].operands) == std::string::npos)
        continue;
      const std::uint64_t page = std::stoull(
          listed[i - 2].operands.substr(listed[i - 2].operands.find("0x")), nullptr, 16);
      const std::size_t hash = listed[i - 1].operands.find('#');
      const std::uint64_t slot =
          page + (hash == std::string::npos
                      ? 0
                      : std::stoull(listed[i - 1].operands.substr(hash + 1), nullptr, 0));
      const Called called = called_before(image.view(), listed[i].address + 4);
      if (branched_to.contains(listed[i].address) || branched_to.contains(listed[i - 1].address)) {
        EXPECT_FALSE(called.target) << listed[i].address;
        EXPECT_FALSE(called.why_unknown.empty());
        ++joined;
        continue;
      }
      ++calls;
      const bool is_right =
          called.slot == slot || (!called.passed.empty() && called.passed[0].slot == slot);
      EXPECT_TRUE(is_right) << listed[i].address << " " << called.why_unknown;
      known += called.target.has_value();
    }
  }
  std::printf("%zu calls, %zu with a target; %zu that more than one way leads to\n", calls, known,
              joined);
  EXPECT_GT(calls, 20u);
}

}  // namespace
}  // namespace ntstack::tests
