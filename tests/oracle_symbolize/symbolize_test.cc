// Addresses all over the code of each image: every line as llvm-symbolizer has its parts.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <span>
#include <sstream>

#include "base/mapped_file.h"
#include "base/text.h"
#include "pdbutil.h"
#include "pe/image.h"
#include "subjects.h"
#include "symbolized.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAddressesForEach = 600;

std::vector<std::uint32_t> addresses_in(const fs::path& path) {
  const auto file = base::MappedFile::open(path);
  const auto image = pe::Image::from_file(file->bytes());
  std::mt19937 random(2);
  std::set<std::uint32_t> all;
  for (const pe::Section& section : image->sections()) {
    if (!section.executable() || section.virtual_size == 0) continue;
    for (std::size_t i = 0; i < kAddressesForEach; ++i) {
      all.insert(section.rva + static_cast<std::uint32_t>(random()) % section.virtual_size);
    }
  }
  return {all.begin(), all.end()};
}

std::string input_of(std::span<const std::uint32_t> addresses) {
  std::ostringstream text;
  for (const std::uint32_t address : addresses) text << std::hex << "0x" << address << "\n";
  return text.str();
}

std::string source_text(const nlohmann::json& frame) {
  const std::string file = frame.at("FileName");
  if (file.empty()) return "";
  return " [" + file + " @ " + std::to_string(frame.at("Line").get<int>()) + "]";
}

// The procedures of a PDB by where they begin, as llvm-pdbutil prints them: llvm-symbolizer does
// not tell where the function that it names begins.
class Procedures {
 public:
  explicit Procedures(const std::vector<DumpedProcedure>& all) {
    for (const DumpedProcedure& each : all) {
      if (each.section != 0 && each.size != 0 && !each.is_thunk)
        ends_[each.rva] = each.rva + each.size;
    }
  }
  std::optional<std::uint32_t> begin_of(std::uint32_t address) const {
    const auto after = ends_.upper_bound(address);
    if (after == ends_.begin() || std::prev(after)->second <= address) return std::nullopt;
    return std::prev(after)->first;
  }

 private:
  std::map<std::uint32_t, std::uint32_t> ends_;
};

// What symbolize --inlines should print for an address; nothing outside of procedures, where
// llvm-symbolizer goes by the image's symbol table alone.
std::vector<std::string> expected_of(std::uint32_t address, const nlohmann::json& answer,
                                     const Procedures& procedures, const std::string& module) {
  const auto begin = procedures.begin_of(address);
  if (!begin || answer.is_null()) return {};
  const auto& frames = answer.at("Symbol");
  const auto& function = frames.back();
  std::string line =
      base::hex_text(address) + " " + module + "!" + function.at("FunctionName").get<std::string>();
  if (address != *begin) line += "+" + base::hex_text(address - *begin);
  std::vector<std::string> lines = {line + source_text(function)};
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    lines.push_back("  (inlined) " + module + "!" +
                    frames[i].at("FunctionName").get<std::string>() + source_text(frames[i]));
  }
  return lines;
}

// Where no one line holds an address: several begin at its start (see oracle_pdb), or a marker
// does.
class Lines {
 public:
  explicit Lines(const std::vector<DumpedPiece>& pieces) {
    for (const DumpedPiece& piece : pieces) {
      for (const DumpedLine& each : piece.lines) lines_[each.rva].insert(each.line);
    }
  }
  bool are_several_at(std::uint32_t address) const {
    const auto after = lines_.upper_bound(address);
    if (after == lines_.begin()) return false;
    return std::prev(after)->second.size() > 1;
  }

 private:
  std::map<std::uint32_t, std::set<std::uint32_t>> lines_;
};

// "Never step into this": a line of no file, which the tool prints as it stands.
bool has_marker(const std::string& line) {
  return line.ends_with(" @ 15732480]") || line.ends_with(" @ 16707566]");
}

void drop_source(std::string& line) { line.resize(std::min(line.find(" ["), line.size())); }

// Lines grouped by the address that they answer.
std::vector<std::vector<std::string>> grouped(const std::vector<std::string>& lines) {
  std::vector<std::vector<std::string>> groups;
  for (const std::string& line : lines) {
    if (!line.starts_with("  ")) groups.emplace_back();
    groups.back().push_back(line);
  }
  return groups;
}

