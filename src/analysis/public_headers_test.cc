// The names of bugchecks and of NTSTATUS values against public headers that others keep
// (mingw-w64's bugcodes.h and ntstatus.h), every one that both have.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "analysis/bugcheck.h"
#include "analysis/status_names.h"

namespace ntstack::analysis {
namespace {

using Names = std::map<std::uint32_t, std::set<std::string>>;

// "#define NAME ((ULONG)0x...)", and without the type. Empty where the header is not installed.
Names names_in(const char* header) {
  const auto path = std::filesystem::path("/usr/share/mingw-w64/include") / header;
  std::ifstream file(path);
  const std::regex definition(
      R"(#define\s+(\w+)\s+\(?\(?(?:(?:ULONG|NTSTATUS)\)\s*)?(0x[0-9A-Fa-f]+))");
  Names names;
  for (std::string line; std::getline(file, line);) {
    std::smatch found;
    if (std::regex_search(line, found, definition))
      names[static_cast<std::uint32_t>(std::stoul(found[2], nullptr, 16))].insert(found[1]);
  }
  return names;
}

TEST(PublicHeaders, HaveTheSameNamesOfBugchecks) {
  const Names names = names_in("bugcodes.h");
  if (names.empty()) GTEST_SKIP() << "not installed: mingw-w64's bugcodes.h";
  // The header's names are old ones, or another code's; Microsoft's reference has ours.
  const std::set<std::uint32_t> others = {0x1d, 0xc3, 0xfa};
  std::size_t compared = 0;
  for (const auto& [code, theirs] : names) {
    const bool is_message = (code >= 0x40000000 && code < 0x90000000) || code == 0;
    if (is_message || others.contains(code)) continue;
    const BugcheckMeaning* ours = bugcheck_meaning(code);
    ASSERT_TRUE(ours) << std::hex << code << " " << *theirs.begin();
    EXPECT_TRUE(theirs.contains(std::string(ours->name))) << std::hex << code << " " << ours->name;
    ++compared;
  }
  EXPECT_GT(compared, 150u);
  std::printf("compared: %zu names of bugchecks with bugcodes.h\n", compared);
}

TEST(PublicHeaders, HaveTheSameNamesOfStatuses) {
  const Names names = names_in("ntstatus.h");
  if (names.empty()) GTEST_SKIP() << "not installed: mingw-w64's ntstatus.h";
  std::size_t compared = 0;
  for (const auto& [code, theirs] : names) {
    const std::string_view ours = status_name(code);
    if (ours.empty()) continue;
    EXPECT_TRUE(theirs.contains(std::string(ours))) << std::hex << code << " " << ours;
    ++compared;
  }
  EXPECT_GT(compared, 45u);
  std::printf("compared: %zu names of statuses with ntstatus.h\n", compared);
}

}  // namespace
}  // namespace ntstack::analysis
