// Captures of a process as the program makes them, against the stand-in: folders, capture.json,
// live dumps, the user half, reports, rounds; what is left where something fails or somebody
// interrupts. What was written is read back by `ntstack stacks` and `ntstack diff`.
#include "capture/process_capture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <semaphore>

#include "app/capture_command.h"
#include "app/exit_code.h"
#include "capture/run_with_files.h"
#include "capture/stand_in.h"
#include "capture/status_text.h"
#include "test_files.h"
#include "tool.h"
#include "world_sets/stack_check.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using namespace capture;  // NOLINT: all of it is tested here
using app::CaptureCommand;
using nlohmann::json;
using world::BigProcess;

fs::path modules() { return binary_dir() / "tests" / "world" / "modules"; }

const BigProcess& process_of(unsigned processors) {
  static std::map<unsigned, BigProcess> built;
  const auto [at, is_new] = built.try_emplace(processors);
  if (is_new) at->second = world::build_big_process(modules(), processors, 60);
  return at->second;
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

// A run of the command over a stand-in, in a folder of its own.
class ProcessCapture : public testing::Test {
 protected:
  ProcessCapture() : system(process_of(4), rules_of(process_of(4))) {
    command.process = "w3wp";
    command.output = (folder.path() / "X").string();
    command.paths.symbol_path = modules().string();
    command.no_elevate = true;
  }

  int run_it() {
    tests::Said all = tests::run_with_files(
        [&](auto* out, auto* err) { return app::run_capture(command, &system, out, err); });
    said = std::move(all.err);
    named = std::move(all.out);
    EXPECT_EQ(system.imbalance(), "");
    return all.code;
  }

  fs::path x() const { return folder.path() / "X"; }
  json manifest(const fs::path& where) const {
    return json::parse(text_of(where / "capture.json"), nullptr, false)["capture"];
  }
  json stacks(const fs::path& where) const {
    const auto result = run(fmt::format("{} stacks --json -y {} {}", quoted(NTSTACK_PROGRAM),
                                        quoted(modules()), quoted(where)));
    EXPECT_EQ(result.exit_code, 0);
    return json::parse(result.out, nullptr, false);
  }
  void expect_valid(const std::string& file) const {
    if (run("python3 -c 'import jsonschema'").exit_code != 0) GTEST_SKIP() << "no jsonschema";
    const auto result = run(fmt::format(
        "python3 -c 'import json,jsonschema,sys; "
        "jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' {} {} "
        "2>&1",
        quoted(fs::path(file)),
        quoted(fs::path(NTSTACK_SOURCE_DIR) / "docs" / "schema" / "ntstack.schema.json")));
    EXPECT_EQ(result.exit_code, 0) << result.out.substr(0, 2000);
  }

  TemporaryFolder folder;
  StandIn system;
  CaptureCommand command;
  std::string said, named;
};

TEST_F(ProcessCapture, WritesAFolderThatIsReadAsOneDump) {
  system.rules().snap.indirect = 20'000;  // more than one dump is needed
  system.rules().user_dump = bytes_of("no user dump, but where one would be");
  command.user = "m";
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_EQ(named, x().string() + "\n");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"X"});
  const auto names = names_in(x());
  // As procdump names a pair; further dumps behind.
  for (const char* name : {"X.dmp", "X.Kernel.dmp", "X.Kernel.2.dmp", "capture.json"})
    EXPECT_NE(std::ranges::find(names, name), names.end()) << name;
  expect_valid((x() / "capture.json").string());

  const json written = manifest(x());
  ASSERT_EQ(written["threads"].size(), 60u);
  EXPECT_EQ(written["machine"]["processors"], 4);
  EXPECT_FALSE(written["cut_short"]);
  const json report = stacks(x());
  std::size_t compared = 0;
  for (const world::ThreadTruth& truth : process_of(4).threads) {
    const auto thread = std::ranges::find_if(
        written["threads"], [&](const json& one) { return one["id"] == truth.id; });
    ASSERT_NE(thread, written["threads"].end());
    const auto found = world::stacks_at(report, truth.ethread);
    if ((*thread)["outcome"] != "captured") {
      EXPECT_FALSE((*thread)["reason"].is_null());
      continue;
    }
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(world::frame_difference(*found[0], truth.frames), "");
    EXPECT_EQ((*thread)["object"], fmt::format("{:#x}", truth.ethread));
    EXPECT_EQ((*found[0])["thread"]["name"], (*thread)["name"]);
    if (!(*thread)["wait_reason"].is_null()) {
      EXPECT_EQ((*found[0])["listed_state"],
                fmt::format("WAIT: ({})", (*thread)["wait_reason"].get<std::string>()));
    }
    ++compared;
  }
  EXPECT_GT(compared, 50u);
  // Those without a stack, with the capture's own reason.
  for (const json& missing : report["missing_threads"]) {
    const auto thread = std::ranges::find_if(
        written["threads"], [&](const json& one) { return one["id"] == missing["id"]; });
    ASSERT_NE(thread, written["threads"].end());
    EXPECT_EQ(missing["reason"], (*thread)["reason"]);
  }
  EXPECT_EQ(report["missing_threads"].size(), 60 - compared);
}

