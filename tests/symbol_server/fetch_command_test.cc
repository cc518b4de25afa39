// `ntstack symbols fetch` against nginx: two of it at once, killed in the middle, interrupted, with
// a full disk; and the Windows program under Wine. The dump and its files are samples/seed1.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "symbol_server/served_store.h"
#include "symbol_server/server.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

enum class System { here, wine };

// A path or any text as one word of a shell command.
std::string word(const fs::path& text) { return tests::quoted(text); }

fs::path program(System system) {
  if (system == System::here) return binary_dir() / "ntstack";
  return source_dir() / "build/windows-x64/ntstack.exe";
}

struct World {
  TemporaryFolder folder;
  SymbolServer server;
  std::vector<ServedFile> files;

  bool make() {
    for (const auto& entry : fs::directory_iterator(source_dir() / "samples/seed1/symbols")) {
      const bool is_pdb = entry.path().extension() == ".pdb";
      files.push_back(is_pdb ? pdb_file(entry.path()) : image_file(entry.path()));
      files.back().serve(folder.path() / "root/two");
    }
    return server.start(folder.path() / "root");
  }
};

class CommandTest : public testing::TestWithParam<System> {
 protected:
  static void SetUpTestSuite() {
    if (!lacking().empty()) return;
    world_ = new World;
    ASSERT_TRUE(world_->make()) << world_->server.error();
  }
  static void TearDownTestSuite() {
    delete world_;
    world_ = nullptr;
  }
  static std::string lacking() {
    for (const char* name : {"llvm-pdbutil-19", "llvm-readobj-19"})
      if (find_tool(name).empty()) return name;
    return SymbolServer::missing();
  }

  void SetUp() override {
    if (!lacking().empty()) GTEST_SKIP() << "not installed: " << lacking();
    if (GetParam() == System::wine && find_tool("wine").empty())
      GTEST_SKIP() << "not installed: wine";
    if (!fs::exists(program(GetParam())))
      GTEST_SKIP() << "not built: " << program(GetParam()) << " (make windows)";
    server().forget_faults();
    server().forget_requests();
  }
  void TearDown() override {
    if (!world_) return;
    for (const auto& [path, why] : wrong_files(cache(), world_->files))
      ADD_FAILURE() << path << ": " << why;
  }

  static SymbolServer& server() { return world_->server; }
  fs::path cache() const { return folder_.path() / "cache"; }
  fs::path dump() const { return source_dir() / "samples/seed1/w3wp.dmp"; }

  // A path as the program's system has it.
  static std::string path_there(const fs::path& path) {
    return (GetParam() == System::wine ? "Z:" : "") + path.string();
  }
  static std::string start() {
    if (GetParam() == System::here)
      return "SSL_CERT_FILE=" + word(server().ca_file()) + " " + word(program(GetParam()));
    fs::create_directories(binary_dir() / "wine");
    return "WINEDEBUG=-all DISPLAY= WINEPREFIX=" + word(binary_dir() / "wine") + " wine " +
           word(program(GetParam()));
  }
  std::string command(const std::string& what, const std::string& servers) const {
    return start() + " " + what + " " + word(path_there(dump())) + " -y " +
           word("srv*" + path_there(cache()) + "*" + servers);
  }
  std::string fetch_command(const std::string& fault) const {
    return command("symbols fetch", server().url(fault + "/two"));
  }
  ToolResult fetch(const std::string& fault) const { return run(fetch_command(fault) + " 2>&1"); }

  // The files that the stacks of the dump want are there and right; the others may be.
  void expect_all_in_cache() const {
    std::size_t count = 0;
    for (const ServedFile& file : world_->files)
      if (fs::exists(cache() / file.place())) {
        EXPECT_TRUE(read_file(cache() / file.place()) == file.bytes) << file.name;
        ++count;
      }
    EXPECT_EQ(count, world_->files.size());
  }
  // How often each file was sent from its beginning.
  static std::map<std::string, int> times_sent() {
    std::map<std::string, int> times;
    for (const LoggedRequest& request : server().requests())
      if (request.status == 200 && request.method == "GET") ++times[request.path];
    return times;
  }
  std::uintmax_t unfinished_bytes() const {
    std::uintmax_t bytes = 0;
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(cache() / ".ntstack/unfinished", failed))
      if (entry.path().extension() == ".part") bytes += entry.file_size();
    return bytes;
  }
  // Starts the fetch, waits until some of it has come, sends it a signal and waits for its end.
  int begin_and_send(const std::string& fault, const std::string& signal) const {
    // With job control: without it a shell starts what is in the background deaf to SIGINT.
    const std::string script = "set -m; " + fetch_command(fault) + " >" +
                               word(folder_.path() / "said") + " 2>&1 & echo $! >" +
                               word(folder_.path() / "pid") + "; wait $!";
    int exit_code = -1;
    std::thread waiting([&] { exit_code = run("bash -c " + word(script)).exit_code; });
    for (int i = 0; i < 500 && unfinished_bytes() < 40'000; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_GE(unfinished_bytes(), 40'000u);
    run("kill -" + signal + " " + read_file(folder_.path() / "pid"));
    waiting.join();
    return exit_code;
  }

  static World* world_;
  TemporaryFolder folder_;
};