// llvm-symbolizer's answers by address. It crashes on some addresses of real drivers: these are cut
// out by halves.
class Oracle {
 public:
  Oracle(fs::path tool, fs::path image) : tool_(std::move(tool)), image_(std::move(image)) {}

  void ask(std::span<const std::uint32_t> addresses) {
    std::ofstream(folder_.path() / "addresses") << input_of(addresses);
    const ToolResult result =
        run(quoted(tool_) +
            " --relative-address --no-demangle --functions=short --output-style=JSON --obj=" +
            quoted(image_) + " < " + quoted(folder_.path() / "addresses") + " 2>/dev/null");
    std::istringstream lines(result.out);
    std::vector<std::string> answers;
    for (std::string line; std::getline(lines, line);) answers.push_back(line);
    if (result.exit_code == 0 && answers.size() == addresses.size()) {
      for (std::size_t i = 0; i < answers.size(); ++i) answers_[addresses[i]] = answers[i];
    } else if (addresses.size() > 1) {
      ask(addresses.first(addresses.size() / 2));
      ask(addresses.subspan(addresses.size() / 2));
    }
  }

  // Null where there is none.
  nlohmann::json answer(std::uint32_t address) const {
    const auto found = answers_.find(address);
    return found == answers_.end() ? nlohmann::json() : nlohmann::json::parse(found->second);
  }

 private:
  fs::path tool_, image_;
  TemporaryFolder folder_;
  std::map<std::uint32_t, std::string> answers_;
};

TEST(SymbolizeAgainstSymbolizer, LinesAreAlike) {
  NTSTACK_NEED_TOOL(symbolizer, "llvm-symbolizer-19");
  NTSTACK_NEED_TOOL(pdbutil, "llvm-pdbutil-19");
  std::size_t compared = 0, with_inlines = 0, others = 0, differing = 0;
  for (const Subject& subject : subjects()) {
    if (subject.image.empty()) continue;
    // Those that are fetched are held against the tool in oracle_pdb, where its many ties of lines
    // are settled by what llvm-pdbutil says.
    if (subject.name.starts_with("win32-")) continue;
    const auto addresses = addresses_in(subject.image);
    Oracle oracle(symbolizer, subject.image);
    oracle.ask(addresses);
    app::SymbolizeOptions options;
    options.image = base::path_text(subject.image);
    options.inlines = subject.is_clang;  // llvm-symbolizer misses Microsoft's inline sites
    const Symbolized ours = symbolize(options, input_of(addresses));
    EXPECT_EQ(ours.exit_code, 0);
    EXPECT_EQ(ours.err, "") << subject.name;
    auto groups = grouped(ours.lines());
    ASSERT_EQ(groups.size(), addresses.size()) << subject.name;
    const Pdbutil truth(pdbutil, subject.pdb);
    const Procedures procedures(truth.procedures());
    const Lines lines(truth.pieces());
    const std::string module = base::path_text(subject.image.stem());
    for (std::size_t i = 0; i < groups.size(); ++i) {
      auto expected = expected_of(addresses[i], oracle.answer(addresses[i]), procedures, module);
      if (expected.empty()) {
        ++others;
        continue;
      }
      if (!subject.is_clang) expected.resize(1);
      if (lines.are_several_at(addresses[i]) || has_marker(expected.front())) {
        drop_source(expected.front());
        drop_source(groups[i].front());
      }
      if (groups[i] != expected && ++differing <= 20) {
        ADD_FAILURE() << subject.name << "\n  ours   " << testing::PrintToString(groups[i])
                      << "\n  theirs " << testing::PrintToString(expected);
      }
      ++compared;
      with_inlines += groups[i].size() > 1 ? 1 : 0;
    }
  }
  EXPECT_GT(compared, 0u);
  std::printf(
      "addresses: %zu, of them with inlined functions: %zu; not comparable: %zu; differing: %zu\n",
      compared, with_inlines, others, differing);
}

class Symbolize : public testing::Test {
 protected:
  void SetUp() override {
    NTSTACK_NEED_DATA(folder, "seh/x64");
    options_.image = base::path_text(folder / "xcpt4.exe");
    folder_ = folder;
  }
  std::string path_of(const char* name) const { return base::path_text(folder_ / name); }

