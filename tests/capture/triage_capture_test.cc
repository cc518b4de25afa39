// Triage captures end to end, against the stand-in: 300 threads of which some do not answer, end,
// are denied, are not who they were; on machines whose processors leave much room and little. What
// was captured is read back by `ntstack stacks` and compared with what the emulated processor did.
#include "capture/triage_capture.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "capture/stand_in.h"
#include "capture/status_text.h"
#include "test_files.h"
#include "tool.h"
#include "world_sets/stack_check.h"

namespace ntstack::tests {
namespace {

using namespace capture;  // NOLINT: all of it is tested here
using nlohmann::json;
using world::BigProcess;

std::filesystem::path modules() { return binary_dir() / "tests" / "world" / "modules"; }

const BigProcess& process_of(unsigned processors) {
  static std::map<unsigned, BigProcess> built;
  const auto [at, is_new] = built.try_emplace(processors);
  if (is_new) at->second = world::build_big_process(modules(), processors);
  return at->second;
}

// Where dumps go.
struct Store {
  std::vector<std::vector<std::byte>> dumps;
  std::size_t fails_at = SIZE_MAX;
  std::atomic<bool> cancel = false;
  std::function<void(const TriageProgress&)> on_progress;

  TriageCallbacks callbacks() {
    return {[this](std::size_t number, std::span<const std::byte> dump) -> base::Result<void> {
              if (number == fails_at) return base::fail("the disk is full");
              EXPECT_EQ(number, dumps.size());
              dumps.emplace_back(dump.begin(), dump.end());
              return {};
            },
            on_progress, &cancel};
  }
  void write(const std::filesystem::path& folder) const {
    for (std::size_t i = 0; i < dumps.size(); ++i) {
      std::ofstream out(folder / fmt::format("w3wp.{:03}.dmp", i), std::ios::binary);
      out.write(reinterpret_cast<const char*>(dumps[i].data()),
                static_cast<std::streamsize>(dumps[i].size()));
    }
  }
};

TriageCapture capture(StandIn& system, Store& store, const TriageOptions& options = {},
                      const ThreadRequest& request = {}) {
  const ProcessFacts process = system.listed();
  const auto chosen = choose_threads(process, request);
  EXPECT_TRUE(chosen) << (chosen ? "" : chosen.error().text());
  TriageCapture result = capture_triage(system, process, *chosen, options, store.callbacks());
  EXPECT_EQ(system.imbalance(), "");
  EXPECT_EQ(store.dumps.size(), result.dumps);
  for (const ThreadRecord& thread : result.threads) {
    EXPECT_NE(thread.outcome, Outcome::pending);
    EXPECT_FALSE(thread.text.empty());
  }
  return result;
}

// Bytes that each thread takes of a dump that has room for everything, and those that are there for
// threads in one of a megabyte.
struct Sizes {
  std::map<std::uint32_t, std::size_t> threads;  // by ID
  std::size_t room = 0;
};
Sizes sizes_of(StandIn& system, const BigProcess& process) {
  world::SnapRules rules = system.rules().snap;
  rules.room = SIZE_MAX;
  const auto size = [&](const std::vector<world::ThreadTruth>& request) {
    return world::snap_threads(*process.world, request, rules).bytes.size();
  };
  Sizes sizes;
  const world::ThreadTruth& first = process.threads.front();
  const std::size_t alone = size({first});
  for (const StandInThread& thread : system.threads())
    if (!thread.truth.frames.empty())
      sizes.threads[thread.facts.id] = size({first, thread.truth}) - alone;
  rules.room = 0x100000;
  const std::size_t overhead = size({first}) - sizes.threads.at(first.id);
  sizes.room = rules.room - overhead;
  return sizes;
}

std::size_t first_fit_decreasing(std::vector<std::size_t> sizes, std::size_t room) {
  std::ranges::sort(sizes, std::greater<>());
  std::vector<std::size_t> bins;
  for (const std::size_t each : sizes) {
    const auto bin =
        std::ranges::find_if(bins, [&](std::size_t used) { return used + each <= room; });
    if (bin == bins.end())
      bins.push_back(each);
    else
      *bin += each;
  }
  return bins.size();
}

void expect_few_calls(StandIn& system, const BigProcess& process, const TriageCapture& result) {
  const Sizes sizes = sizes_of(system, process);
  std::vector<std::size_t> captured;
  for (const ThreadRecord& thread : result.threads)
    if (thread.outcome == Outcome::captured) captured.push_back(sizes.threads.at(thread.facts.id));
  const std::size_t best = first_fit_decreasing(captured, sizes.room);
  fmt::print("{} processors: {} calls, first-fit-decreasing {}, {} dumps\n",
             process.world->processors(), result.calls.size(), best, result.dumps);
  EXPECT_LE(static_cast<double>(result.calls.size()), 1.2 * static_cast<double>(best) + 2);
}

// Each captured thread once, with every frame; no other.
void expect_stacks(const Store& store, const TriageCapture& result, const BigProcess& process) {
  const TemporaryFolder folder;
  store.write(folder.path());
  const auto run_result = run(fmt::format("{} stacks --json -y {} {}", quoted(NTSTACK_PROGRAM),
                                          quoted(modules()), quoted(folder.path())));
  ASSERT_EQ(run_result.exit_code, 0);
  const json report = json::parse(run_result.out, nullptr, false);
  ASSERT_FALSE(report.is_discarded());
  std::size_t frames = 0;
  for (const ThreadRecord& thread : result.threads) {
    const auto truth = std::ranges::find(process.threads, thread.facts.id, &world::ThreadTruth::id);
    ASSERT_NE(truth, process.threads.end());
    const auto stacks = world::stacks_at(report, truth->ethread);
    if (thread.outcome != Outcome::captured) {
      EXPECT_TRUE(stacks.empty() || (*stacks[0])["frames"].empty()) << thread.text;
      continue;
    }
    ASSERT_EQ(stacks.size(), 1u) << thread.facts.id;
    EXPECT_EQ(thread.object, truth->ethread);
    EXPECT_EQ(world::frame_difference(*stacks[0], truth->frames), "") << thread.facts.id;
    frames += truth->frames.size();
  }
  fmt::print("capture: {} frames compared with what the processor did\n", frames);
}

const ThreadRecord& record_of(const TriageCapture& result, const StandInThread& thread) {
  return *std::ranges::find_if(result.threads, [&](const ThreadRecord& record) {
    return record.facts.id == thread.facts.id;
  });
}

// A thread of every kind that there is: where, and what is to become of it.
std::map<std::size_t, Outcome> make_trouble(StandIn& system) {
  auto& threads = system.threads();
  threads[20].ends = Ends::after_listing;
  threads[21].ends = Ends::after_listing;
  threads[21].reused_by = ThreadIdentity{threads[21].facts.id, 0x777, 1, false};
  threads[22].ends = Ends::after_listing;  // the same process's new thread
  threads[22].reused_by = ThreadIdentity{threads[22].facts.id, 0x1a2c, 99, false};
  threads[23].ends = Ends::after_opening;
  threads[24].ends = Ends::seen_ended;
  threads[25].granted = 0x1f03ff;
  threads[26].open_status = kInsufficientResources;
  threads[200].wedged_calls = 3;  // answers later
  threads[298].appears_after_calls = 1;
  threads[299].appears_after_calls = 2;
  return {{7, Outcome::wedged},  {150, Outcome::wedged}, {40, Outcome::denied}, {20, Outcome::gone},
          {21, Outcome::gone},   {22, Outcome::gone},    {23, Outcome::gone},   {24, Outcome::gone},
          {25, Outcome::denied}, {26, Outcome::failed}};
}

class Capture300 : public testing::TestWithParam<unsigned> {};

TEST_P(Capture300, EveryThreadIsCapturedOrItsReasonToldInFewCalls) {
  const BigProcess& process = process_of(GetParam());
  StandIn system(process, rules_of(process));
  const auto expected = make_trouble(system);
  Store store;
  const TriageCapture result = capture(system, store);
  EXPECT_FALSE(result.error) << result.error->text();
  ASSERT_EQ(result.threads.size(), 300u);
  for (std::size_t i = 0; i < 300; ++i) {
    const auto special = expected.find(i);
    const ThreadRecord& record = record_of(result, system.threads()[i]);
    EXPECT_EQ(record.outcome, special == expected.end() ? Outcome::captured : special->second)
        << i << ": " << record.text;
    EXPECT_EQ(record.dump.has_value(), special == expected.end());
    EXPECT_EQ(record.is_new, i >= 298);
  }
  EXPECT_EQ(record_of(result, system.threads()[0]).name, "pool 0");
  EXPECT_NE(record_of(result, system.threads()[21]).text.find("another thread"), std::string::npos);
  EXPECT_NE(record_of(result, system.threads()[7]).text.find("5 s"), std::string::npos);
  expect_few_calls(system, process, result);
  expect_stacks(store, result, process);
}

TEST_P(Capture300, UnattendedAtMostTenThreadsAreInTheFirstDump) {
  const BigProcess& process = process_of(GetParam());
  StandIn system(process, rules_of(process));
  Store store;
  TriageOptions options;
  options.is_unattended = true;
  const TriageCapture result = capture(system, store, options);
  EXPECT_LE(result.calls.front().asked, 10u);
  EXPECT_EQ(result.count(Outcome::captured), 297u);
  expect_few_calls(system, process, result);
}

INSTANTIATE_TEST_SUITE_P(Processors, Capture300, testing::Values(4u, 16u, 24u, 64u),
                         [](const auto& each) { return fmt::format("of_{}", each.param); });

TEST(TriageCapture, TheDumpsParametersSayWhoMadeThemAndWhereTheFirstThreadsAre) {
  const BigProcess& process = process_of(4);
  StandIn system(process, rules_of(process));
  Store store;
  ThreadRequest request;
  for (const std::size_t i : {90u, 50u, 61u}) request.ids.push_back(process.threads[i].id);
  const TriageCapture result = capture(system, store, {}, request);
  const auto& first = system.requests().front();
  EXPECT_EQ(std::vector(first.ids.begin(), first.ids.begin() + 3), request.ids);
  EXPECT_EQ(first.parameters[1], process.threads[90].ethread);
  EXPECT_EQ(first.parameters[3], process.threads[61].ethread);
  EXPECT_EQ(result.threads[1].dump, 0u);
  std::size_t number = 0;
  for (const auto& dump : store.dumps) {
    const base::Bytes bytes{std::span(dump)};
    EXPECT_EQ(bytes.get<std::uint32_t>(0x38), kTriageBugcheckCode);
    const auto tag = tag_of(bytes.get_or<std::uint64_t>(0x40, 0), true);
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->batch, number++);
  }
}

TEST(TriageCapture, ChosenThreadsAloneAreCapturedAloneAndNoNewOnesAreAdded) {
  const BigProcess& process = process_of(4);
  StandIn system(process, rules_of(process));
  system.threads()[299].appears_after_calls = 1;
  Store store;
  ThreadRequest request;
  request.ids = {process.threads[9].id, process.threads[3].id};
  request.only = true;
  const TriageCapture result = capture(system, store, {}, request);
  EXPECT_EQ(result.threads.size(), 2u);
  EXPECT_EQ(result.count(Outcome::captured), 2u);
  EXPECT_EQ(result.calls.size(), 1u);
}

TEST(TriageCapture, TheNewUserOfAThreadsIdIsAThreadOfItsOwn) {
  const BigProcess& process = process_of(4);
  StandIn system(process, rules_of(process));
  StandInThread later = system.threads()[60];
  system.threads().erase(system.threads().begin() + 60);
  system.threads()[10].ends = Ends::after_listing;
  later.facts.id = system.threads()[10].facts.id;
  later.facts.create_time += 1000;
  later.appears_after_calls = 1;
  system.threads().push_back(later);
  Store store;
  const TriageCapture result = capture(system, store);
  std::vector<Outcome> outcomes;
  for (const ThreadRecord& thread : result.threads)
    if (thread.facts.id == later.facts.id) outcomes.push_back(thread.outcome);
  EXPECT_EQ(outcomes, (std::vector{Outcome::gone, Outcome::captured}));
  EXPECT_TRUE(result.threads.back().is_new);
}

TEST(TriageCapture, HandlesThatAreAllRefusedInALaterCallAreDeniedAndTheRestGoesOn) {
  const BigProcess& process = process_of(4);
  StandIn system(process, rules_of(process));
  for (std::size_t i = 10; i < 299; ++i) system.threads()[i].granted = 0x1f03ff;
  Store store;
  TriageOptions options;
  options.is_unattended = true;
  const TriageCapture result = capture(system, store, options);
  EXPECT_FALSE(result.error);
  EXPECT_EQ(result.count(Outcome::captured), 10u);
  EXPECT_EQ(result.count(Outcome::denied), 289u);
  EXPECT_EQ(result.calls[1].status, kAccessDenied);
}

TEST(TriageCapture, CancelledBetweenCallsItKeepsWhatItHas) {
  const BigProcess& process = process_of(16);
  StandIn system(process, rules_of(process));
  Store store;
  store.on_progress = [&](const TriageProgress& progress) {
    if (progress.calls == 2) store.cancel = true;
  };
  const TriageCapture result = capture(system, store);
  EXPECT_TRUE(result.was_cancelled);
  EXPECT_FALSE(result.error);
  EXPECT_EQ(result.calls.size(), 2u);
  EXPECT_EQ(store.dumps.size(), 2u);
  EXPECT_GT(result.count(Outcome::captured), 20u);
  EXPECT_EQ(result.count(Outcome::captured) + result.count(Outcome::not_tried) +
                result.count(Outcome::wedged) + result.count(Outcome::denied),
            300u);
  expect_stacks(store, result, process);
}

TEST(TriageCapture, WhatDoesNotAnswerIsAskedOnceMoreAtTheEndAsFarAsTheTimeAllows) {
  const BigProcess& process = process_of(4);
  for (const std::uint64_t budget : {0u, 200'000u, 45'000u}) {
    StandIn system(process, rules_of(process));
    for (std::size_t i = 30; i < 36; ++i) system.threads()[i].wedged_calls = SIZE_MAX;
    Store store;
    TriageOptions options;
    options.time_budget = budget;
    const TriageCapture result = capture(system, store, options);
    EXPECT_EQ(result.count(Outcome::wedged), 8u);
    EXPECT_EQ(result.count(Outcome::captured), 291u);
    const std::size_t answers_waited_for = budget == 45'000 ? 8 + 0 : 16;
    EXPECT_GE(result.milliseconds, 5000 * answers_waited_for);
    EXPECT_LE(result.milliseconds, 5000 * (answers_waited_for + 1)) << budget;
    std::size_t asked = 0;
    for (const auto& request : system.requests())
      asked += static_cast<std::size_t>(std::ranges::count(request.ids, process.threads[7].id));
    EXPECT_LE(asked, 2u);
  }
}

TEST(TriageCapture, WhenTheTimeIsOverTheRestIsSaidNotToHaveBeenTried) {
  const BigProcess& process = process_of(24);
  StandIn system(process, rules_of(process));
  for (StandInThread& thread : system.threads()) thread.wedged_calls = 0;
  Store store;
  TriageOptions options;
  options.time_budget = 1000;  // each call takes 20 ms
  const TriageCapture result = capture(system, store, options);
  EXPECT_TRUE(result.ran_out_of_time);
  EXPECT_GT(result.count(Outcome::captured), 10u);
  EXPECT_GT(result.count(Outcome::not_tried), 10u);
  EXPECT_NE(result.threads.back().text.find("time"), std::string::npos);
}

TEST(TriageCapture, WhereADumpCantBeStoredItEndsAndWhatWasStoredCounts) {
  const BigProcess& process = process_of(16);
  for (const std::size_t fails_at : {0u, 2u}) {
    StandIn system(process, rules_of(process));
    Store store;
    store.fails_at = fails_at;
    const TriageCapture result = capture(system, store);
    ASSERT_TRUE(result.error);
    EXPECT_NE(result.error->text().find("disk is full"), std::string::npos);
    EXPECT_EQ(store.dumps.size(), fails_at);
    EXPECT_EQ(result.calls.size(), fails_at + 1);
    for (const ThreadRecord& thread : result.threads)
      EXPECT_TRUE(thread.outcome != Outcome::captured || thread.dump.value_or(99) < fails_at);
    if (fails_at != 0) expect_stacks(store, result, process);
  }
}

TEST(TriageCapture, AddressesThatTheSystemDoesNotTellComeFromTheDumps) {
  const BigProcess& process = process_of(4);
  for (const bool writes_lists : {true, false}) {
    StandInRules rules = rules_of(process);
    rules.tells_objects = false;
    rules.writes_lists = writes_lists;
    StandIn system(process, rules);
    make_trouble(system);
    Store store;
    const TriageCapture result = capture(system, store);
    EXPECT_EQ(system.requests().front().parameters[1], 0u);
    EXPECT_EQ(result.count(Outcome::captured), 290u);
    expect_stacks(store, result, process);
  }
}

// Nothing but what is there, and what is not though later ones are, tells of a thread then.
TEST(TriageCapture, WithoutTheKernelsListEveryThreadIsCapturedAllTheSame) {
  for (const unsigned processors : {4u, 24u}) {
    const BigProcess& process = process_of(processors);
    StandInRules rules = rules_of(process);
    rules.writes_lists = false;
    StandIn system(process, rules);
    Store store;
    const TriageCapture result = capture(system, store);
    EXPECT_EQ(result.count(Outcome::captured), 297u);
    EXPECT_EQ(result.count(Outcome::wedged), 2u);
    EXPECT_EQ(result.count(Outcome::denied), 1u);
    EXPECT_FALSE(result.calls.front().has_list);
    expect_few_calls(system, process, result);
  }
}

struct Refusal {
  const char* name;
  std::function<void(StandIn&)> arrange;
  const char* says;
  Status status;
};
const Refusal refusals[] = {
    {"no_privilege", [](StandIn& s) { s.rules().holds_privilege = false; }, "SeDebugPrivilege",
     kNotAllAssigned},
    {"container", [](StandIn& s) { s.rules().in_container = true; }, "container", kAccessDenied},
    {"wine", [](StandIn& s) { s.rules().has_debug_control = false; }, "Wine", kNotImplemented},
    {"no_memory", [](StandIn& s) { s.rules().triage_status = kNoMemory; }, "nonpaged pool",
     kNoMemory},
    {"other_form", [](StandIn& s) { s.rules().triage_status = kInfoLengthMismatch; },
     "another form", kInfoLengthMismatch},
    {"unknown", [](StandIn& s) { s.rules().triage_status = 0xc0dead01; }, "0xc0dead01", 0xc0dead01},
    {"protected",
     [](StandIn& s) {
       for (StandInThread& thread : s.threads()) thread.open_status = kAccessDenied;
     },
     "live dump", kAccessDenied},
    {"stripped_handles",
     [](StandIn& s) {
       for (StandInThread& thread : s.threads()) thread.granted = 0x1f0fff;
     },
     "handle was refused", kAccessDenied},
    {"ended",
     [](StandIn& s) {
       for (StandInThread& thread : s.threads()) thread.ends = Ends::after_listing;
     },
     "have ended", kSuccess},
    {"all_wedged",
     [](StandIn& s) {
       for (StandInThread& thread : s.threads()) thread.wedged_calls = SIZE_MAX;
     },
     "live dump", kSuccess},
    {"length_over_the_buffer",
     [](StandIn& s) { s.rules().returned_length = [](std::uint32_t) { return 0x100001u; }; },
     "0x100001", kSuccess},
    {"no_length", [](StandIn& s) { s.rules().returned_length = [](std::uint32_t) { return 0u; }; },
     "no triage dump", kSuccess},
    {"a_header_alone",
     [](StandIn& s) { s.rules().returned_length = [](std::uint32_t) { return 0x2000u; }; },
     "cut off", kSuccess}};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, ItIsAnErrorThatSaysWhyAndWhatElseCanBeDone) {
  const BigProcess& process = process_of(4);
  StandIn system(process, rules_of(process));
  for (StandInThread& thread : system.threads()) thread.wedged_calls = 0;
  GetParam().arrange(system);
  Store store;
  TriageOptions options;
  options.time_budget = 60'000;
  const TriageCapture result = capture(system, store, options);
  ASSERT_TRUE(result.error);
  EXPECT_NE(result.error->text().find(GetParam().says), std::string::npos) << result.error->text();
  EXPECT_EQ(result.error_status, GetParam().status);
  EXPECT_TRUE(store.dumps.empty());
  EXPECT_FALSE(result.has_any());
}

