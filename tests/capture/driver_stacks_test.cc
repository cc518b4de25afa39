// Kernel stacks by ntstack's driver as the program takes them: the driver is a stand-in by its
// protocol, its threads are the world's, and what is compared is what the emulated processor did.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/capture_command.h"
#include "app/crash_command.h"
#include "app/driver_command.h"
#include "app/exit_code.h"
#include "app/live_target.h"
#include "app/walked.h"
#include "capture/run_with_files.h"
#include "capture/stand_in.h"
#include "capture/status_text.h"
#include "driver/protocol.h"
#include "report/json.h"
#include "test_files.h"
#include "tool.h"
#include "world_sets/pair.h"
#include "world_sets/stack_check.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;
using namespace capture;  // NOLINT: all of it is tested here
using nlohmann::json;
using world::BigProcess;

fs::path modules() { return binary_dir() / "tests" / "world" / "modules"; }

fs::path pair_modules() { return binary_dir() / "tests" / "world_sets" / "modules"; }

const BigProcess& big_process() {
  static const BigProcess built = world::build_big_process(modules(), 4, 60);
  return built;
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class DriverStacks : public testing::Test {
 protected:
  explicit DriverStacks(const BigProcess& process = big_process(),
                        const fs::path& images = modules(),
                        StandInRules rules = rules_of(big_process()))
      : images_(images), system(process, std::move(rules)) {
    // As the kernel names them, where their files are.
    fs::create_directory(folder.path() / "Windows");
    fs::create_symlink(images, folder.path() / "Windows" / "system32");
    system.rules().system_root = folder.path() / "Windows";
    command.process = "w3wp";
    command.output = x().string();
    command.paths.symbol_path = images.string();
    command.no_elevate = true;
    command.driver = true;
  }

  // `said` is the command's errors, `named` its output.
  int run_it(const std::function<int(std::FILE* out, std::FILE* err)>& it) {
    tests::Said all = tests::run_with_files(it);
    said = std::move(all.err);
    named = std::move(all.out);
    EXPECT_EQ(system.imbalance(), "");
    return all.code;
  }
  int capture() {
    return run_it(
        [&](auto* out, auto* err) { return app::run_capture(command, &system, out, err); });
  }
  int drive(app::DriverAction action, const std::string& from = "") {
    return run_it(
        [&](auto* out, auto* err) { return app::run_driver({action, from}, &system, out, err); });
  }

  fs::path x() const { return folder.path() / "X"; }
  fs::path file() const { return x() / "X.Kernel.dmp"; }
  json manifest() const {
    return json::parse(text_of(x() / "capture.json"), nullptr, false)["capture"];
  }
  std::string program(const std::string& arguments) const {
    const auto result = run(fmt::format("{} {}", quoted(NTSTACK_PROGRAM), arguments));
    EXPECT_EQ(result.exit_code, 0) << arguments;
    return result.out;
  }
  json stacks(const std::string& dumps) const {
    return json::parse(
        program(fmt::format("stacks --json --offline -y {} {}", quoted(images_), dumps)), nullptr,
        false);
  }
  void expect_valid(const std::string& document) const {
    if (run("python3 -c 'import jsonschema'").exit_code != 0) GTEST_SKIP() << "no jsonschema";
    const fs::path at = folder.path() / "document.json";
    std::ofstream(at, std::ios::binary) << document;
    const auto result = run(fmt::format(
        "python3 -c 'import json,jsonschema,sys; "
        "jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' {} {} "
        "2>&1",
        quoted(at),
        quoted(fs::path(NTSTACK_SOURCE_DIR) / "docs" / "schema" / "ntstack.schema.json")));
    EXPECT_EQ(result.exit_code, 0) << result.out.substr(0, 2000);
  }
  const json* thread_in(const json& written, std::uint32_t id) const {
    const auto found =
        std::ranges::find_if(written["threads"], [&](const json& one) { return one["id"] == id; });
    return found == written["threads"].end() ? nullptr : &*found;
  }

  // `ntstack stacks --live` over a system of a test's own.
  json live_stacks(std::unique_ptr<StandIn> running, StandIn& still) {
    const auto target = app::LiveTarget::open(std::move(running), "w3wp.exe", stderr);
    EXPECT_TRUE(target);
    if (!target) return {};
    app::DumpOptions paths;
    paths.symbol_path = images_.string();
    paths.offline = true;
    const auto choice = app::ThreadChoice::of({});
    app::Downloads downloads(paths, stderr);
    app::WalkRequest request{{}, paths, *choice, &downloads};
    request.opened = [&](const app::DumpOptions& options) { return target->opened(options); };
    auto walked = app::walk_dumps(request);
    EXPECT_TRUE(walked);
    if (!walked) return {};
    for (const StandInThread& thread : still.threads()) EXPECT_EQ(thread.suspended, 0);
    const std::string document = report::stacks_json(app::stack_facts_of(*walked, true));
    expect_valid(document);
    return json::parse(document, nullptr, false);
  }

  fs::path images_;
  TemporaryFolder folder;
  StandIn system;
  app::CaptureCommand command;
  std::string said, named;
};

TEST_F(DriverStacks, EveryThreadsFramesAreThoseThatTheProcessorHad) {
  ASSERT_EQ(capture(), app::kOk) << said;
  expect_valid(text_of(x() / "capture.json"));
  const json written = manifest();
  ASSERT_EQ(written["files"].size(), 1u);
  EXPECT_EQ(written["files"][0]["kind"], "kernel_stacks");
  const std::string document =
      program(fmt::format("stacks --json --offline -y {} {}", quoted(modules()), quoted(x())));
  expect_valid(document);
  const json report = json::parse(document, nullptr, false);
  EXPECT_EQ(report["dump"]["kind"], "kernel_stacks");
  std::size_t compared = 0;
  for (const world::ThreadTruth& truth : big_process().threads) {
    const json* thread = thread_in(written, truth.id);
    ASSERT_TRUE(thread);
    const auto found = world::stacks_with_id(report, truth.id);
    if ((*thread)["outcome"] != "captured") {
      EXPECT_TRUE(found.empty());
      EXPECT_FALSE((*thread)["reason"].is_null());
      continue;
    }
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(world::frame_difference(*found[0], truth.frames), "") << truth.role;
    EXPECT_EQ((*found[0])["end"]["kind"], "user_mode");
    EXPECT_EQ((*found[0])["segments"].size(), truth.segments.size());
    EXPECT_EQ((*found[0])["segments"].back()["kind"], "thread");
    EXPECT_EQ((*found[0])["thread"]["address"], fmt::format("{:#x}", truth.ethread));
    EXPECT_EQ((*found[0])["thread"]["name"], (*thread)["name"]);
    EXPECT_EQ((*found[0])["listed_state"],
              fmt::format("WAIT: ({})", (*thread)["wait_reason"].get<std::string>()));
    EXPECT_TRUE((*found[0])["notes"].empty()) << (*found[0])["notes"].dump();
    ++compared;
  }
  EXPECT_GT(compared, 50u);
  EXPECT_EQ(report["missing_threads"].size(), 60 - compared);
  for (const json& missing : report["missing_threads"]) {
    const json* thread = thread_in(written, missing["id"]);
    ASSERT_TRUE(thread);
    EXPECT_EQ(missing["reason"], (*thread)["reason"]);
  }
}

TEST_F(DriverStacks, TheFileAloneSaysWhatBecameOfEachThread) {
  ASSERT_EQ(capture(), app::kOk) << said;
  const json report = stacks(quoted(file()));
  const json written = manifest();
  std::size_t lacking = 0;
  for (const json& thread : written["threads"]) lacking += thread["file"].is_null();
  ASSERT_GT(lacking, 0u);
  EXPECT_EQ(report["missing_threads"].size(), lacking);
  ASSERT_EQ(report["captures"].size(), 1u);
  EXPECT_EQ(report["captures"][0]["threads"].size(), 60u);
}

// The other commands take the file as any dump of the kernel's.
TEST_F(DriverStacks, ListsReportsAndAnalysesWorkOnTheFile) {
  ASSERT_EQ(capture(), app::kOk) << said;
  const std::string dump = quoted(file()), paths = " --offline -y " + quoted(modules()) + " ";
  for (const char* command_name :
       {"info", "modules", "processes", "threads", "analyze", "waits", "groups"}) {
    const std::string document = program(std::string(command_name) + " --json" + paths + dump);
    expect_valid(document);
    EXPECT_NE(program(command_name + paths + dump), "") << command_name;
  }
  EXPECT_NE(program("modules --offline " + dump).find("rdbss"), std::string::npos);
  EXPECT_NE(program("processes --offline " + dump).find("w3wp.exe"), std::string::npos);
  EXPECT_NE(program("info --offline " + dump).find("kernel stacks of a process"),
            std::string::npos);
  EXPECT_NE(program("analyze" + paths + dump).find("RxAcquireFcb"), std::string::npos);
  const fs::path page = folder.path() / "page.html";
  program("report" + paths + "-o " + quoted(page) + " " + dump);
  EXPECT_NE(text_of(page).find("_RxAcquireFcb"), std::string::npos);
  const std::uint32_t id = big_process().threads[5].id;
  const std::string typed =
      program(fmt::format("open{}{} -c \"~; lm; !process; k; !thread; q\"", paths, dump));
  EXPECT_NE(typed.find("nt"), std::string::npos) << typed;
  EXPECT_NE(program(fmt::format("stacks{}--thread {} {}", paths, id, dump)).find("nt!KiDeliverApc"),
            std::string::npos);
}

TEST_F(DriverStacks, SymbolsAreFoundByTheKeysOfTheFilesOnDisk) {
  ASSERT_EQ(capture(), app::kOk) << said;
  const json report =
      json::parse(program("modules --json --offline " + quoted(file())), nullptr, false);
  ASSERT_FALSE(report["modules"].empty());
  for (const json& module : report["modules"]) {
    EXPECT_NE(module["timestamp"], 0) << module.dump();
    EXPECT_FALSE(module["pdb"].is_null()) << module.dump();
  }
}

TEST_F(DriverStacks, AFileOnDiskOfAnotherSizeTellsNoKey) {
  fs::remove(folder.path() / "Windows" / "system32");
  fs::create_directory(folder.path() / "Windows" / "system32");
  fs::copy_file(modules() / "rdbss.sys", folder.path() / "Windows" / "system32" / "ntoskrnl.exe");
  ASSERT_EQ(capture(), app::kOk) << said;
  const json report =
      json::parse(program("modules --json --offline " + quoted(file())), nullptr, false);
  for (const json& module : report["modules"]) EXPECT_EQ(module["timestamp"], 0) << module.dump();
}

TEST_F(DriverStacks, OfAProtectedThreadTheFirstFrameIsThereAndWhy) {
  StandInThread& thread = *std::ranges::find_if(
      system.threads(), [](const auto& one) { return one.truth.segments.size() == 1; });
  thread.is_protected = true;
  ASSERT_EQ(capture(), app::kOk) << said;
  const json* written = nullptr;
  const json all = manifest();
  written = thread_in(all, thread.facts.id);
  ASSERT_TRUE(written);
  EXPECT_EQ((*written)["outcome"], "captured_in_part");
  EXPECT_NE((*written)["reason"].get<std::string>().find("protected"), std::string::npos);
  const json report = stacks(quoted(file()));
  const auto found = world::stacks_with_id(report, thread.facts.id);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ((*found[0])["end"]["kind"], "memory_missing");
  ASSERT_EQ((*found[0])["notes"].size(), 1u) << (*found[0]).dump(1);
  const std::string note = (*found[0])["notes"][0];
  EXPECT_NE(note.find("nt!KiDeliverApc"), std::string::npos) << note;
}

// Of a driver that copies no stack but the one in use: that, and the names of what is behind.
TEST_F(DriverStacks, WhereOlderStacksAreNotCopiedThatIsSaidWithTheKernelsNames) {
  system.rules().driver.copies_older_stacks = false;
  ASSERT_EQ(capture(), app::kOk) << said;
  const json report = stacks(quoted(file()));
  std::size_t seen = 0;
  for (const StandInThread& thread : system.threads()) {
    const auto found = world::stacks_with_id(report, thread.facts.id);
    if (thread.truth.segments.size() < 2 || found.empty()) continue;
    ++seen;
    EXPECT_EQ((*found[0])["end"]["kind"], "memory_missing") << (*found[0])["end"].dump();
    EXPECT_EQ((*found[0])["segments"].size(), 2u);
    EXPECT_NE((*found[0])["notes"].dump().find("mrxsmb!SmbShellCreate"), std::string::npos)
        << (*found[0])["notes"].dump();
  }
  EXPECT_GT(seen, 0u);
}

TEST_F(DriverStacks, WhereTheKernelsOwnWalkIsAnotherThatIsSaid) {
  bool was_spoilt = false;
  system.rules().driver.spoil = [&](std::vector<std::byte>& answer) {
    if (std::exchange(was_spoilt, true)) return;
    driver::ThreadOut first;  // the second of the process's: the first takes no APC
    std::memcpy(&first, &answer[sizeof(driver::CaptureOut) + sizeof first], sizeof first);
    const std::uint64_t other = big_process().world->images().front().base + 0x1000;
    ASSERT_GT(first.frame_count, 4u);
    std::memcpy(&answer[first.frames_offset + 3 * 8], &other, sizeof other);
  };
  ASSERT_EQ(capture(), app::kOk) << said;
  const json report = stacks(quoted(file()));
  const auto found = world::stacks_with_id(report, system.threads()[1].facts.id);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(world::frame_difference(*found[0], system.threads()[1].truth.frames), "");
  ASSERT_EQ((*found[0])["notes"].size(), 1u);
  EXPECT_NE((*found[0])["notes"][0].get<std::string>().find("kernel's own walk"),
            std::string::npos);
}

TEST_F(DriverStacks, WedgedThreadsCostOneDeadlineTogether) {
  for (std::size_t i = 0; i < 20; ++i) system.threads()[i].wedged_calls = SIZE_MAX;
  const std::uint64_t began = system.milliseconds();
  ASSERT_EQ(capture(), app::kOk) << said;
  EXPECT_LE(system.milliseconds() - began, 2 * 2000u + 100);  // once, and once more
  const json written = manifest();
  EXPECT_EQ(written["threads"][0]["outcome"], "wedged");
  EXPECT_EQ(written["threads"][0]["status"], "0x102");
}

TEST_F(DriverStacks, HostileAnswersAreRefusedAndNothingIsLeft) {
  std::uint32_t seed = 1;
  for (int round = 0; round < 80; ++round) {
    system.rules().driver.spoil = [&](std::vector<std::byte>& answer) {
      for (int i = 0; i < 8; ++i) {
        seed = seed * 1664525 + 1013904223;
        const std::size_t heads = std::min<std::size_t>(answer.size(), 0x1000);
        answer[(seed >> 8) % heads] = static_cast<std::byte>(seed >> 24);
      }
      if (seed % 3 == 0) answer.resize(answer.size() / 2);
    };
    const int code = capture();
    if (code == app::kOk) {
      EXPECT_FALSE(stacks(quoted(file())).is_discarded());
      fs::remove_all(x());
    } else {
      EXPECT_FALSE(said.empty());
      fs::remove_all(x());
    }
  }
}

TEST_F(DriverStacks, WithoutTheDriverTheRemedyIsSaid) {
  system.rules().driver.is_running = false;
  EXPECT_EQ(capture(), app::kFailed);
  EXPECT_NE(said.find("ntstack driver start"), std::string::npos) << said;
  EXPECT_FALSE(fs::exists(x()));
}

TEST_F(DriverStacks, AReportAndAZipAreMadeAsWithTriageDumps) {
  command.report = true;
  command.output = (folder.path() / "X.zip").string();
  ASSERT_EQ(capture(), app::kOk) << said;
  const json report = stacks(quoted(fs::path(command.output)));
  EXPECT_GT(report["stacks"].size(), 50u);
}

TEST_F(DriverStacks, ChosenThreadsAloneAreAskedFor) {
  const std::uint32_t id = system.threads()[42].facts.id;
  command.threads = {fmt::format("{}", id)};
  command.only = true;
  ASSERT_EQ(capture(), app::kOk) << said;
  ASSERT_EQ(manifest()["threads"].size(), 1u);
  EXPECT_EQ(manifest()["threads"][0]["id"], id);
}

// As LLVM's debugger and a reader by the public layouts see it.
TEST_F(DriverStacks, AnotherReaderFindsThreadsStacksAndModulesInTheFile) {
  ASSERT_EQ(capture(), app::kOk) << said;
  const auto result = run(
      fmt::format("python3 {} {}",
                  quoted(fs::path(NTSTACK_SOURCE_DIR) / "tests" / "capture" / "read_minidump.py"),
                  quoted(file())));
  ASSERT_EQ(result.exit_code, 0);
  const json read = json::parse(result.out, nullptr, false);
  ASSERT_FALSE(read.is_discarded()) << result.out;
  EXPECT_EQ(read["process_id"], system.process().id);
  EXPECT_EQ(read["modules"].size(), big_process().world->images().size());
  std::size_t seen = 0;
  for (const StandInThread& thread : system.threads()) {
    const auto found = std::ranges::find_if(
        read["threads"], [&](const json& one) { return one["id"] == thread.facts.id; });
    if (found == read["threads"].end()) continue;
    ++seen;
    const world::TruthFrame& first = thread.truth.frames.front();
    EXPECT_EQ((*found)["rip"], first.ip);
    EXPECT_EQ((*found)["rsp"], first.child_sp);
    // The bytes at the slots of every return address.
    for (const world::TruthFrame& frame : thread.truth.frames) {
      const world::StackSegment& own = thread.truth.segments.front();
      if (frame.machine_frame || frame.return_slot < own.limit || frame.return_slot >= own.base)
        continue;
      const std::uint64_t at = frame.return_slot - first.child_sp;
      const std::string stack = (*found)["stack"];
      ASSERT_LE(2 * (at + 8), stack.size());
      std::uint64_t value = 0;
      for (int i = 7; i >= 0; --i)
        value = value << 8 |
                std::stoul(stack.substr(2 * (at + static_cast<unsigned>(i)), 2), nullptr, 16);
      EXPECT_EQ(value, frame.return_address);
    }
  }
  EXPECT_GT(seen, 50u);
}

TEST_F(DriverStacks, LldbOpensTheFileAsACore) {
  const char* lldb = run("lldb-19 --version 2>&1").exit_code == 0 ? "lldb-19"
                     : run("lldb --version 2>&1").exit_code == 0  ? "lldb"
                                                                  : nullptr;
  if (!lldb) GTEST_SKIP() << "no LLDB";
  ASSERT_EQ(capture(), app::kOk) << said;
  const StandInThread& thread = *std::ranges::find_if(
      system.threads(), [](const auto& one) { return one.truth.segments.size() == 1; });
  const world::TruthFrame& first = thread.truth.frames.front();
  const auto result =
      run(fmt::format("{} -b -o 'target create --core {}' -o 'thread list' -o 'image list' -o "
                      "'memory read -fx -s8 -c1 {:#x}' 2>&1",
                      lldb, file().string(), first.return_slot));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.out.find(fmt::format("tid = {:#x}", thread.facts.id)), std::string::npos);
  EXPECT_NE(result.out.find(fmt::format("{:#018x}", first.ip)), std::string::npos);
  EXPECT_NE(result.out.find("rdbss.sys"), std::string::npos);
  EXPECT_NE(
      result.out.find(fmt::format("{:#x}: {:#018x}", first.return_slot, first.return_address)),
      std::string::npos)
      << result.out.substr(0, 3000);
}