World* CommandTest::world_ = nullptr;

TEST_P(CommandTest, WhatTheStacksWantComes) {
  const ToolResult fetched = fetch("/plain");
  EXPECT_EQ(fetched.exit_code, 0) << fetched.out;
  expect_all_in_cache();
  EXPECT_EQ(unfinished_bytes(), 0u);
  const ToolResult again = fetch("/plain");
  EXPECT_EQ(again.exit_code, 0) << again.out;
  EXPECT_NE(again.out.find("Nothing is missing"), std::string::npos) << again.out;
}

TEST_P(CommandTest, TheStacksAreThoseOfTheFilesAtHand) {
  const std::string stacks = start() + " stacks " + word(path_there(dump())) + " -q -y ";
  const fs::path files = source_dir() / "samples/seed1/symbols";
  const std::string truth = run(stacks + word(path_there(files)) + " 2>/dev/null").out;
  EXPECT_GT(truth.size(), 1000u);
  const std::string path = "srv*" + path_there(cache()) + "*" + server().url("/plain/two");
  EXPECT_EQ(run(stacks + word(path) + " 2>/dev/null").out, truth);
}

TEST_P(CommandTest, WithoutTheFilesTheStacksComeAllTheSame) {
  const ToolResult stacks = run(command("stacks", server().url("/500/two")) + " 2>&1");
  EXPECT_EQ(stacks.exit_code, 0);
  EXPECT_NE(stacks.out.find("500"), std::string::npos) << stacks.out;
}

TEST_P(CommandTest, TwoAtOnceGetEachFileOnce) {
  const std::string one = fetch_command("/plain") + " >/dev/null 2>&1";
  const ToolResult both = run("bash -c " + word(one + " & first=$!; " + one +
                                                "; second=$?; wait $first; echo $? " + "$second"));
  EXPECT_EQ(both.out, "0 0\n");
  expect_all_in_cache();
  const auto times = times_sent();
  EXPECT_EQ(times.size(), world_->files.size());
  for (const auto& [path, count] : times) EXPECT_EQ(count, 1) << path;
}

TEST_P(CommandTest, TwoAtOnceGetEachFileOnceAlsoFromASlowServer) {
  const std::string one = fetch_command("/slow") + " >/dev/null 2>&1";
  const ToolResult both = run("bash -c " + word(one + " & first=$!; " + one +
                                                "; second=$?; wait $first; echo $? " + "$second"));
  EXPECT_EQ(both.out, "0 0\n");
  expect_all_in_cache();
  for (const auto& [path, count] : times_sent()) EXPECT_EQ(count, 1) << path;
}

TEST_P(CommandTest, KilledInTheMiddleItIsGoneOnWith) {
  begin_and_send("/slow", "KILL");
  EXPECT_TRUE(wrong_files(cache(), world_->files).empty());
  server().forget_requests();
  const ToolResult second = fetch("/slow");
  EXPECT_EQ(second.exit_code, 0) << second.out;
  expect_all_in_cache();
  EXPECT_EQ(unfinished_bytes(), 0u);
  const auto requests = server().requests();
  EXPECT_GT(std::ranges::count(requests, 206, &LoggedRequest::status), 0);
}

