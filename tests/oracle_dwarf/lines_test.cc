// Functions, inlined functions and lines of every byte of compiled code: as binutils' addr2line has
// them, which shares no code with the library that reads them here. ARM64 images, which Debian's
// binutils does not read, are compared with LLVM's own addr2line.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/text.h"
#include "compiled.h"
#include "pe/symbols.h"
#include "symbols/symbolizer.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

struct Place {
  std::string function, file;
  std::uint32_t line = 0;
  bool operator==(const Place&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Place& place) {
  return out << place.function << " " << place.file << ":" << place.line;
}
using Chain = std::vector<Place>;  // innermost first

std::string without(std::string text, std::string_view part) {
  if (const std::size_t at = text.find(part); at != std::string::npos) text.erase(at, part.size());
  return text;
}

// "int outer::generic<int>(int)" and "outer::Derived::operator()(int) const" without what is not
// the name: result, parameters, qualifiers.
std::string bare_name(std::string name) {
  for (std::string_view suffix : {" const", " [clone .cold]"})
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  if (name.ends_with(')') && !name.ends_with("operator()")) {
    int depth = 0;
    std::size_t at = name.size();
    while (at > 0) {
      --at;
      if (name[at] == ')') ++depth;
      if (name[at] == '(' && --depth == 0) break;
    }
    name.resize(at);
  }
  int nesting = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++nesting;
    if (name[i] == '>') --nesting;
    const bool in_scope = name.substr(0, i).ends_with("(anonymous");
    if (name[i] == ' ' && nesting == 0 && !in_scope) begin = i + 1;
  }
  return without(name.substr(begin), "(anonymous namespace)::");
}

std::string short_file(const std::string& path) { return std::string(base::file_name_of(path)); }

// What addr2line prints, demangled by binutils: a line with the address, then pairs of function and
// file:line.
std::map<std::uint64_t, Chain> addr2line(const Build& build, const Compiled& compiled,
                                         const std::vector<std::uint64_t>& addresses) {
  const fs::path input = compiled.path.parent_path() / "addresses.txt";
  {
    std::ofstream out(input);
    for (const std::uint64_t address : addresses) out << base::hex_text(address) << "\n";
  }
  std::istringstream text(run(build.addr2line + " -a -f -i -e " + quoted(compiled.path) + " < " +
                              quoted(input) + " | x86_64-w64-mingw32-c++filt")
                              .out);
  std::map<std::uint64_t, Chain> chains;
  Chain* chain = nullptr;
  for (std::string line, where; std::getline(text, line);) {
    if (line.starts_with("0x")) {
      chain = &chains[std::stoull(line, nullptr, 16)];
      continue;
    }
    if (!std::getline(text, where) || !chain) break;
    const std::size_t colon = where.find(':', where.find_last_of('/') + 1);
    Place place{bare_name(line), short_file(where.substr(0, colon)), 0};
    if (colon != std::string::npos && where[colon + 1] != '?')
      place.line = static_cast<std::uint32_t>(std::stoul(where.substr(colon + 1)));
    if (place.line == 0) place.file.clear();  // code that no line stands for
    chain->push_back(std::move(place));
  }
  return chains;
}

Chain chain_at(const dwarf::Dwarf& dwarf, std::uint32_t rva) {
  Chain chain;
  for (const dwarf::InlineFrame& frame : dwarf.inlined_at(rva))
    chain.push_back({frame.name, short_file(frame.file), frame.line});
  const auto function = dwarf.function_at(rva);
  const auto line = dwarf.line_at(rva);
  const std::string name = function ? function->name : "";
  chain.push_back({without(name, "`anonymous namespace'::"), line ? short_file(line->file) : "",
                   line ? line->line : 0});
  return chain;
}

// Every byte of the code: addresses inside of instructions are asked for by callers' frames.
void compare_all(const Build& build, const Compiled& compiled, std::size_t& inlined) {
  std::vector<std::uint64_t> addresses;
  const std::uint64_t base = compiled.image.preferred_base();
  for (const pe::Section& section : compiled.image.sections()) {
    if (!section.executable()) continue;
    for (std::uint32_t i = 0; i < section.virtual_size; ++i)
      if (compiled.dwarf->function_at(section.rva + i)) addresses.push_back(base + section.rva + i);
  }
  ASSERT_GT(addresses.size(), 100u);
  const auto wanted = addr2line(build, compiled, addresses);
  ASSERT_EQ(wanted.size(), addresses.size());
  std::size_t bad = 0;
  for (const auto& [address, chain] : wanted) {
    const Chain ours = chain_at(*compiled.dwarf, static_cast<std::uint32_t>(address - base));
    inlined += ours.size() - 1;
    if (ours == chain || ++bad > 5) continue;
    ADD_FAILURE() << base::hex_text(address) << " ours: " << testing::PrintToString(ours)
                  << "\n  theirs: " << testing::PrintToString(chain);
  }
  EXPECT_EQ(bad, 0u);
}