// The fourth seed's process: the driver's file in place of the kernel's triage dump, and the user
// half beside it.
struct PairProcess {
  world::Pair pair;  // its world is the process's
  BigProcess process;
  std::vector<std::uint8_t> user;
};

PairProcess& pair_process() {
  static PairProcess built = [] {
    PairProcess made;
    made.pair = world::build_pair(pair_modules());
    made.user = world::user_dump(made.pair, made.pair.threads);
    for (const world::ProgramThread& thread : made.pair.threads) {
      made.process.threads.push_back(thread.truth);
      if (thread.truth.status != 0) made.process.threads.back().role = "wedged";
    }
    made.process.world = std::move(made.pair.world);
    return made;
  }();
  return built;
}

StandInRules pair_rules() {
  StandInRules rules = rules_of(pair_process().process);
  rules.process_id = 0x3adc;
  return rules;
}

class DriverPair : public DriverStacks {
 protected:
  DriverPair() : DriverStacks(pair_process().process, pair_modules(), pair_rules()) {}

  // Every thread once, from the capturing code to the first user instruction.
  void expect_joined(const json& report) {
    ASSERT_EQ(report["stacks"].size(), pair_process().pair.threads.size());
    for (const world::ProgramThread& thread : pair_process().pair.threads) {
      const auto found = world::stacks_with_id(report, thread.truth.id);
      ASSERT_EQ(found.size(), 1u);
      const bool is_captured = thread.truth.status == 0;
      const std::span all(thread.truth.frames);
      EXPECT_EQ(
          world::frame_difference(*found[0], is_captured ? all : all.subspan(thread.kernel_frames)),
          "")
          << thread.truth.role;
      EXPECT_EQ((*found[0])["end"]["kind"], "base");
      EXPECT_EQ((*found[0])["dumps"], is_captured ? json({0, 1}) : json({1}));
    }
    ASSERT_EQ(report["missing_threads"].size(), 1u);
    EXPECT_EQ(report["missing_threads"][0]["id"], 0x4a10);
  }
};