  app::SymbolizeOptions options_;
  fs::path folder_;
};

TEST_F(Symbolize, AddressesMayBeGivenAsArguments) {
  options_.addresses = {"0x4020", "4025", "0x40`20"};
  const auto lines = symbolize(options_, "not read\n").lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].starts_with("0x4020 xcpt4!__security_check_cookie [")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("4025 xcpt4!__security_check_cookie+0x5 [")) << lines[1];
  EXPECT_TRUE(lines[2].starts_with("0x40`20 xcpt4!__security_check_cookie")) << lines[2];
}

TEST_F(Symbolize, AddressesMayBeOfTheImageAtABase) {
  options_.base = 0xfffff80412340000;
  const auto lines =
      symbolize(options_, "fffff804`12344020\n0xfffff80412340000\nfffff8041233ffff\n").lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0].starts_with("fffff804`12344020 xcpt4!__security_check_cookie")) << lines[0];
  EXPECT_EQ(lines[2], "fffff8041233ffff ??");
}

TEST_F(Symbolize, WhatIsUnknownIsSaidOnItsLine) {
  const auto lines =
      symbolize(options_, "\n zz \r\n0x\n10000\n1ffffffffffffffff\n\x1b[2J\n").lines();
  EXPECT_EQ(lines, (std::vector<std::string>{" ??", "zz ??", "0x ??", "10000 ??",
                                             "1ffffffffffffffff ??", "?[2J ??"}));
}

TEST_F(Symbolize, APdbAloneIsEnough) {
  options_.image = path_of("xcpt4.pdb");
  const auto lines = symbolize(options_, "4025\nffffffff\n").lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(lines[0].starts_with("4025 xcpt4!__security_check_cookie+0x5 [")) << lines[0];
  EXPECT_EQ(lines[1], "ffffffff ??");
}

TEST_F(Symbolize, AnotherImagesPdbIsRefused) {
  options_.pdb = path_of("nested_collided.pdb");
  const Symbolized result = symbolize(options_, "4025\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("C0612E0E06364D5B956711A9C95291C81"), std::string::npos) << result.err;
  options_.pdb = path_of("xcpt4.pdb");
  EXPECT_EQ(symbolize(options_, "4025\n").exit_code, 0);
}

TEST_F(Symbolize, WithoutItsPdbAnImageIsNamedByExportsAndTheRemedyIsSaid) {
  const TemporaryFolder folder;
  fs::copy_file(folder_ / "xframe_eh_dll.dll", folder.path() / "xframe_eh_dll.dll");
  options_.image = base::path_text(folder.path() / "xframe_eh_dll.dll");
  const Symbolized result = symbolize(options_, "1003\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "1003 xframe_eh_dll!setup_data_dll+0x3\n");
  EXPECT_NE(result.err.find("on the symbol path (-y), or give --pdb"), std::string::npos);
  options_.paths.symbol_path = base::path_text(folder_);
  EXPECT_EQ(symbolize(options_, "1003\n").err, "");
}

TEST_F(Symbolize, AFileThatIsNeitherImageNorPdbIsAnError) {
  options_.image = path_of("../LICENCE");
  EXPECT_EQ(symbolize(options_, "1\n").exit_code, 1);
  options_.image = path_of("absent.exe");
  const Symbolized result = symbolize(options_, "1\n");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("absent.exe"), std::string::npos);
}

TEST_F(Symbolize, JsonLinesHoldTheSame) {
  options_.json_lines = true;
  options_.inlines = true;
  const auto lines = symbolize(options_, "4025\nzz\n").lines();
  ASSERT_EQ(lines.size(), 2u);
  const auto known = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(known.at("address"), "4025");
  EXPECT_EQ(known.at("module"), "xcpt4");
  EXPECT_EQ(known.at("name"), "__security_check_cookie");
  EXPECT_EQ(known.at("offset"), 5);
  EXPECT_TRUE(known.contains("line"));
  EXPECT_TRUE(known.at("inlined").empty());
  EXPECT_EQ(nlohmann::json::parse(lines[1]), nlohmann::json({{"address", "zz"}}));
}

}  // namespace
}  // namespace ntstack::tests
