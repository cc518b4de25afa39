// !locks on the first seed's machine: its workers wait for the resource of one file, its owner
// holds it. The kernel of the world took and waited for it by its own code; the console reads the
// emulated memory behind the dump's.
#include <gtest/gtest.h>

#include <set>

#include "app/session.h"
#include "console/console.h"
#include "test_files.h"
#include "world/guest_source.h"
#include "world/seed1.h"
#include "world/triage_writer.h"

namespace ntstack {
namespace {

using world::ThreadTruth;

class Locks : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    seed_ =
        new world::Seed1(world::build_seed1(tests::binary_dir() / "tests" / "world" / "modules"));
    bytes_ = new std::vector<std::uint8_t>(write_triage_dump(*seed_->world, seed_->threads));
  }
  static void TearDownTestSuite() {
    delete bytes_;
    delete seed_;
  }

  std::string run(std::string_view line) {
    auto dump = dump::parse(base::Bytes::of(std::span<const std::uint8_t>(*bytes_)));
    EXPECT_TRUE(dump);
    dump->memory = std::make_unique<world::GuestSource>(*seed_->world, std::move(dump->memory));
    app::DumpOptions options;
    options.dump = "w3wp.dmp";
    options.offline = true;
    options.symbol_path = (tests::source_dir() / "samples/seed1/symbols").string();
    app::Session session = app::Session::over(std::move(*dump), options);
    stacks::Walker walker(session.machine(), session.symbolizer(), {});
    std::string answer;
    console::Console console({&session.machine(), &session.symbolizer(), &walker, {}, "w3wp.dmp"},
                             [&](std::string_view text) { answer += text; });
    console.run(line);
    return answer;
  }

  static std::uint64_t owner() {
    for (const ThreadTruth& thread : seed_->threads)
      if (thread.role == "owner") return thread.ethread;
    return 0;
  }
  static std::set<std::string> waiting() {
    std::set<std::string> found;
    for (const ThreadTruth& thread : seed_->threads)
      if (thread.role.ends_with("worker")) found.insert(fmt::format("{:016x}", thread.ethread));
    return found;
  }
  // The lines behind "Threads Waiting On Exclusive Access:".
  static std::set<std::string> listed_waiters(std::string_view answer) {
    std::set<std::string> found;
    constexpr std::string_view title = "Threads Waiting On Exclusive Access:\n",
                               indent = "              ";
    std::size_t at = answer.find(title);
    if (at == std::string_view::npos) return found;
    for (at += title.size(); answer.substr(at).starts_with(indent); at += indent.size() + 17)
      found.emplace(answer.substr(at + indent.size(), 16));
    return found;
  }
  // Of the one that is held.
  static std::uint64_t resource_in(const std::string& answer) {
    const std::size_t title = answer.find("Resource @ ");
    const std::size_t at = answer.find("0xffff", title);
    return title == std::string::npos || at == std::string::npos
               ? 0
               : std::stoull(answer.substr(at), nullptr, 16);
  }

  static inline world::Seed1* seed_ = nullptr;
  static inline std::vector<std::uint8_t>* bytes_ = nullptr;
};

TEST_F(Locks, TheOwnerAndTheWaitersAreThoseOfTheStory) {
  const std::string answer = run("!locks");
  EXPECT_NE(answer.find("    Exclusively owned\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find(fmt::format("     Threads: {:016x}-01<*>\n", owner())), std::string::npos)
      << answer;
  EXPECT_EQ(listed_waiters(answer), waiting()) << answer;
  EXPECT_NE(answer.find(", 1 locks currently held\n"), std::string::npos) << answer;
}

TEST_F(Locks, CountsAreWhatTheKernelCounted) {
  const std::string answer = run("!locks");
  const std::uint64_t resource = resource_in(answer);
  ASSERT_NE(resource, 0u) << answer;
  const auto& machine = seed_->world->machine();
  EXPECT_NE(answer.find(fmt::format("    Contention Count = {}\n",
                                    machine.get<std::uint32_t>(resource + 0x44))),
            std::string::npos)
      << answer;
  EXPECT_NE(answer.find(fmt::format("    NumberOfExclusiveWaiters = {}\n",
                                    machine.get<std::uint32_t>(resource + 0x4c))),
            std::string::npos)
      << answer;
}

// Truth is ours: newer kernels chain records on the waiters' stacks instead of an event.
TEST_F(Locks, WaitersInAChainOnTheirStacksAreFound) {
  const std::uint64_t resource = resource_in(run("!locks"));
  ASSERT_NE(resource, 0u);
  world::Machine& machine = seed_->world->machine();
  std::vector<const ThreadTruth*> workers;
  for (const ThreadTruth& thread : seed_->threads)
    if (thread.role == "switched worker") workers.push_back(&thread);
  ASSERT_EQ(workers.size(), 2u);
  const std::uint64_t event = machine.get<std::uint64_t>(resource + 0x28);
  const std::uint64_t first = workers[0]->segments[0].used_from,
                      second = workers[1]->segments[0].used_from;
  const std::uint64_t before = machine.get<std::uint64_t>(first - 0x40);
  machine.put(resource + 0x28, first - 0x40);
  machine.put(first - 0x40, second - 0x40);
  machine.put(second - 0x40, std::uint64_t{0});
  EXPECT_EQ(listed_waiters(run("!locks")),
            (std::set<std::string>{fmt::format("{:016x}", workers[0]->ethread),
                                   fmt::format("{:016x}", workers[1]->ethread)}));
  machine.put(second - 0x40, first - 0x40);  // a chain without an end
  EXPECT_EQ(listed_waiters(run("!locks")).size(), 2u);
  machine.put(first - 0x40, before);
  machine.put(resource + 0x28, event);
}

}  // namespace
}  // namespace ntstack