TEST_F(ProcessCapture, WithoutAnyStackNothingIsLeftAndTheReasonIsSaid) {
  system.rules().holds_privilege = false;
  EXPECT_EQ(run_it(), app::kFailed);
  EXPECT_NE(said.find("SeDebugPrivilege"), std::string::npos) << said;
  EXPECT_TRUE(names_in(folder.path()).empty());
  EXPECT_EQ(named, "");
}

TEST_F(ProcessCapture, InAnExistingFolderANewOneIsMadeByTheProcessAndTheTime) {
  fs::create_directory(x());
  ASSERT_EQ(run_it(), app::kOk) << said;
  const auto names = names_in(x());
  ASSERT_EQ(names.size(), 1u);
  EXPECT_TRUE(names[0].starts_with("w3wp.exe_2") && names[0].size() == 22) << names[0];
}

TEST_F(ProcessCapture, InterruptedItKeepsWhatItHasAndSaysSo) {
  auto& threads = system.threads();
  for (StandInThread& thread : threads) thread.facts.context_switches = 7;
  system.rules().snap.indirect = 40'000;  // few fit into a dump
  system.rules().returned_length = [](std::uint32_t length) {
    std::raise(SIGINT);
    return length;
  };
  EXPECT_EQ(run_it(), app::kFailed);
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"X"});
  const json written = manifest(x());
  EXPECT_TRUE(written["cut_short"]);
  EXPECT_EQ(written["files"].size(), 1u);
  EXPECT_TRUE(std::ranges::any_of(written["threads"], [](const json& thread) {
    return thread["outcome"] == "not_tried" && !thread["reason"].is_null();
  }));
  EXPECT_EQ(written["threads"][0]["context_switches"], 7);
}

TEST_F(ProcessCapture, KilledInTheMiddleNothingHasItsName) {
  const pid_t child = ::fork();
  if (child == 0) {
    system.rules().returned_length = [](std::uint32_t) -> std::uint32_t {
      ::kill(::getpid(), SIGKILL);
      return 0;
    };
    run_it();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  for (const std::string& name : names_in(folder.path()))
    EXPECT_TRUE(name.ends_with(".partial") || name.ends_with(".partial.lock")) << name;
  // It is not in the next one's way, which clears up.
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_TRUE(fs::exists(x() / "capture.json"));
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"X"});
}

TEST_F(ProcessCapture, DumpsOfOneThatWasKilledStayAndAreTold) {
  fs::create_directories(folder.path() / "old.partial");
  std::ofstream(folder.path() / "old.partial" / "old.Kernel.dmp") << "a dump";
  std::ofstream(folder.path() / "old.partial.lock") << "";
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_NE(said.find("old.partial is what a capture left that was killed"), std::string::npos)
      << said;
  EXPECT_TRUE(fs::exists(folder.path() / "old.partial" / "old.Kernel.dmp"));
}

TEST_F(ProcessCapture, AReportHasTheStacksAsTextAndJson) {
  command.report = true;
  ASSERT_EQ(run_it(), app::kOk) << said;
  const json written = manifest(x());
  EXPECT_TRUE(std::ranges::any_of(written["files"],
                                  [](const json& file) { return file["name"] == "stacks.json"; }));
  EXPECT_NE(text_of(x() / "stacks.txt").find("RxAcquireFcb"), std::string::npos);
  EXPECT_EQ(json::parse(text_of(x() / "stacks.json"), nullptr, false)["stacks"],
            stacks(x())["stacks"]);
}

