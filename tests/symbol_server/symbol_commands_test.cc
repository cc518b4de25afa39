// The program as a user runs it, with symbols from a real nginx: stacks are those of local files,
// and nothing is asked for that they do not want. The dump and its files are the bundled sample's.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "symbol_server/server.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

class SymbolCommands : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto missing = SymbolServer::missing(); !missing.empty())
      GTEST_SKIP() << "not installed: " << missing;
    ASSERT_EQ(ntstack("symbols import " + quoted(sample() / "symbols") + " --quiet --to " +
                      quoted(store()))
                  .exit_code,
              0);
    ASSERT_TRUE(server_.start(store())) << server_.error();
    server_.forget_requests();
  }

  static fs::path sample() { return source_dir() / "samples/seed1"; }
  static std::string dump() { return quoted(sample() / "w3wp.dmp"); }
  fs::path store() const { return folder_.path() / "store"; }
  fs::path cache() const { return folder_.path() / "cache"; }
  std::string path(std::string_view prefix = "/plain") const {
    return "-y " + quoted(fs::path("srv*" + cache().string() + "*" + server_.url(prefix)));
  }

  // Its standard error goes to err().
  ToolResult ntstack(const std::string& arguments) const {
    return run("cd " + quoted(folder_.path()) + " && HOME=" + quoted(folder_.path() / "home") +
               " XDG_CACHE_HOME= _NT_SYMBOL_PATH= " + quoted(binary_dir() / "ntstack") + " " +
               arguments + " 2>" + quoted(folder_.path() / "err"));
  }
  std::string err() const {
    std::ifstream in(folder_.path() / "err");
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  std::string local_stacks() const {
    return ntstack("stacks " + dump() + " -y " + quoted(sample() / "symbols")).out;
  }
  // Without the files that "Not at hand" would name.
  static std::size_t count(const std::string& text, std::string_view what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
    return found;
  }

  TemporaryFolder folder_;
  SymbolServer server_;
};

TEST_F(SymbolCommands, StacksWithAServerAreThoseOfLocalFilesAndAskForNoMore) {
  const ToolResult result = ntstack("stacks " + dump() + " " + path());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(err().find("asking " + server_.url("/plain")), std::string::npos) << err();
  EXPECT_EQ(result.out, local_stacks());
  EXPECT_EQ(count(result.out, "scan?"), 0u);
  std::set<std::string> asked;
  for (const LoggedRequest& request : server_.requests()) {
    EXPECT_EQ(request.status, 200) << request.path;
    EXPECT_TRUE(asked.insert(request.path).second) << "twice: " << request.path;
  }
  EXPECT_EQ(asked.size(), 12u);  // an image and a PDB of six modules

  server_.forget_requests();
  EXPECT_EQ(ntstack("stacks " + dump() + " " + path()).out, result.out);
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_EQ(err(), "");
}

TEST_F(SymbolCommands, NothingIsAskedOfflineOrWithoutAServerAndQuietIsSilent) {
  const auto offline = ntstack("stacks " + dump() + " --offline " + path());
  EXPECT_EQ(offline.exit_code, 0);
  EXPECT_NE(offline.out.find("not asked: " + server_.url("/plain")), std::string::npos);
  EXPECT_EQ(ntstack("stacks " + dump()).exit_code, 0);
  EXPECT_EQ(ntstack("symbols check " + dump() + " " + path()).exit_code, 0);
  EXPECT_EQ(ntstack("symbols list " + dump() + " " + path()).exit_code, 0);
  EXPECT_EQ(ntstack("info " + dump() + " " + path()).exit_code, 0);
  EXPECT_EQ(ntstack("modules " + dump() + " " + path()).exit_code, 0);
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_EQ(ntstack("stacks " + dump() + " --quiet " + path()).out, local_stacks());
  EXPECT_EQ(err(), "");
}

TEST_F(SymbolCommands, CheckSaysWhatIsMissingAndWhatItCosts) {
  const std::string before = ntstack("symbols check " + dump() + " " + path()).out;
  EXPECT_NE(before.find("missing 4A8D865Fe000"), std::string::npos) << before;
  EXPECT_NE(before.find("frames behind it are guesses"), std::string::npos);
  const auto fetched = ntstack("symbols fetch " + dump() + " " + path());
  EXPECT_EQ(fetched.exit_code, 0);
  EXPECT_NE(fetched.out.find("12 of 12 files came"), std::string::npos) << fetched.out;
  const std::string after = ntstack("symbols check " + dump() + " " + path()).out;
  EXPECT_EQ(after.find("missing"), after.find("missing that matters")) << after;
  EXPECT_NE(ntstack("symbols check --json " + dump() + " " + path()).out.find("\"at_hand\": true"),
            std::string::npos);
}

TEST_F(SymbolCommands, AScriptGetsOnAnotherMachineWhatAClosedNetworkLacks) {
  NTSTACK_NEED_TOOL(curl, "curl");
  const std::string closed =
      "-y " + quoted(fs::path("srv*" + cache().string() + "*" + server_.url("/plain"))) +
      " --offline";
  for (int round = 0; round < 8; ++round) {
    const auto script = ntstack("symbols list " + dump() + " --script " + closed);
    EXPECT_EQ(script.exit_code, 0);
    std::ofstream(folder_.path() / "get.sh") << script.out;
    if (script.out.find("\nget '") == std::string::npos) break;
    run("cd " + quoted(folder_.path()) + " && sh get.sh 2>&1");
    EXPECT_EQ(ntstack("symbols import symbols " + closed).exit_code, 0) << err();
  }
  EXPECT_EQ(ntstack("stacks " + dump() + " " + closed).out, local_stacks());
}