INSTANTIATE_TEST_SUITE_P(Reasons, Refused, testing::ValuesIn(refusals),
                         [](const auto& each) { return each.param.name; });

TEST(TriageCapture, AFailureThatPassesIsTriedAgainWithFewerThreads) {
  const BigProcess& process = process_of(4);
  StandInRules rules = rules_of(process);
  rules.triage_status = kNoMemory;
  rules.triage_failures = 2;
  StandIn system(process, rules);
  Store store;
  const TriageCapture result = capture(system, store);
  EXPECT_FALSE(result.error);
  EXPECT_EQ(result.count(Outcome::captured), 297u);
  EXPECT_LE(result.calls[1].asked, result.calls[0].asked / 2);
}

// Of 18362 and of 26100; offsets are 19041's.
TEST(TriageCapture, ProcessorsBlocksOfOtherBuildsAreMeasured) {
  for (const std::uint32_t bytes : {0x8f00u, 0xcf00u}) {
    world::KernelLayout layout = world::windows_10_19041;
    layout.prcb.size = bytes;
    layout.pcr_size = layout.pcr.prcb + bytes;
    for (const unsigned processors : {2u, 12u, 20u}) {
      const BigProcess process = world::build_big_process(modules(), processors, 120, layout);
      StandIn system(process, rules_of(process));
      Store store;
      const TriageCapture result = capture(system, store);
      EXPECT_EQ(result.count(Outcome::captured), 118u);
      expect_few_calls(system, process, result);
    }
  }
}

