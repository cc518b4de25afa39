// The native calls of Windows, as Wine answers them, on a victim whose threads, names and stacks it
// tells itself; user dumps that dbghelp wrote there, read back here; and the program's own words.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "dump/dump.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

fs::path built(const char* name) { return source_dir() / "build/windows-x64" / name; }
fs::path probe() { return built("tests/capture_wine/capture_probe.exe"); }
fs::path victim() { return built("tests/capture_wine/capture_victim.exe"); }

class CaptureWineTest : public testing::Test {
 protected:
  // One run for all tests: what it printed, by each line's first word.
  static void SetUpTestSuite() {
    if (!missing().empty()) return;
    folder_ = new TemporaryFolder;
    lines_ = new std::multimap<std::string, std::string>;
    fs::create_directories(binary_dir() / "wine");
    const auto in_wine = [](const fs::path& path) {
      return quoted(fs::path("Z:" + path.string()));
    };
    const ToolResult result =
        run("WINEDEBUG=-all DISPLAY= WINEPREFIX=" + quoted(binary_dir() / "wine") + " wine " +
            quoted(probe()) + " " + in_wine(victim()) + " " + in_wine(built("ntstack.exe")) + " " +
            in_wine(folder_->path()));
    exit_code_ = result.exit_code;
    std::istringstream text(result.out);
    for (std::string line; std::getline(text, line);) {
      while (line.ends_with('\r')) line.pop_back();
      const std::size_t space = std::min(line.find(' '), line.size());
      lines_->emplace(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
    }
  }
  static void TearDownTestSuite() {
    delete lines_;
    delete folder_;
  }

  void SetUp() override {
    if (const std::string what = missing(); !what.empty()) GTEST_SKIP() << what;
    ASSERT_EQ(exit_code_, 0);
    std::istringstream ready(value("victim"));
    std::string word;
    ready >> word >> process_id_;
    ASSERT_EQ(word, "ready");
    for (std::uint32_t id = 0; ready >> id;) threads_.push_back(id);
    ASSERT_EQ(threads_.size(), 5u);
  }

  static std::string missing() {
    if (find_tool("wine").empty()) return "not installed: wine";
    for (const fs::path& file : {probe(), victim(), built("ntstack.exe")})
      if (!fs::exists(file)) return "not built: " + file.string() + " (make windows)";
    return "";
  }

  static std::string value(const std::string& key) {
    const auto found = lines_->find(key);
    return found == lines_->end() ? "(no line)" : found->second;
  }
  // What a command printed.
  static std::string output(const std::string& key) {
    std::string text;
    const auto [first, last] = lines_->equal_range(key + ":");
    for (auto line = first; line != last; ++line) text += line->second + "\n";
    return text;
  }

  static inline TemporaryFolder* folder_ = nullptr;
  static inline std::multimap<std::string, std::string>* lines_ = nullptr;
  static inline int exit_code_ = 0;
  std::uint32_t process_id_ = 0;
  std::vector<std::uint32_t> threads_;
};

TEST_F(CaptureWineTest, TheMachineIsDescribed) {
  EXPECT_EQ(value("machine_wine"), "1");
  EXPECT_EQ(value("machine_architecture"), "2") << "x64";
  EXPECT_GT(std::stoul(value("machine_build")), 2600u);
  EXPECT_GT(std::stoul(value("machine_processors")), 0u);
  EXPECT_GT(std::stoul(value("machine_memory_mb")), 16u);
  EXPECT_EQ(value("machine_named"), "1");
  EXPECT_EQ(value("machine_booted"), "1");
  EXPECT_EQ(value("wow64"), "0");
  EXPECT_EQ(value("number_setting"), "0") << "a key that is not there";
  EXPECT_NE(value("text_setting"), "none");
}

TEST_F(CaptureWineTest, ThePrivilegeTellsWhetherItWasOn) {
  const std::string privilege = value("privilege");
  EXPECT_TRUE(privilege == "0 1 1" || privilege == "1 1 1") << privilege;
}

TEST_F(CaptureWineTest, DebugControlIsNotImplementedThere) {
  EXPECT_EQ(value("debug_control_29"), "0xc0000002");
  EXPECT_EQ(value("debug_control_37"), "0xc0000002");
}

TEST_F(CaptureWineTest, EveryThreadOfTheVictimIsListedNamedAndIdentified) {
  EXPECT_EQ(value("process_name"), "capture_victim.exe");
  EXPECT_EQ(value("process_created"), "1");
  for (std::size_t i = 0; i < threads_.size(); ++i)
    EXPECT_EQ(value("thread_" + std::to_string(threads_[i])), "1 1 worker " + std::to_string(i))
        << "it is the thread that was listed, and its handle is among this process's";
}

TEST_F(CaptureWineTest, EventsAndFilesAreMadeAndAFileIsNotMadeTwice) {
  EXPECT_EQ(value("event"), "1");
  EXPECT_EQ(value("event_set"), "1");
  EXPECT_EQ(value("file"), "1 0");
  EXPECT_TRUE(fs::exists(folder_->path() / "n\xc3\xa4me.dmp"));
}

TEST_F(CaptureWineTest, ALiveProcessHasEveryThreadWithItsStackAndNothingIsLeftOpen) {
  EXPECT_EQ(value("live_threads"), "6");
  EXPECT_GE(std::stoul(value("live_modules")), 3u);
  EXPECT_TRUE(value("live_program").ends_with("capture_victim.exe")) << value("live_program");
  EXPECT_EQ(value("live_warnings"), "0 ");
  for (std::size_t i = 0; i < threads_.size(); ++i)
    EXPECT_EQ(value("live_thread_" + std::to_string(threads_[i])),
              "1232 2 worker " + std::to_string(i))
        << "its CONTEXT, and both copies of the marker on its stack";
  EXPECT_EQ(value("live_handles_left"), "0");
}

// The victim counts its own suspensions: "count turns" of each thread.
TEST_F(CaptureWineTest, NoThreadIsLeftSuspendedAndAllGoOn) {
  std::istringstream before(value("counts")), after(value("counts_after"));
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    int suspended_before = -1, suspended_after = -1;
    std::uint32_t turns_before = 0, turns_after = 0;
    before >> suspended_before >> turns_before;
    after >> suspended_after >> turns_after;
    EXPECT_EQ(suspended_before, 0) << i;
    EXPECT_EQ(suspended_after, 0) << i;
    EXPECT_GT(turns_after, turns_before) << i;
  }
  EXPECT_EQ(value("victim_code"), "0");
}