TEST_F(DriverPair, AUserDumpBesideTheFileGoesBelow) {
  ASSERT_EQ(capture(), app::kOk) << said;
  const fs::path user = folder.path() / "user.dmp";
  std::ofstream(user, std::ios::binary)
      .write(reinterpret_cast<const char*>(pair_process().user.data()),
             static_cast<std::streamsize>(pair_process().user.size()));
  expect_joined(stacks(quoted(file()) + " " + quoted(user)));
  expect_joined(stacks(quoted(user) + " " + quoted(file())));
}

TEST_F(DriverPair, TheUserHalfInTheCapturesFolderIsJoined) {
  const auto bytes = std::as_bytes(std::span(pair_process().user));
  system.rules().user_dump.assign(bytes.begin(), bytes.end());
  command.user = "a";
  ASSERT_EQ(capture(), app::kOk) << said;
  expect_joined(stacks(quoted(x())));
}

// The process as it runs, its user half too.
class RunningPair : public StandIn {
 public:
  using StandIn::StandIn;
  static const world::ProgramThread* program_thread(const StandInThread* thread) {
    const auto& all = pair_process().pair.threads;
    const auto found = std::ranges::find_if(
        all, [&](const auto& one) { return thread && one.truth.id == thread->facts.id; });
    return found == all.end() ? nullptr : &*found;
  }
  std::expected<capture::ThreadContext, Status> thread_context(Handle handle, bool) override {
    const auto identity = identify_thread(handle);
    for (const StandInThread& thread : threads())
      if (identity && thread.facts.id == identity->id) {
        const auto bytes = std::as_bytes(std::span(program_thread(&thread)->user_context));
        return ThreadContext{{bytes.begin(), bytes.end()}, {}};
      }
    return std::unexpected(kInvalidHandle);
  }
  std::size_t read_memory(Handle, std::uint64_t address, std::span<std::byte> to) override {
    return pair_process().process.world->memory().try_read(address, to) ? to.size() : 0;
  }
  std::expected<MemoryRegion, Status> region(Handle, std::uint64_t address) override {
    std::byte one[1];
    const std::uint64_t page = address & ~std::uint64_t{0xfff};
    const bool is_there = pair_process().process.world->memory().try_read(page, one);
    return MemoryRegion{page, 0x1000, is_there};
  }
  std::vector<dump::ModuleRecord> modules(Handle) override {
    std::vector<dump::ModuleRecord> modules;
    for (const world::LoadedImage& image : pair_process().pair.program->images()) {
      dump::ModuleRecord module;
      module.path = "C:\\App\\" + image.file_name;
      module.base = image.base;
      module.size = image.size;
      modules.push_back(std::move(module));
    }
    return modules;
  }
};