TEST(TriageCapture, ThePrivilegeIsLeftAsItWas) {
  const BigProcess& process = process_of(4);
  for (const bool is_on : {false, true}) {
    StandInRules rules = rules_of(process);
    rules.privilege_is_on = is_on;
    StandIn system(process, rules);
    Store store;
    capture(system, store);
    EXPECT_EQ(system.privilege_changes(), is_on ? 0u : 2u);
  }
}

// With a list of drivers so long that no thread's object finds room, or one and nothing more.
world::SnapRules rules_without_room(const BigProcess& process, bool has_object) {
  world::SnapRules rules = world::windows_rules();
  rules.room = 0x100000;
  const auto one = std::span(process.threads).first(1);
  while (world::snap_threads(*process.world, one, rules).has_object[0]) ++rules.more_drivers;
  if (has_object) --rules.more_drivers;
  return rules;
}

TEST(TriageCapture, WhereProcessorsAndDriversEatEverythingThatIsSaidAfterOneCall) {
  const BigProcess& process = process_of(24);
  StandInRules rules = rules_of(process);
  rules.snap = rules_without_room(process, false);
  StandIn system(process, rules);
  Store store;
  const TriageCapture result = capture(system, store);
  ASSERT_TRUE(result.error);
  EXPECT_NE(result.error->text().find("live dump"), std::string::npos);
  EXPECT_EQ(result.calls.size(), 1u);
  EXPECT_EQ(result.count(Outcome::does_not_fit), 300u);
}