TEST_F(ProcessCapture, ALiveDumpHasTheSystemsMilestones) {
  system.rules().live_dump = bytes_of("a live dump");
  system.rules().live_events = {{10'000'000, 104, {}}, {10'970'000, 105, {}}, {11'000'000, 3, {}}};
  command.live = "full";
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_NE(said.find("the system stood still for 97 ms"), std::string::npos) << said;
  EXPECT_EQ(text_of(x() / "X.Live.dmp"), "a live dump");
  EXPECT_EQ(text_of(x() / "X.Live.txt"),
            "00.0000000 Sizing Workflow: System Quiesce started.\n"
            "00.0970000 Sizing Workflow: System Quiesce ended.\n"
            "00.1000000 Writing dump file started.\n");
  EXPECT_EQ(manifest(x())["files"][0]["stood_still_us"], 97'000);
  expect_valid((x() / "capture.json").string());
}

TEST_F(ProcessCapture, AutomaticallyALiveDumpOfKernelStacksHasTheThreadsThatDidNotAnswer) {
  system.rules().machine.build = 22631;
  system.rules().live_dump = bytes_of("kernel stacks");
  command.automatic = true;
  ASSERT_EQ(run_it(), app::kOk) << said;
  const json files = manifest(x())["files"];
  ASSERT_EQ(files.back()["kind"], "live") << files.dump(1);
  EXPECT_EQ(files.back()["contents"], "selective");
}

TEST_F(ProcessCapture, AutomaticallyWhereKernelStacksAloneAreNotToBeHadAFullOneIsTaken) {
  system.rules().machine.build = 22631;
  system.rules().knows_version_2 = false;  // as if
  system.rules().live_dump = bytes_of("all");
  command.automatic = true;
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_EQ(manifest(x())["files"].back()["contents"], "full");
  EXPECT_NE(said.find("selective live dumps came with"), std::string::npos) << said;
}

TEST_F(ProcessCapture, UserPagesThatWindowsRefusesAreLeftOutAndThatIsSaid) {
  system.rules().live_dump = bytes_of("all");
  system.rules().knows_version_2 = false;  // Windows 10: the control block's first version, too
  command.live = "full";
  command.user_pages = true;
  ASSERT_EQ(run_it(), app::kOk) << said;
  const json notes = manifest(x())["notes"];
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].get<std::string>().find("user pages are not in the live dump"),
            std::string::npos);
}

class LiveRefused : public ProcessCapture, public testing::WithParamInterface<Status> {};

TEST_P(LiveRefused, IsExplainedAndNoFileIsLeft) {
  system.rules().live_dump = bytes_of("all");
  system.rules().live_status = GetParam();
  command.live = "full";
  EXPECT_EQ(run_it(), app::kFailed);
  EXPECT_NE(said.find(status_text(GetParam(), Call::live_dump)), std::string::npos) << said;
  EXPECT_TRUE(names_in(folder.path()).empty());
}
INSTANTIATE_TEST_SUITE_P(Statuses, LiveRefused,
                         testing::Values(kContentBlocked, kRetry, kNotSupported, kRequestAborted,
                                         kInsufficientResources, kNoMemory, kNotImplemented,
                                         kInvalidInfoClass, kUnsuccessful));

TEST_F(ProcessCapture, AnInterruptReachesTheKernelThroughTheEvent) {
  system.rules().live_dump = bytes_of("all of it");
  std::binary_semaphore told(0);
  class Told : public StandIn {
   public:
    using StandIn::StandIn;
    std::binary_semaphore* semaphore = nullptr;
    void set_event(Handle event) override {
      StandIn::set_event(event);
      semaphore->release();
    }
  } watched(process_of(4), system.rules());
  watched.semaphore = &told;
  watched.rules().during_live_dump = [&] {
    std::raise(SIGINT);
    told.acquire();
  };
  command.live = "full";
  std::FILE* sink = std::tmpfile();
  EXPECT_EQ(app::run_capture(command, &watched, sink, sink), app::kFailed);
  std::fclose(sink);
  EXPECT_EQ(watched.imbalance(), "");
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST_F(ProcessCapture, SeveralCapturesSayWhatMovedAndWhatIsStuck) {
  command.every = "5s";
  command.count = 3;
  for (StandInThread& thread : system.threads()) thread.facts.context_switches = 7;
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_EQ(names_in(x()), (std::vector<std::string>{"001", "002", "003"}));
  const auto first = manifest(x() / "001"), second = manifest(x() / "002");
  const auto time = [](const json& capture) {
    return std::stoull(capture["started"].get<std::string>(), nullptr, 16);
  };
  EXPECT_GE(time(second) - time(first), 50'000'000u);
  const std::string output = (folder.path() / "diff.json").string();
  const auto diff = run(fmt::format("{} diff --json -y {} {} > {}", quoted(NTSTACK_PROGRAM),
                                    quoted(modules()), quoted(x()), quoted(fs::path(output))));
  ASSERT_EQ(diff.exit_code, 0);
  expect_valid(output);
  const json report = json::parse(text_of(output), nullptr, false);
  std::map<std::string, std::size_t> counts;
  for (const json& thread : report["threads"]) {
    ++counts[thread["movement"].get<std::string>()];
    if (thread["movement"] == "still") {
      EXPECT_EQ(thread["switches"], 0);
    }
  }
  EXPECT_GT(counts["still"], 50u);
  EXPECT_EQ(counts["moved"], 0u);
}

TEST_F(ProcessCapture, ThreadsThatAreChosenComeFirstOrAlone) {
  const std::uint32_t id = system.threads()[42].facts.id;
  command.threads = {fmt::format("{}", id)};
  command.only = true;
  ASSERT_EQ(run_it(), app::kOk) << said;
  const json written = manifest(x());
  ASSERT_EQ(written["threads"].size(), 1u);
  EXPECT_EQ(written["threads"][0]["id"], id);
}

TEST_F(ProcessCapture, WhatIsThereIsNotWrittenOver) {
  command.output = (folder.path() / "X.zip").string();
  std::ofstream(command.output) << "an earlier capture";
  EXPECT_EQ(run_it(), app::kFailed);
  EXPECT_NE(said.find("is there already"), std::string::npos) << said;
  EXPECT_EQ(text_of(command.output), "an earlier capture");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"X.zip"});
}

