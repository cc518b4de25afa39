// A process of 300 threads in as many triage dumps as it takes, on machines of 4 and 24 processors:
// `ntstack stacks FOLDER` gives each thread once, with every frame as the emulated processor had
// it, and says what became of each thread that was asked for. What fits goes by published rules;
// no dump of such a set could be had to compare with.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "test_files.h"
#include "tool.h"
#include "world_sets/big_process.h"
#include "world_sets/stack_check.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path modules() { return tests::binary_dir() / "tests" / "world" / "modules"; }

// The same world for every test that takes it.
struct World {
  BigProcess process;
  std::vector<SetMember> members;
};
const World& world_of(unsigned processors) {
  static std::map<unsigned, World> built;
  const auto [at, is_new] = built.try_emplace(processors);
  if (is_new) {
    at->second.process = build_big_process(modules(), processors);
    at->second.members = capture_all(at->second.process, windows_rules());
  }
  return at->second;
}

std::string program() { return tests::quoted(NTSTACK_PROGRAM); }

json ask(const std::string& arguments) {
  const std::string line =
      program() + " stacks --json -y " + tests::quoted(modules()) + " " + arguments;
  const auto result = tests::run(line);
  EXPECT_EQ(result.exit_code, 0) << line;
  json report = json::parse(result.out, nullptr, false);
  EXPECT_FALSE(report.is_discarded()) << line;
  return report;
}

std::string text_of(const std::string& arguments) {
  const auto result =
      tests::run(program() + " stacks -y " + tests::quoted(modules()) + " " + arguments + " 2>&1");
  EXPECT_EQ(result.exit_code, 0) << result.out;
  return result.out;
}

bool has_line(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  ADD_FAILURE() << "\"" << part << "\" is not in:\n" << text.substr(0, 3000);
  return false;
}

// Every thread of which a dump has the stack, once and exact; no other.
void expect_every_thread(const json& report, const BigProcess& process,
                         const std::vector<bool>& captured) {
  std::size_t frames = 0;
  for (std::size_t i = 0; i < process.threads.size(); i++) {
    const ThreadTruth& thread = process.threads[i];
    const auto stacks = stacks_at(report, thread.ethread);
    ASSERT_EQ(stacks.size(), captured[i] ? 1u : 0u) << thread.role << " " << i;
    if (!captured[i]) continue;
    const json& stack = *stacks.front();
    EXPECT_EQ(stack["thread"]["id"], thread.id);
    EXPECT_EQ(stack["process"]["id"], 0x1a2c);
    EXPECT_EQ(stack["end"]["kind"], "user_mode");
    EXPECT_EQ(frame_difference(stack, thread.frames), "") << thread.role << " " << i;
    EXPECT_EQ(stack["frames"].back()["ip"], fmt::format("{:#x}", thread.user_rip));
    frames += thread.frames.size();
  }
  fmt::print("set: {} frames compared with what the processor did\n", frames);
}

std::string capture_name(const SetMember& member, std::size_t i) {
  const auto& statuses = member.dump.statuses;
  switch (statuses[i]) {
    case 0:
      return member.dump.has_stack[i] ? "captured" : "no_stack";
    case 0x102:
      return "timed_out";
    case 0xc000009a:
      return "did_not_fit";
    case 0xc0000022:
      return "denied";
    default:
      return "not_attempted";
  }
}

void expect_captures(const json& captures, const World& world, const SetMember& member) {
  ASSERT_EQ(captures["requested"], member.asked.size());
  ASSERT_EQ(captures["threads"].size(), member.asked.size());
  for (std::size_t i = 0; i < member.asked.size(); i++) {
    const json& thread = captures["threads"][i];
    EXPECT_EQ(thread["index"], i);
    EXPECT_EQ(thread["status"], fmt::format("{:#x}", member.dump.statuses[i]));
    EXPECT_EQ(thread["capture"], capture_name(member, i)) << member.name << " " << i;
    const std::uint64_t ethread = world.process.threads[member.asked[i]].ethread;
    const json right =
        member.dump.statuses[i] == 0 ? json(fmt::format("{:#x}", ethread)) : json(nullptr);
    EXPECT_EQ(thread["thread"], right) << member.name << " " << i;
  }
}

class Sets : public testing::TestWithParam<unsigned> {};