TEST(TriageCapture, WhereNoStackFitsItGivesUpAfterThreeDumps) {
  const BigProcess& process = process_of(24);
  StandInRules rules = rules_of(process);
  rules.snap = rules_without_room(process, true);
  StandIn system(process, rules);
  Store store;
  const TriageCapture result = capture(system, store);
  ASSERT_TRUE(result.error);
  EXPECT_LE(result.calls.size(), 4u);
  EXPECT_FALSE(result.has_any());
  EXPECT_GE(result.count(Outcome::does_not_fit), 1u);
  EXPECT_NE(result.threads.back().text.find("live dump"), std::string::npos);
}

// So many bytes of the thread's kernel stack are in use. Nothing walks it.
void make_stack_large(BigProcess& process, std::size_t index, std::uint64_t bytes) {
  const auto& layout = process.world->layout();
  auto& machine = process.world->machine();
  world::ThreadTruth& truth = process.threads[index];
  const std::uint64_t base = 0xfffff88040000000 + 0x200000 * index,
                      limit = (base - bytes) & ~0xfffull, sp = base - bytes,
                      initial = base - layout.stack_control_size;
  machine.map(limit, base - limit);
  machine.put(truth.ethread + layout.kthread.stack_base, base);
  machine.put(truth.ethread + layout.kthread.stack_limit, limit);
  machine.put(truth.ethread + layout.kthread.initial_stack, initial);
  machine.put(initial, base);
  machine.put(initial + 8, limit);
  truth.segments = {{base, limit, initial, sp}};
  truth.frames.front().child_sp = sp + layout.switch_frame.size;
  std::memcpy(&truth.context[0x98], &truth.frames.front().child_sp, 8);
}