TEST_F(SymbolCommands, AServerThatHasNothingIsSaidToHaveNothingOnce) {
  const auto result = ntstack("stacks " + dump() + " " + path("/404"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find(server_.url("/404") + ": it does not have it"), std::string::npos)
      << result.out;
  server_.forget_requests();
  const auto again = ntstack("stacks " + dump() + " " + path("/404"));
  EXPECT_NE(again.out.find("within the last day"), std::string::npos) << again.out;
  EXPECT_TRUE(server_.requests().empty());
  EXPECT_EQ(ntstack("symbols fetch --again " + dump() + " " + path("/404")).exit_code, 0);
  EXPECT_FALSE(server_.requests().empty());
}

TEST_F(SymbolCommands, WhatFailsIsSaidAndTheStacksComeNevertheless) {
  const auto result = ntstack("stacks " + dump() + " " + path("/403"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find("403"), std::string::npos);
  EXPECT_EQ(ntstack("symbols fetch " + dump() + " " + path("/403")).exit_code, 1);
  EXPECT_EQ(ntstack("symbols fetch " + dump() + " -y " + quoted(cache())).exit_code, 2);
}

TEST_F(SymbolCommands, ARealTriageDumpAsksForTheModulesOfItsStacksAlone) {
  NTSTACK_NEED_DATA(real, "kernel/triage_x64_19041.dmp");
  const std::string modules = ntstack("modules " + quoted(real)).out;
  EXPECT_GT(count(modules, "\n"), 100u);
  EXPECT_EQ(ntstack("stacks " + quoted(real) + " " + path()).exit_code, 0);
  const std::string check = ntstack("symbols check " + quoted(real) + " " + path()).out;
  std::set<std::string> asked;
  for (const LoggedRequest& request : server_.requests()) {
    const std::string file =
        request.path.substr(request.path.rfind('/', request.path.rfind('/') - 1));
    asked.insert(file);
    const std::string name = request.path.substr(7, request.path.find('/', 7) - 7);
    if (name.starts_with("nt") || name.starts_with("hal") || name == "index2.txt") continue;
    EXPECT_NE(check.find(name), std::string::npos) << name;
  }
  EXPECT_FALSE(asked.empty());
  EXPECT_LT(asked.size(), 60u);  // three forms, and nt by each of its names
}

TEST_F(SymbolCommands, ATerminalSeesABarAndAFileSeesLines) {
  NTSTACK_NEED_TOOL(script, "script");
  const ToolResult terminal =
      run("HOME=" + quoted(folder_.path()) + " script -qec " +
          quoted(fs::path(quoted(binary_dir() / "ntstack") + " symbols fetch " + dump() + " " +
                          path("/slow"))) +
          " /dev/null </dev/null");
  EXPECT_EQ(terminal.exit_code, 0) << terminal.out;
  EXPECT_NE(terminal.out.find("\r["), std::string::npos) << terminal.out;
  EXPECT_NE(terminal.out.find("files, "), std::string::npos);
  fs::remove_all(cache());
  EXPECT_EQ(ntstack("symbols fetch " + dump() + " " + path("/plain")).exit_code, 0);
  EXPECT_EQ(err().find('\r'), std::string::npos);
  EXPECT_EQ(count(err(), "\n"), 13u) << err();  // who is asked, and a line for each file
}

TEST_F(SymbolCommands, ManyAddressesAtOnceGetTheNamesThatEachGetsAlone) {
  // More than one thread takes at a time. That single names are right LLVM says elsewhere.
  constexpr std::size_t kAddresses = 20'000;
  const fs::path image = sample() / "symbols/ntoskrnl.exe";
  std::ofstream all(folder_.path() / "all");
  for (std::size_t i = 0; i < kAddresses; ++i)
    all << std::hex << 0x1000 + (i * 7919) % 0x5000 << "\n";
  all.close();
  const auto together =
      ntstack("symbolize " + quoted(image) + " < " + quoted(folder_.path() / "all"));
  EXPECT_EQ(count(together.out, "\n"), kAddresses);
  EXPECT_GT(count(together.out, "nt!"), kAddresses / 2) << together.out.substr(0, 500);
  const auto in_pieces = run(
      "cd " + quoted(folder_.path()) + " && split -l 1000 all piece_ && for piece in piece_*; do " +
      quoted(binary_dir() / "ntstack") + " symbolize " + quoted(image) + " < $piece; done");
  EXPECT_EQ(together.out, in_pieces.out);
}

TEST_F(SymbolCommands, SymbolizeGetsItsPdb) {
  fs::copy_file(sample() / "symbols/mup.sys", folder_.path() / "mup.sys");
  const auto result = ntstack("symbolize mup.sys 1000 " + path());
  EXPECT_EQ(result.out, ntstack("symbolize " + quoted(sample() / "symbols/mup.sys") + " 1000").out);
  EXPECT_EQ(server_.requests().size(), 1u);
}

}  // namespace
}  // namespace ntstack::tests
