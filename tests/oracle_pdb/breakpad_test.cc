// Functions and lines against the symbol file that Breakpad made, with Microsoft's DIA, of the same
// PDB.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "base/mapped_file.h"
#include "pdb/pdb.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

// Breakpad undecorates: "static int ns::f(char)" is ns::f, and "f" may be _f.
bool name_is(std::string theirs, std::string_view ours) {
  theirs.resize(std::min(theirs.size(), theirs.find('(')));
  if (theirs.ends_with(ours)) return true;
  while (ours.starts_with('_')) {
    ours.remove_prefix(1);
    if (theirs == ours) return true;
  }
  return false;
}

TEST(NamesAgainstBreakpad, FunctionsAndLinesAreAsDiaSaysThem) {
  NTSTACK_NEED_DATA(path, "breakpad/dump_syms_regtest64.pdb");
  NTSTACK_NEED_DATA(reference, "breakpad/dump_syms_regtest64.sym");
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto pdb = pdb::Pdb::open(file->bytes());
  ASSERT_TRUE(pdb) << pdb.error().text();

  std::map<std::string, std::string> files;
  std::size_t functions = 0, lines = 0, publics = 0;
  std::ifstream symbols(reference);
  for (std::string text; std::getline(symbols, text);) {
    if (!text.empty() && text.back() == '\r') text.pop_back();
    std::istringstream words(text);
    std::string kind, number, name;
    words >> kind;
    if (kind == "FILE") {
      words >> number >> std::ws;
      std::getline(words, files[number]);
    } else if (kind == "FUNC") {
      std::uint32_t rva = 0, size = 0, params = 0;
      words >> std::hex >> rva >> size >> params >> std::ws;
      std::getline(words, name);
      const auto found = pdb->function_at(rva);
      ASSERT_TRUE(found) << text;
      EXPECT_EQ(found->rva, rva) << text;
      EXPECT_EQ(found->size, size) << text;
      EXPECT_TRUE(name_is(name, found->name)) << text << " is " << found->name;
      ++functions;
    } else if (kind == "PUBLIC") {
      std::uint32_t rva = 0;
      words >> std::hex >> rva;
      const auto found = pdb->function_at(rva);
      ASSERT_TRUE(found) << text;
      EXPECT_EQ(found->rva, rva) << text;
      ++publics;
    } else if (kind.find_first_not_of("0123456789abcdef") == std::string::npos && !kind.empty()) {
      std::uint32_t size = 0, line = 0;
      words >> std::hex >> size >> std::dec >> line >> number;
      const auto rva = static_cast<std::uint32_t>(std::stoul(kind, nullptr, 16));
      if (size == 0) continue;  // another line begins at the same address and has the code
      const auto found = pdb->line_at(rva);
      ASSERT_TRUE(found) << text;
      EXPECT_EQ(found->line, line) << text;
      EXPECT_EQ(found->file, files[number]) << text;
      ++lines;
    }
  }
  std::printf("Breakpad: %zu functions, %zu publics, %zu lines\n", functions, publics, lines);
}

}  // namespace
}  // namespace ntstack::tests