void compare_program(const std::string& source, const std::string& extra = "") {
  std::size_t built = 0;
  for (const Build& build : builds()) {
    if (!can_build(build)) continue;
    SCOPED_TRACE(build.name);
    const TemporaryFolder folder;
    const auto compiled = compile(build, source, folder.path(), extra);
    ASSERT_TRUE(compiled);
    ASSERT_TRUE(compiled->dwarf);
    std::size_t inlined = 0;
    compare_all(build, *compiled, inlined);
    EXPECT_GT(inlined, 20u);
    EXPECT_TRUE(compiled->dwarf->warnings().empty());
    ++built;
  }
  if (built == 0) GTEST_SKIP() << "no compiler for MinGW is installed";
}

TEST(DwarfLines, EveryByteOfACProgramIsNamedAsAddr2lineNamesIt) { compare_program("calls.c"); }

TEST(DwarfLines, EveryByteOfACxxProgramIsNamedAsAddr2lineNamesIt) {
  compare_program("scopes.cc", "-fno-exceptions -fno-rtti");
}

TEST(DwarfLines, FunctionsInSectionsOfTheirOwnAreNamedAsAddr2lineNamesThem) {
  compare_program("calls.c", "-ffunction-sections");
}

TEST(DwarfNames, AddressesOfFunctionsAndVariablesAreThoseOfTheCoffSymbols) {
  for (const Build& build : builds()) {
    if (!can_build(build)) continue;
    SCOPED_TRACE(build.name);
    const TemporaryFolder folder;
    const auto compiled = compile(build, "calls.c", folder.path());
    ASSERT_TRUE(compiled && compiled->dwarf);
    const bool is_x86 = compiled->image.architecture() == base::Architecture::x86;
    const auto symbols = pe::coff_symbols(compiled->image);
    ASSERT_TRUE(symbols);
    std::size_t found = 0;
    for (const pe::ImageSymbol& symbol : *symbols) {
      const std::string name = is_x86 ? symbol.name.substr(1) : symbol.name;
      for (const char* wanted : {"work", "hidden", "rare", "start", "never_called"}) {
        if (name != wanted) continue;
        EXPECT_EQ(compiled->dwarf->rva_of(name), symbol.rva) << name;
        ++found;
      }
    }
    EXPECT_EQ(found, 5u);
    EXPECT_TRUE(compiled->dwarf->rva_of("table"));
    EXPECT_FALSE(compiled->dwarf->rva_of("no_such_name"));
    EXPECT_FALSE(compiled->dwarf->rva_of(""));
  }
}

TEST(DwarfNames, NamesWithScopesAndLinkersNamesAreFound) {
  for (const Build& build : builds()) {
    if (!can_build(build)) continue;
    SCOPED_TRACE(build.name);
    const TemporaryFolder folder;
    const auto compiled = compile(build, "scopes.cc", folder.path(), "-fno-exceptions -fno-rtti");
    ASSERT_TRUE(compiled && compiled->dwarf);
    const auto method = compiled->dwarf->rva_of("outer::inner::Base::fixed");
    ASSERT_TRUE(method);
    EXPECT_EQ(compiled->dwarf->function_at(*method)->name, "outer::inner::Base::fixed");
    EXPECT_EQ(compiled->dwarf->rva_of("_ZN5outer5inner4Base5fixedEi"), method);
    EXPECT_TRUE(compiled->dwarf->rva_of("outer::generic<int>"));
    EXPECT_FALSE(compiled->dwarf->rva_of("fixed"));
  }
}

TEST(DwarfUnits, OnesThatWereSplitOffAreSaidToBeMissing) {
  NTSTACK_NEED_TOOL(compiler, "x86_64-w64-mingw32-gcc");
  const TemporaryFolder folder;
  const Build build = builds().front();
  const auto compiled = compile(build, "calls.c", folder.path(), "-gsplit-dwarf");
  if (!compiled || !compiled->dwarf) GTEST_SKIP() << "this compiler splits no DWARF off";
  const auto start = pe::coff_symbols(compiled->image);
  ASSERT_TRUE(start && !start->empty());
  for (const pe::ImageSymbol& symbol : *start)
    EXPECT_FALSE(compiled->dwarf->function_at(symbol.rva));
  ASSERT_FALSE(compiled->dwarf->warnings().empty());
  EXPECT_NE(compiled->dwarf->warnings()[0].find("-gsplit-dwarf"), std::string::npos);

  // A user hears of it where an address of the image was named.
  symbols::ModuleKey key;
  key.name = base::path_text(compiled->path.filename());
  key.base = 0x10000000;
  key.size = compiled->image.size_of_image();
  key.timestamp = compiled->image.timestamp();
  symbols::Symbolizer symbolizer(
      {key}, {{}, store::SymbolPath::of_folder(base::path_text(folder.path()))});
  symbolizer.name(key.base + start->front().rva, false);
  const auto missing = symbolizer.missing();
  ASSERT_EQ(missing.size(), 1u);
  EXPECT_EQ(missing[0].what, "DWARF");
  EXPECT_NE(missing[0].remedy.find("-gsplit-dwarf"), std::string::npos) << missing[0].remedy;
}

}  // namespace
}  // namespace ntstack::tests