TEST_F(CaptureWineTest, StacksLiveNamesEveryCallOfEveryThread) {
  EXPECT_EQ(value("stacks_code"), "0");
  const std::string text = output("stacks");
  EXPECT_NE(text.find("capture_victim.exe (process " + std::to_string(process_id_) +
                      "): running process, x64"),
            std::string::npos)
      << text;
  std::istringstream lines(text);
  std::string chain;
  std::map<std::string, std::string> chain_of;  // by thread name
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("THREAD")) name = line.substr(std::min(line.find('"'), line.size()));
    for (const char* function : {"victim_inner", "victim_middle", "victim_outer", "victim_thread"})
      if (line.find(std::string("capture_victim!") + function) != std::string::npos)
        chain_of[name] += std::string(function) + " ";
  }
  for (std::size_t i = 0; i < threads_.size(); ++i)
    EXPECT_EQ(chain_of["\"worker " + std::to_string(i) + "\""],
              "victim_inner victim_middle victim_outer victim_thread ")
        << text;
  EXPECT_EQ(text.find("scan?"), std::string::npos) << "every frame by unwind data";
}

TEST_F(CaptureWineTest, StacksLiveAsJsonIsMarkedLive) {
  EXPECT_EQ(value("json_code"), "0");
  const Json json = Json::parse(output("json"));
  EXPECT_EQ(json["dump"]["kind"], "minidump");
  EXPECT_EQ(json["dump"]["live"], true);
  EXPECT_EQ(json["stacks"].size(), 6u);
}

TEST_F(CaptureWineTest, ANameOfSeveralProcessesGivesTheirListAndCode2) {
  EXPECT_EQ(value("several_code"), "2");
  const std::string text = output("several");
  EXPECT_NE(text.find("2 processes are called capture_victim.exe"), std::string::npos) << text;
  EXPECT_NE(text.find("(process " + std::to_string(process_id_) + "), 6 threads"),
            std::string::npos)
      << text;
  EXPECT_EQ(value("nobody_code"), "1");
  EXPECT_EQ(output("nobody"), "ntstack: no process nobody.exe is running\n");
}

