// A real user dump's process stood up again as a running one, memory, threads and modules: what is
// taken of it must walk as the dump itself does, frame by frame. The dumps' writers were not ours.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "app/capture_report.h"
#include "app/session.h"
#include "base/text.h"
#include "capture/fake_system.h"
#include "capture/live_process.h"
#include "stacks/walker.h"
#include "test_files.h"

namespace ntstack {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPage = 0x1000;

// Whole pages, as a process has them: what the dump lacks of one is zero. Pages that lie together
// are a region.
void stand_up_memory(const base::ByteSource& memory, capture::FakeSystem& system) {
  std::map<std::uint64_t, std::vector<std::byte>> pages;
  for (std::uint64_t at = 0;;) {
    const auto bytes = memory.copy(at, kPage - at % kPage);
    if (!bytes.empty()) {
      auto& page = pages[at - at % kPage];
      page.resize(kPage);
      std::ranges::copy(bytes, page.begin() + static_cast<std::ptrdiff_t>(at % kPage));
      at += bytes.size();
      continue;
    }
    at = memory.hole_end(at);
    if (at == UINT64_MAX) break;
  }
  std::vector<std::byte>* region = nullptr;
  std::uint64_t end = 0;
  for (const auto& [address, page] : pages) {
    if (!region || address != end) region = &system.memory[address].bytes;
    region->insert(region->end(), page.begin(), page.end());
    end = address + kPage;
  }
}

void stand_up(const dump::Dump& dump, capture::FakeSystem& system) {
  system.facts.architecture = dump.architecture;
  system.facts.build = dump.build;
  system.facts.processors = dump.processor_count;
  system.process_is_wow64 = true;  // asked for; most processes' TEBs then say that they are none
  system.module_list = dump.modules;
  capture::ProcessFacts process;
  process.id = 77;
  for (const dump::ThreadRecord& thread : dump.threads) {
    capture::ThreadFacts facts;
    facts.id = thread.id;
    facts.process_id = 77;
    facts.create_time = 1;
    facts.teb = thread.teb;
    process.threads.push_back(facts);
    const bool crashed = dump.exception_thread_id == thread.id && !dump.context.empty();
    const base::Bytes context = crashed ? dump.context : thread.context;
    auto& fake = system.threads[thread.id];
    fake.context.assign(context.span().begin(), context.span().end());
    fake.name = thread.name;
  }
  system.list.push_back(std::move(process));
  stand_up_memory(*dump.memory, system);
}

// A line for each frame; its trust as well.
std::vector<std::string> frames_of(dump::Dump dump, const fs::path& symbols) {
  app::DumpOptions options;
  options.dump = "x.dmp";
  options.symbol_path = symbols.string();
  options.offline = true;
  app::Session session = app::Session::over(std::move(dump), options);
  stacks::Walker walker(session.machine(), session.symbolizer(), session.symbolizer_maker());
  std::vector<std::string> lines;
  for (const stacks::Stack& stack : walker.walk_all())
    for (const stacks::Frame& frame : stack.frames)
      lines.push_back(fmt::format("{} {:x} {:x} {:x} {} {} {}", *stack.thread->id, frame.ip,
                                  frame.child_sp, frame.return_address,
                                  static_cast<int>(frame.trust), frame.is_wow64,
                                  frame.symbol.text()));
  return lines;
}

std::vector<fs::path> user_dumps() {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(tests::data_dir(), error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string extension = entry->path().extension().string();
    if (extension != ".dmp" && extension != ".mdmp") continue;
    if (entry->file_size() > 256 << 20) continue;
    const auto dump = dump::open(entry->path());
    if (dump && dump->kind == dump::Kind::minidump && !dump->threads.empty() && dump->memory)
      found.push_back(entry->path());
  }
  std::ranges::sort(found);
  return found;
}

TEST(LiveReplay, AProcessTakenAliveWalksAsItsDumpDoes) {
  const auto dumps = user_dumps();
  if (dumps.empty()) GTEST_SKIP() << "not at hand: real user dumps";
  std::size_t frames = 0, stacks_bytes = 0;
  for (const fs::path& path : dumps) {
    auto dump = dump::open(path);
    ASSERT_TRUE(dump);
    capture::FakeSystem system;
    stand_up(*dump, system);
    const auto live = capture::LiveProcess::take(system, system.list[0], nullptr);
    ASSERT_TRUE(live) << path << ": " << live.error().text();
    for (const auto& [id, thread] : system.threads) EXPECT_EQ(thread.suspended, 0) << path;
    dump::Dump taken = live->dump();
    ASSERT_EQ(taken.threads.size(), dump->threads.size()) << path;
    for (const dump::ThreadRecord& thread : taken.threads) stacks_bytes += thread.stack_size;
    const auto symbols = path.parent_path() / "symbols";
    const auto alive = frames_of(std::move(taken), symbols);
    std::vector<base::SegmentSource::Segment> pages;
    for (const auto& [address, region] : system.memory)
      pages.push_back({address, base::Bytes(region.bytes)});
    dump->memory = std::make_unique<base::SegmentSource>(std::move(pages));
    EXPECT_EQ(alive, frames_of(std::move(*dump), symbols)) << path;
    frames += alive.size();
  }
  EXPECT_GT(stacks_bytes, 0u);
  fmt::print("live replay: {} dumps, {} frames, {} KB of stacks copied\n", dumps.size(), frames,
             stacks_bytes >> 10);
}

TEST(LiveReplay, ThreadsAreFoundByTheNameOfAFrame) {
  std::size_t with = 0;
  for (const fs::path& path : user_dumps()) {
    const auto dump = dump::open(path);
    ASSERT_TRUE(dump);
    capture::FakeSystem system;
    stand_up(*dump, system);
    app::DumpOptions options;
    options.symbol_path = (path.parent_path() / "symbols").string();
    options.offline = true;
    const std::atomic<bool> cancel = false;
    // Every frame that has a module's name on it is found by that. The names are of our own walk,
    // which the test above compares.
    std::set<std::uint32_t> expected;
    const auto live = capture::LiveProcess::take(system, system.list[0], nullptr);
    ASSERT_TRUE(live);
    for (const std::string& line : frames_of(live->dump(), options.symbol_path))
      if (base::lower(line).contains("ntdll"))
        expected.insert(static_cast<std::uint32_t>(std::stoul(line)));
    const auto found = app::threads_with_frame(system, system.list[0], "NtDll", options, cancel);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found, expected) << path;
    with += found->size();
    const auto none = app::threads_with_frame(system, system.list[0], "no such!", options, cancel);
    ASSERT_TRUE(none);
    EXPECT_TRUE(none->empty());
    for (const auto& [id, thread] : system.threads) EXPECT_EQ(thread.suspended, 0) << path;
  }
  if (user_dumps().empty()) GTEST_SKIP() << "not at hand: real user dumps";
  EXPECT_GT(with, 0u);
}

}  // namespace
}  // namespace ntstack