TEST_P(Sets, AFolderGivesEachThreadOnceWithEveryFrame) {
  const World& world = world_of(GetParam());
  const tests::TemporaryFolder folder;
  write_members(world.members, folder.path());
  const json report = ask(tests::quoted(folder.path()));
  const std::vector<bool> captured = captured_threads(world.process, world.members);
  EXPECT_EQ(std::ranges::count(captured, true), 297);
  expect_every_thread(report, world.process, captured);
  std::size_t lists = 0;  // a dump that is full to the last byte has none
  for (const SetMember& member : world.members) {
    if (!member.dump.has_list) continue;
    ASSERT_GT(report["captures"].size(), lists);
    EXPECT_EQ(report["captures"][lists]["dump"], member.name);
    expect_captures(report["captures"][lists], world, member);
    lists++;
  }
  EXPECT_EQ(report["captures"].size(), lists);
  EXPECT_GT(lists, world.members.size() / 2);
  EXPECT_EQ(report["warnings"], json::array());
}

TEST_P(Sets, OneDumpSaysWhatBecameOfEachThread) {
  const World& world = world_of(GetParam());
  const SetMember& first = world.members.front();
  const tests::TemporaryFolder folder;
  write_members({first}, folder.path());
  const json report = ask(tests::quoted(folder.path() / first.name));
  EXPECT_FALSE(report.contains("missing_threads"));
  const std::string text = text_of(tests::quoted(folder.path() / first.name));
  if (!first.dump.has_list) {
    EXPECT_TRUE(report["captures"].empty());
    EXPECT_EQ(text.find("asked for"), std::string::npos);
    return;
  }
  ASSERT_EQ(report["captures"].size(), 1u);
  expect_captures(report["captures"][0], world, first);
  std::map<std::string, std::size_t> counts;
  for (std::size_t i = 0; i < first.asked.size(); i++) ++counts[capture_name(first, i)];
  EXPECT_GT(counts["not_attempted"], 200u);  // most do not fit
  has_line(text, fmt::format("asked for 300 threads: {} captured", counts["captured"]));
  has_line(text, fmt::format("{} did not fit, {} not tried, 1 denied", counts["did_not_fit"],
                             counts["not_attempted"]));
}

INSTANTIATE_TEST_SUITE_P(Processors, Sets, testing::Values(4u, 24u),
                         [](const auto& each) { return fmt::format("of_{}", each.param); });

// Room for the object of the last thread, and none for its stack: status 0 all the same.
TEST(Set, AThreadWhoseStackWasDroppedSilentlyIsSaidToBe) {
  const World& world = world_of(4);
  const std::vector<ThreadTruth> request = {world.process.threads[0], world.process.threads[1]};
  SnapRules rules = windows_rules();
  rules.indirect = 0;
  TriageDump dump = snap_threads(*world.process.world, request, rules);
  const std::size_t whole = dump.bytes.size();
  for (rules.room = whole - 0x100; dump.has_stack[1]; rules.room -= 0x100)
    dump = snap_threads(*world.process.world, request, rules);
  ASSERT_TRUE(dump.has_object[1]);
  ASSERT_TRUE(dump.has_list);
  const tests::TemporaryFolder folder;
  write_members({{"a.dmp", dump, {0, 1}}}, folder.path());
  const json report = ask(tests::quoted(folder.path() / "a.dmp"));
  EXPECT_EQ(report["captures"][0]["threads"][1]["capture"], "no_stack");
  const auto stacks = stacks_at(report, request[1].ethread);
  ASSERT_EQ(stacks.size(), 1u);
  EXPECT_TRUE((*stacks[0])["frames"].empty());
  EXPECT_NE((*stacks[0])["end"]["reason"].get<std::string>().find("did not fit"),
            std::string::npos);
  has_line(text_of(tests::quoted(folder.path() / "a.dmp")),
           "asked for 2 threads: 1 captured, 1 captured without a stack (it did not fit)");
}