TEST_F(DriverPair, ARunningProcessHasBothHalvesWithoutAFile) {
  auto running = std::make_unique<RunningPair>(pair_process().process, pair_rules());
  running->rules().system_root = system.rules().system_root;
  for (StandInThread& thread : running->threads())
    thread.facts.teb = RunningPair::program_thread(&thread)->teb;
  RunningPair& still = *running;
  expect_joined(live_stacks(std::move(running), still));
}

TEST_F(DriverPair, WithoutTheDriverARunningProcessHasUserStacksAndTheRemedy) {
  auto running = std::make_unique<RunningPair>(pair_process().process, pair_rules());
  running->rules().driver.is_running = false;
  for (StandInThread& thread : running->threads())
    thread.facts.teb = RunningPair::program_thread(&thread)->teb;
  RunningPair& still = *running;
  const json report = live_stacks(std::move(running), still);
  EXPECT_EQ(report["stacks"].size(), 5u);
  for (const json& stack : report["stacks"]) EXPECT_EQ(stack["end"]["kind"], "base");
  EXPECT_NE(report["warnings"].dump().find("ntstack driver start"), std::string::npos)
      << report["warnings"].dump();
}

using DriverCommands = DriverStacks;

TEST_F(DriverCommands, InstallStartStatusStopAndRemove) {
  system.rules().driver = {};
  system.rules().driver.is_installed = system.rules().driver.is_running = false;
  EXPECT_EQ(drive(app::DriverAction::status), app::kFailed);
  EXPECT_NE(said.find("ntstack driver install"), std::string::npos) << said;
  EXPECT_EQ(drive(app::DriverAction::start), app::kFailed);
  EXPECT_NE(said.find("not installed"), std::string::npos) << said;
  EXPECT_EQ(drive(app::DriverAction::install), app::kFailed);
  EXPECT_NE(said.find("--from"), std::string::npos) << said;
  const std::string image = (modules() / "rdbss.sys").string();  // a driver of x64 it is
  ASSERT_EQ(drive(app::DriverAction::install, image), app::kOk) << said;
  EXPECT_NE(named.find(image), std::string::npos) << named;
  EXPECT_EQ(drive(app::DriverAction::install, image), app::kOk) << said;
  EXPECT_NE(named.find("installed already"), std::string::npos) << named;
  EXPECT_EQ(drive(app::DriverAction::install, (modules() / "mup.sys").string()), app::kFailed);
  EXPECT_NE(said.find("remove first"), std::string::npos) << said;
  EXPECT_EQ(drive(app::DriverAction::status), app::kFailed);
  EXPECT_NE(named.find("not running"), std::string::npos) << named;
  EXPECT_EQ(drive(app::DriverAction::start), app::kOk) << said;
  EXPECT_EQ(named, "running: version 1, x64\n");
  EXPECT_EQ(drive(app::DriverAction::start), app::kOk);
  EXPECT_EQ(drive(app::DriverAction::status), app::kOk) << said;
  EXPECT_NE(named.find("256 bytes of the kernel stack and 1 frames"), std::string::npos) << named;
  system.rules().driver.spoil = [](std::vector<std::byte>& answer) { answer.resize(40); };
  EXPECT_EQ(drive(app::DriverAction::status), app::kFailed);
  EXPECT_NE(said.find("something else"), std::string::npos) << said;
  system.rules().driver.spoil = {};
  EXPECT_EQ(drive(app::DriverAction::stop), app::kOk);
  EXPECT_EQ(drive(app::DriverAction::stop), app::kOk);
  EXPECT_EQ(drive(app::DriverAction::start), app::kOk);
  EXPECT_EQ(drive(app::DriverAction::remove), app::kOk) << said;
  EXPECT_FALSE(system.rules().driver.is_running);
  EXPECT_FALSE(system.rules().driver.is_installed);
}