TEST(TriageCapture, OneThreadOf400KBAmongSmallOnesIsCapturedToo) {
  for (const unsigned processors : {4u, 24u}) {
    BigProcess process = world::build_big_process(modules(), processors, 60);
    make_stack_large(process, 30, 400 * 1024);
    StandIn system(process, rules_of(process));
    Store store;
    const TriageCapture result = capture(system, store);
    const bool fits = processors == 4;
    EXPECT_EQ(record_of(result, system.threads()[30]).outcome,
              fits ? Outcome::captured : Outcome::does_not_fit);
    EXPECT_EQ(result.count(Outcome::captured), fits ? 58u : 57u);
    EXPECT_FALSE(result.error);
    expect_few_calls(system, process, result);
  }
}

TEST(TriageCapture, OfStacksOfEverySizeEachIsCapturedInFewCalls) {
  BigProcess process = world::build_big_process(modules(), 16, 60);
  std::uint64_t random = 1;
  for (std::size_t i = 8; i < 60; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    if (i != 40 && i != 50)
      make_stack_large(process, i, 0x2000 + (random >> 33) % 0x30000 / 16 * 16);
  }
  StandIn system(process, rules_of(process));
  Store store;
  const TriageCapture result = capture(system, store);
  EXPECT_EQ(result.count(Outcome::captured), 58u);
  expect_few_calls(system, process, result);
}

}  // namespace
}  // namespace ntstack::tests