// Where no block is of a thread object's size, pointers to the process lead to the objects.
class Searched : public testing::Test {
 protected:
  static constexpr std::size_t count = 8;
  Searched() {
    for (std::size_t i = 0; i < count; i++) request_.push_back(world_of(4).process.threads[i]);
    SnapRules rules = windows_rules();
    dump_ = snap_threads(*world_of(4).process.world, request_, rules);
  }
  template <class T>
  T get(std::size_t at) const {
    T value;
    std::memcpy(&value, &dump_.bytes[at], sizeof value);
    return value;
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(&dump_.bytes[at], &value, sizeof value);
  }
  // Each thread's object and stack become one block with what lies between them in the file: blocks
  // grown by 8 bytes at their end.
  void grow_objects() {
    const std::size_t list = get<std::uint32_t>(0x2000 + 0x78);
    const std::size_t blocks = get<std::uint32_t>(0x2000 + 0x7c);
    for (std::size_t i = 0; i < blocks; i++) {
      const std::size_t entry = list + 16 * i;
      if (get<std::uint32_t>(entry + 12) == 0x898) put(entry + 12, std::uint32_t{0x8a0});
    }
  }
  void expect_all(const char* warning) {
    const tests::TemporaryFolder folder;
    write_members({{"a.dmp", dump_, {}}}, folder.path());
    const json report = ask(tests::quoted(folder.path() / "a.dmp"));
    std::size_t found = 0;
    for (const ThreadTruth& thread : request_) {
      const auto stacks = stacks_at(report, thread.ethread);
      if (thread.status != 0) {
        EXPECT_TRUE(stacks.empty());
        continue;
      }
      ASSERT_EQ(stacks.size(), 1u);
      EXPECT_EQ(frame_difference(*stacks[0], thread.frames), "");
      found++;
    }
    EXPECT_EQ(report["stacks"].size(), found);
    std::string warnings;
    for (const json& each : report["warnings"]) warnings += each.get<std::string>() + "\n";
    if (warning)
      has_line(warnings, warning);
    else
      EXPECT_EQ(warnings, "");
  }

  std::vector<ThreadTruth> request_;
  TriageDump dump_;
};

TEST_F(Searched, ObjectsInBlocksOfAnotherSizeAreFoundByThePointersToTheirProcess) {
  grow_objects();
  put(0x2000 + 0x24, std::uint32_t{0});  // ThreadOffset
  expect_all("found by a search for pointers to their process");
}

TEST_F(Searched, WithoutAThreadOffsetTheSizeIsTheBuilds) {
  put(0x2000 + 0x24, std::uint32_t{0});
  expect_all(nullptr);
}

TEST(Set, DumpsOfOtherBootsAndProcessesInOneFolderAreToldApart) {
  const World& world = world_of(4);
  const tests::TemporaryFolder folder;
  SnapRules rules = windows_rules();
  const std::vector<ThreadTruth> request = {world.process.threads[0], world.process.threads[1]};
  SetMember first{"a.dmp", snap_threads(*world.process.world, request, rules), {0, 1}};
  SetMember later = first;  // the same addresses, after another start of the machine
  later.name = "b.dmp";
  rules.time += 86400ull * 10'000'000;
  later.dump = snap_threads(*world.process.world, request, rules);
  write_members({first, later}, folder.path());
  const json report = ask(tests::quoted(folder.path()));
  EXPECT_EQ(report["stacks"].size(), 4u);
  ASSERT_EQ(report["warnings"].size(), 1u);
  has_line(report["warnings"][0], "b.dmp is of another machine");
  has_line(report["warnings"][0], "started at different times");
}

// Nothing keeps a tool from asking for threads of several processes: the dump has the first one's
// process alone, and what the others' threads say of theirs.
TEST(Set, ThreadsOfSeveralProcessesInOneDumpAreAllGiven) {
  const World& world = world_of(4);
  const BigProcess& process = world.process;
  const std::vector<ThreadTruth> request = {process.threads[0], process.others[0],
                                            process.threads[1], process.others[1]};
  const tests::TemporaryFolder folder;
  write_members({{"a.dmp", snap_threads(*process.world, request, windows_rules()), {}}},
                folder.path());
  const std::string dump = tests::quoted(folder.path() / "a.dmp");
  const json report = ask(dump);
  EXPECT_EQ(report["stacks"].size(), 4u);
  for (std::size_t i = 0; i < request.size(); i++) {
    const auto stacks = stacks_at(report, request[i].ethread);
    ASSERT_EQ(stacks.size(), 1u);
    EXPECT_EQ(frame_difference(*stacks[0], request[i].frames), "");
    EXPECT_EQ((*stacks[0])["process"]["id"], i % 2 ? 0x1b30 : 0x1a2c);
    EXPECT_EQ((*stacks[0])["process"]["name"], i % 2 ? json(nullptr) : json("w3wp.exe"));
    EXPECT_EQ(report["captures"][0]["threads"][i]["thread"],
              fmt::format("{:#x}", request[i].ethread));
  }
  EXPECT_EQ(ask(dump + " --process 0x1b30")["stacks"].size(), 2u);
}