TEST_F(DriverCommands, WhatCantBeADriverHereIsNotInstalled) {
  system.rules().driver.is_installed = system.rules().driver.is_running = false;
  const fs::path text = folder.path() / "ntstack.sys";
  std::ofstream(text) << "no image";
  system.rules().own_folder = folder.path();
  EXPECT_EQ(drive(app::DriverAction::install), app::kFailed);
  EXPECT_NE(said.find("is no driver"), std::string::npos) << said;
  system.rules().machine.architecture = base::Architecture::arm64;
  EXPECT_EQ(drive(app::DriverAction::install, (modules() / "rdbss.sys").string()), app::kFailed);
  EXPECT_NE(said.find("ARM64"), std::string::npos) << said;
  EXPECT_FALSE(system.rules().driver.is_installed);
}

TEST_F(DriverCommands, ADriverOfAnotherVersionIsNotTaken) {
  system.rules().driver.version = 2;
  EXPECT_EQ(drive(app::DriverAction::status), app::kFailed);
  EXPECT_NE(said.find("speaks version 2"), std::string::npos) << said;
  EXPECT_EQ(capture(), app::kFailed);
  EXPECT_NE(said.find("speaks version 2"), std::string::npos) << said;
}

TEST_F(DriverCommands, ElsewhereASentenceSaysSo) {
  const int code = run_it([](auto* out, auto* err) {
    return app::run_driver({app::DriverAction::status, ""}, nullptr, out, err);
  });
  EXPECT_EQ(code, app::kFailed);
  EXPECT_NE(said.find("Windows alone"), std::string::npos) << said;
}

TEST_F(DriverCommands, ACrashNeedsTheSwitchAndIsThenAskedFor) {
  system.rules().number_settings
      ["SYSTEM\\CurrentControlSet\\Control\\CrashControl\\"
       "CrashDumpEnabled"] = 7;
  bool crashed = false;
  system.rules().driver.on_crash = [&] { crashed = true; };
  const auto crash = [&] {
    return run_it([&](auto* out, auto* err) { return app::run_crash({true}, &system, out, err); });
  };
  EXPECT_EQ(crash(), app::kFailed);
  EXPECT_NE(said.find("CrashAllowed"), std::string::npos) << said;
  EXPECT_FALSE(crashed);
  system.rules().driver.allows_crash = true;
  crash();
  EXPECT_TRUE(crashed);
  system.rules().driver.is_running = crashed = false;
  EXPECT_EQ(crash(), app::kFailed);
  EXPECT_NE(said.find("ntstack driver start"), std::string::npos) << said;
  EXPECT_FALSE(crashed);
}

}  // namespace
}  // namespace ntstack::tests
