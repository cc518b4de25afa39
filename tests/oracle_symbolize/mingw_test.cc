// An image of MinGW has its names in COFF symbols: as nm prints them.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "symbolized.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

void write_program(const fs::path& path) {
  std::ofstream(path)
      << "volatile int sink;\n"
         "__attribute__((noinline)) static int helper(int a) { return sink += a; }\n"
         "__attribute__((noinline)) int __stdcall other(int a) { return helper(a) * 3; }\n"
         "int main(void) { return other(sink) + helper(1); }\n";
}

struct Function {
  std::uint64_t address;
  std::string name;
};

std::vector<Function> functions_of(const std::string& nm) {
  std::vector<Function> all;
  std::istringstream lines(nm);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line);
    std::string address, kind, name;
    if (parts >> address >> kind >> name && (kind == "T" || kind == "t")) {
      all.push_back({std::stoull(address, nullptr, 16), name});
    }
  }
  return all;
}

void expect_named(const std::string& compiler, const std::string& nm, bool is_x86) {
  const TemporaryFolder folder;
  const fs::path source = folder.path() / "program.c", image = folder.path() / "program.exe";
  write_program(source);
  ASSERT_EQ(run(compiler + " -O1 -o " + quoted(image) + " " + quoted(source)).exit_code, 0);
  std::size_t found = 0;
  for (const Function& function : functions_of(run(nm + " " + quoted(image)).out)) {
    std::string name = function.name;
    for (const char* wanted : {"helper", "other", "main"}) {
      const std::string decorated = std::string("_") + wanted;
      const bool is_it = is_x86 ? name == decorated || name == decorated + "@4" : name == wanted;
      if (!is_it) continue;
      app::SymbolizeOptions options;
      options.image = base::path_text(image);
      options.base = is_x86 ? 0x400000 : 0x140000000;  // where the linker puts programs
      options.addresses = {base::hex_text(function.address + 2)};
      EXPECT_EQ(symbolize(options).out, options.addresses[0] + " program!" + wanted + "+0x2\n");
      ++found;
    }
  }
  EXPECT_EQ(found, 3u);
}

TEST(SymbolizeMingw, FunctionsAreNamedByCoffSymbols) {
  NTSTACK_NEED_TOOL(compiler, "x86_64-w64-mingw32-gcc");
  NTSTACK_NEED_TOOL(nm, "x86_64-w64-mingw32-nm");
  expect_named(quoted(compiler), quoted(nm), false);
}

TEST(SymbolizeMingw, X86DecorationIsDropped) {
  NTSTACK_NEED_TOOL(compiler, "i686-w64-mingw32-gcc");
  NTSTACK_NEED_TOOL(nm, "i686-w64-mingw32-nm");
  expect_named(quoted(compiler), quoted(nm), true);
}

}  // namespace
}  // namespace ntstack::tests