TEST(Set, DumpsOfSeveralProcessesAreSaidToBe) {
  const World& world = world_of(4);
  const BigProcess& process = world.process;
  const tests::TemporaryFolder folder;
  const std::vector<ThreadTruth> one = {process.threads[0]};
  write_members({{"a.dmp", snap_threads(*process.world, one, {}), {}},
                 {"b.dmp", snap_threads(*process.world, process.others, {}), {}}},
                folder.path());
  const json report = ask(tests::quoted(folder.path()));
  EXPECT_EQ(report["stacks"].size(), 3u);
  ASSERT_EQ(report["warnings"].size(), 1u);
  has_line(report["warnings"][0],
           "these dumps are of 2 processes: w3wp.exe (1a2c, in a.dmp), "
           "svchost.exe (1b30, in b.dmp)");
}

TEST(Set, WhatIsNoDumpOrDamagedInAFolderIsNamedAndTheOthersAreOpened) {
  const World& world = world_of(4);
  const tests::TemporaryFolder folder;
  const std::vector<ThreadTruth> request = {world.process.threads[0]};
  const SetMember good{"good.dmp", snap_threads(*world.process.world, request, {}), {0}};
  SetMember cut = good;
  cut.name = "cut.dmp";
  cut.dump.bytes.resize(0x1800);
  write_members({good, cut}, folder.path());
  std::ofstream(folder.path() / "notes.dmp") << "not a dump";
  std::ofstream(folder.path() / "notes.txt") << "nor asked for";
  std::ofstream(folder.path() / "empty.dmp");
  const json report = ask(tests::quoted(folder.path()));
  EXPECT_EQ(report["stacks"].size(), 1u);
  EXPECT_EQ(report["dump"]["file"], "good.dmp");
  std::set<std::string> named;
  for (const json& warning : report["warnings"]) {
    for (const char* name : {"cut.dmp", "notes.dmp", "empty.dmp"})
      if (warning.get<std::string>().find(name) != std::string::npos) named.insert(name);
  }
  EXPECT_EQ(named.size(), 3u) << report["warnings"].dump(1);
  EXPECT_EQ(report["warnings"].size(), 3u);

  fs::remove(folder.path() / "good.dmp");
  const auto nothing = tests::run(program() + " stacks " + tests::quoted(folder.path()) + " 2>&1");
  EXPECT_EQ(nothing.exit_code, 1);
  has_line(nothing.out, "none is a dump that can be opened");
}

// Members cut at any length, and lists of statuses that lie, change nothing of what others have.
TEST(Set, DamagedMembersHarmNoOther) {
  const World& world = world_of(4);
  const tests::TemporaryFolder folder;
  const std::vector<ThreadTruth> one = {world.process.threads[0]},
                                 two = {world.process.threads[1], world.process.threads[3]};
  const SetMember good{"a.dmp", snap_threads(*world.process.world, one, {}), {0}};
  const SetMember other{"b.dmp", snap_threads(*world.process.world, two, {}), {1, 3}};
  write_members({good}, folder.path());
  const std::size_t size = other.dump.bytes.size();
  std::vector<SetMember> damaged;
  for (std::size_t i = 1; i < 24; i++) {
    SetMember cut = other;
    cut.dump.bytes.resize(size * i / 24);
    damaged.push_back(std::move(cut));
  }
  SetMember lie = other;  // the count behind "n, address of the list"
  for (std::size_t at = 0; at + 16 <= size; at += 8) {
    std::uint64_t words[2];
    std::memcpy(words, &lie.dump.bytes[at], 16);
    if (words[0] == 2 && words[1] == 0xfffff8a00d2f1c40) {
      const std::uint32_t many = 0x7fffffff;
      std::memcpy(&lie.dump.bytes[at], &many, 4);
      damaged.push_back(lie);
    }
  }
  EXPECT_EQ(damaged.size(), 24u);
  damaged.push_back(good);
  damaged.back().name = "b.dmp";  // the same threads again
  for (const SetMember& member : damaged) {
    write_members({member}, folder.path());
    const json report = ask(tests::quoted(folder.path()));
    const auto stacks = stacks_at(report, one[0].ethread);
    ASSERT_EQ(stacks.size(), 1u);
    EXPECT_EQ(frame_difference(*stacks[0], one[0].frames), "");
  }
}

}  // namespace
}  // namespace ntstack::world