TEST_F(ProcessCapture, WithoutALiveDumpNoThreadIsSaidToBeInIt) {
  system.rules().user_dump = bytes_of("a user dump");
  system.rules().live_status = kContentBlocked;
  command.live = "full";
  command.user = "m";
  EXPECT_EQ(run_it(), app::kFailed);
  for (const json& thread : manifest(x())["threads"]) {
    EXPECT_EQ(thread["outcome"], "not_tried");
    EXPECT_TRUE(thread["file"].is_null());
  }
}

TEST_F(ProcessCapture, ListsAreOfTheWholeFolder) {
  system.rules().snap.indirect = 20'000;  // several dumps
  ASSERT_EQ(run_it(), app::kOk) << said;
  const auto list = [&](const char* what) {
    return run(fmt::format("{} {} {} --offline", quoted(NTSTACK_PROGRAM), what, quoted(x()))).out;
  };
  const json written = manifest(x());
  const std::string threads = list("threads");
  for (const json& thread : written["threads"]) {
    if (thread["outcome"] != "captured") continue;
    const std::string id = fmt::format("{:x}", thread["id"].get<std::uint32_t>());
    EXPECT_NE(threads.find(id), std::string::npos) << id;
  }
  EXPECT_NE(list("modules").find("rdbss"), std::string::npos);
  const std::string info = list("info");
  EXPECT_NE(info.find("capture of w3wp.exe"), std::string::npos) << info;
  EXPECT_NE(info.find("captured"), std::string::npos) << info;
  EXPECT_NE(list("processes").find("w3wp.exe"), std::string::npos);
}

TEST_F(ProcessCapture, AZipStandsForTheFolder) {
  ASSERT_EQ(run_it(), app::kOk) << said;
  const json before = stacks(x());
  fs::remove_all(x());
  command.output = (folder.path() / "X.zip").string();
  ASSERT_EQ(run_it(), app::kOk) << said;
  EXPECT_EQ(named, command.output + "\n");
  EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"X.zip"});
  const json after = stacks(command.output);
  EXPECT_EQ(after["stacks"].size(), before["stacks"].size());
  EXPECT_EQ(after["missing_threads"], before["missing_threads"]);
}

TEST_F(ProcessCapture, WhatTheCommandLineCantMeanIsSaid) {
  for (const auto& [field, value] : {std::pair{&CaptureCommand::every, "soon"},
                                     {&CaptureCommand::cpu, "101"},
                                     {&CaptureCommand::hang, "-1"},
                                     {&CaptureCommand::wait_reason, "Nothing"},
                                     {&CaptureCommand::state, "asleep"},
                                     {&CaptureCommand::budget, "1 day"}}) {
    CaptureCommand before = command;
    command.*field = value;
    EXPECT_EQ(run_it(), app::kUsage) << value;
    EXPECT_NE(said.find(value), std::string::npos) << said;
    command = before;
  }
  command.process = "nobody.exe";
  EXPECT_EQ(run_it(), app::kFailed);
  EXPECT_NE(said.find("no process nobody.exe is running"), std::string::npos) << said;
}

}  // namespace
}  // namespace ntstack::tests