TEST_P(CommandTest, InterruptedItEndsAndIsGoneOnWith) {
  if (GetParam() == System::wine) GTEST_SKIP() << "no console that could be interrupted";
  EXPECT_NE(begin_and_send("/slow", "INT"), 0);
  EXPECT_GE(unfinished_bytes(), 40'000u) << read_file(folder_.path() / "said");
  server().forget_requests();
  EXPECT_EQ(fetch("/slow").exit_code, 0);
  expect_all_in_cache();
  const auto requests = server().requests();
  EXPECT_GT(std::ranges::count(requests, 206, &LoggedRequest::status), 0);
}

TEST_P(CommandTest, FaultsAreSaidAndLeaveNothing) {
  const std::map<std::string, std::string> words = {{"/html", "no symbol file"},
                                                    {"/403", "403"},
                                                    {"/404", "does not have it"},
                                                    {"/wrong-file", "its key"},
                                                    {"/told-shorter", "cut off"}};
  for (const auto& [fault, said] : words) {
    const ToolResult fetched = fetch(fault);
    EXPECT_NE(fetched.out.find(said), std::string::npos) << fault << ": " << fetched.out;
    EXPECT_EQ(fetched.exit_code == 0, fault == "/404") << fault << ": " << fetched.out;
    const auto wrong = wrong_files(cache(), world_->files);
    EXPECT_TRUE(wrong.empty()) << fault << testing::PrintToString(wrong);
    EXPECT_EQ(unfinished_bytes(), 0u) << fault;
    fs::remove_all(cache());
  }
}

TEST_P(CommandTest, WhatIsCutOffComesByItsParts) {
  const ToolResult fetched = fetch("/cut-once");
  EXPECT_EQ(fetched.exit_code, 0) << fetched.out;
  expect_all_in_cache();
  const auto requests = server().requests();
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(requests, 206, &LoggedRequest::status)),
            world_->files.size());
}

TEST_P(CommandTest, APasswordIsNotPrinted) {
  const std::string with = server().url_with_user("/auth/two", "user:secret");
  const ToolResult fetched = run(command("symbols fetch", with) + " 2>&1");
  EXPECT_EQ(fetched.exit_code, 0) << fetched.out;
  EXPECT_EQ(fetched.out.find("secret"), std::string::npos) << fetched.out;
  expect_all_in_cache();
}

TEST_P(CommandTest, QuietSaysNothingOfDownloads) {
  const ToolResult fetched = run(fetch_command("/plain") + " --quiet 2>&1 >/dev/null");
  EXPECT_EQ(fetched.exit_code, 0);
  // Wine has its own to say.
  if (GetParam() == System::here) {
    EXPECT_EQ(fetched.out, "");
  }
  expect_all_in_cache();
}

TEST_P(CommandTest, LinesThatAreNoTerminalsHaveNoControlCharacters) {
  const ToolResult fetched = fetch("/plain");
  for (const char c : fetched.out)
    EXPECT_TRUE(c == '\n' || c == '\r' || static_cast<unsigned char>(c) >= 0x20) << int(c);
}

// On a small disk of its own, in a mount namespace of its own.
TEST_P(CommandTest, AFullDiskIsSaidAndLeavesNothingWrong) {
  if (GetParam() == System::wine) GTEST_SKIP() << "not tried under Wine";
  const std::string mount = "mount -t tmpfs -o size=200k tmpfs " + word(cache());
  fs::create_directories(cache());
  if (run("unshare -m sh -c " + word(mount) + " 2>&1").exit_code != 0)
    GTEST_SKIP() << "no disk can be mounted here (not root)";
  const fs::path copy = folder_.path() / "copy";
  const std::string script = mount + " && { " + fetch_command("/plain") +
                             " 2>&1; echo exit $?; } ; " + "cp -r " + word(cache()) + " " +
                             word(copy);
  const ToolResult fetched = run("unshare -m sh -c " + word(script));
  EXPECT_NE(fetched.out.find("No space left"), std::string::npos) << fetched.out;
  EXPECT_EQ(fetched.out.find("exit 0"), std::string::npos) << fetched.out;
  const auto wrong = wrong_files(copy, world_->files);
  EXPECT_TRUE(wrong.empty()) << testing::PrintToString(wrong);
}

TEST_P(CommandTest, AReadOnlyCacheIsSaidAndWhatItHasIsUsed) {
  if (GetParam() == System::wine) GTEST_SKIP() << "not tried under Wine";
  const ServedFile& there = world_->files.front();
  there.serve(cache());
  const std::string mount = "mount --bind " + word(cache()) + " " + word(cache()) +
                            " && mount -o remount,bind,ro " + word(cache());
  if (run("unshare -m sh -c " + word(mount) + " 2>&1").exit_code != 0)
    GTEST_SKIP() << "nothing can be mounted here (not root)";
  const ToolResult fetched =
      run("unshare -m sh -c " + word(mount + " && " + fetch_command("/plain") + " 2>&1"));
  EXPECT_NE(fetched.exit_code, 0);
  EXPECT_NE(fetched.out.find("Read-only"), std::string::npos) << fetched.out;
  const auto times = times_sent();
  EXPECT_EQ(times.count("/plain/two/" + there.place().string()), 0u);
}

std::string system_name(const testing::TestParamInfo<System>& info) {
  return info.param == System::here ? "Here" : "UnderWine";
}

INSTANTIATE_TEST_SUITE_P(Programs, CommandTest, testing::Values(System::here, System::wine),
                         system_name);

}  // namespace
}  // namespace ntstack::tests