TEST_F(CaptureWineTest, ACaptureSaysWhatWineLacksAndKeepsTheUserHalf) {
  EXPECT_EQ(value("capture_code"), "1") << "no kernel stack";
  const std::string text = output("capture");
  EXPECT_NE(text.find("Wine has none"), std::string::npos) << text;
  EXPECT_NE(text.find("0xc0000002"), std::string::npos) << text;
  const fs::path capture = folder_->path() / "capture";
  const auto dump = dump::open(capture / "capture.dmp");
  ASSERT_TRUE(dump) << text;
  EXPECT_EQ(dump->threads.size(), 6u);
  std::ifstream in(capture / "capture.json");
  const Json written = Json::parse(in)["capture"];
  EXPECT_EQ(written["process"]["id"], process_id_);
  EXPECT_EQ(written["process"]["name"], "capture_victim.exe");
  EXPECT_EQ(written["machine"]["architecture"], "x64");
  EXPECT_EQ(written["files"][0]["name"], "capture.dmp");
  std::ifstream stacks(capture / "stacks.json");
  EXPECT_EQ(Json::parse(stacks)["stacks"].size(), 6u);
  EXPECT_FALSE(fs::exists(folder_->path() / "capture.partial"));
}

TEST_F(CaptureWineTest, WhereNothingIsCapturedNothingIsLeft) {
  for (const char* key : {"chosen", "live"}) {
    EXPECT_EQ(value(std::string(key) + "_code"), "1");
    EXPECT_NE(output(key).find("0xc0000002"), std::string::npos) << output(key);
    EXPECT_FALSE(fs::exists(folder_->path() / key));
    EXPECT_FALSE(fs::exists(folder_->path() / (std::string(key) + ".partial")));
  }
}

TEST_F(CaptureWineTest, WithoutTheDriverItsCommandsSayWhatToDo) {
  for (const auto& [key, part] : {std::pair("driver_status", "ntstack driver install"),
                                  {"driver_start", "not installed"},
                                  {"driver_install", "--from"},
                                  {"driver_capture", "ntstack driver start"}}) {
    EXPECT_EQ(value(std::string(key) + "_code"), "1") << key;
    EXPECT_NE(output(key).find(part), std::string::npos) << output(key);
  }
  EXPECT_FALSE(fs::exists(folder_->path() / "driver"));
}

TEST_F(CaptureWineTest, ACrashNeedsTheDriver) {
  EXPECT_EQ(value("crash_code"), "1");
  EXPECT_NE(output("crash").find("nothing was done: only a driver can stop Windows"),
            std::string::npos)
      << output("crash");
}

TEST_F(CaptureWineTest, TheDoctorSaysThatThisIsWine) {
  EXPECT_EQ(value("doctor_code"), "1");
  const std::string text = output("doctor");
  EXPECT_NE(text.find("this is Wine: it has no kernel whose stacks could be captured"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("will work: user dumps, user stacks of running processes"), std::string::npos)
      << text;
}

TEST_F(CaptureWineTest, UserDumpsAreReadBackHere) {
  for (const char* name : {"full", "mini"}) {
    EXPECT_EQ(value("user_dump_" + std::string(name)), "written");
    const auto dump = dump::open(folder_->path() / (std::string(name) + ".dmp"));
    ASSERT_TRUE(dump) << dump.error().text();
    EXPECT_EQ(dump->process_id, process_id_);
    std::set<std::uint32_t> ids;
    for (const dump::ThreadRecord& thread : dump->threads) {
      ids.insert(thread.id);
      const auto which = std::ranges::find(threads_, thread.id);
      if (which == threads_.end()) continue;
      const std::uint64_t marker =
          0x1122334455660000 + static_cast<std::uint64_t>(which - threads_.begin());
      std::size_t found = 0;
      for (std::uint64_t at = 0; at + 8 <= thread.stack_size; at += 8)
        found += dump->memory->get<std::uint64_t>(thread.stack_address + at) == marker;
      EXPECT_GE(found, 2u) << name << ", thread " << thread.id;
    }
    for (const std::uint32_t id : threads_) EXPECT_TRUE(ids.contains(id)) << name << ' ' << id;
    EXPECT_TRUE(std::ranges::any_of(dump->modules, [](const dump::ModuleRecord& module) {
      return module.path.ends_with("capture_victim.exe");
    })) << name;
  }
  EXPECT_NE(value("user_dump_again").find("can't be created"), std::string::npos)
      << "a file that is there is not written over";
}

}  // namespace
}  // namespace ntstack::tests
