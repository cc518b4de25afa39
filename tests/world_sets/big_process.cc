#include "world_sets/big_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <stdexcept>

#include "world/seed1_story.h"

namespace ntstack::world {
namespace {

constexpr std::uint32_t timeout = 0x102, access_denied = 0xc0000022;
constexpr std::size_t owner = 2, denied = 40;
constexpr std::size_t wedged[] = {7, 150};
constexpr std::uint64_t second = 10'000'000;  // of 100 ns

std::string role_of(std::size_t index) {
  if (index == owner) return "owner";
  if (index == denied) return "denied";
  if (std::ranges::find(wedged, index) != std::end(wedged)) return "wedged";
  return index % 3 == 0 ? "creator" : "worker";
}

void add_processors(KernelWorld& world, unsigned count) {
  world.add_processor(0xfffff80002fe0000, 0xfffff80000ba3000, 0xfffff80000bac000);
  for (unsigned i = 1; i < count; i++) {
    const std::uint64_t stacks = 0xfffff8800a000000 + 0x20000ull * i;
    world.add_processor(0xfffff88009000000 + 0x20000ull * i, stacks + 0x7000, stacks + 0x10000);
  }
}

ThreadTruth unanswered(const Thread& thread) {
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.status = thread.role == "denied" ? access_denied : timeout;
  return truth;
}

}  // namespace

BigProcess build_big_process(const std::filesystem::path& modules, unsigned processors,
                             unsigned count, const KernelLayout& layout) {
  using namespace seed1_story;
  BigProcess process;
  process.world = std::make_unique<KernelWorld>(modules, layout);
  KernelWorld& world = *process.world;
  world.start_drivers();
  add_processors(world, processors);
  const std::uint64_t w3wp = world.create_process("w3wp.exe", 0x1a2c);
  std::vector<Thread> threads;
  for (std::size_t i = 0; i < count; i++) {
    threads.push_back(world.create_thread(w3wp, role_of(i),
                                          static_cast<std::uint32_t>(0x2004 + 4 * i),
                                          0xfffff8801b000000 + 0x9000 * i));
    world.machine().put(threads[i].ethread + world.layout().ethread.create_time,
                        SnapRules().time - 3600 * second + i);
  }
  offer_expansion_stack(world);
  const Thread idle =
      world.create_thread(world.create_process("Idle", 0), "idle", 0, 0xfffff88002f5e000);
  world.machine().put(world.nt("KiWorld") + 0x10, idle.ethread);

  process.threads.resize(count);
  const std::uint64_t pool_used = world.nt("ExpPoolUsed");
  std::uint64_t used = 0;  // of the kernel's small pool, with what the first two left in it
  const auto run = [&](std::size_t i) {
    Thread& thread = threads[i];
    if (used != 0) world.machine().put(pool_used, used);
    world.queue_capture(thread);
    const bool creates = thread.role == "owner" || thread.role == "creator";
    process.threads[i] = creates ? run_owner(world, thread) : run_worker(world, thread);
  };
  run(owner);
  run(1);
  used = world.machine().get(pool_used);
  for (std::size_t i = 0; i < count; i++) {
    if (threads[i].role == "wedged" || threads[i].role == "denied")
      process.threads[i] = unanswered(threads[i]);
    else if (i != owner && i != 1)
      run(i);
  }
  const std::uint64_t svchost = world.create_process("svchost.exe", 0x1b30);
  for (std::uint32_t i = 0; i < 2; i++) {
    Thread thread =
        world.create_thread(svchost, "worker", 0x2804 + 4 * i, 0xfffff8801c000000 + 0x9000ull * i);
    world.machine().put(pool_used, used);
    world.queue_capture(thread);
    process.others.push_back(run_worker(world, thread));
  }
  return process;
}

SnapRules windows_rules() {
  SnapRules rules;
  rules.room = 0x100000;
  rules.more_drivers = 250;
  rules.indirect = 0x1000;
  return rules;
}

std::vector<SetMember> capture_all(const BigProcess& process, SnapRules rules) {
  std::vector<SetMember> members;
  std::deque<std::size_t> left, unanswered;
  const auto capture = [&](std::vector<std::size_t> asked) {
    std::vector<ThreadTruth> request;
    for (const std::size_t i : asked) request.push_back(process.threads[i]);
    SetMember member{fmt::format("w3wp.{:03}.dmp", members.size()), {}, std::move(asked)};
    member.dump = snap_threads(*process.world, request, rules);
    rules.time += second;
    rules.up_time += second;
    members.push_back(std::move(member));
    return members.size() - 1;
  };
  std::vector<std::size_t> all(process.threads.size());
  for (std::size_t i = 0; i < all.size(); i++) all[i] = i;
  std::size_t batch = 0;
  const auto sort_out = [&](std::size_t number) {
    const SetMember& member = members[number];
    std::size_t fitted = 0;
    for (std::size_t i = member.asked.size(); i-- > 0;) {
      const std::size_t thread = member.asked[i];
      if (member.dump.has_stack[i])
        fitted++;
      else if (member.dump.statuses[i] == timeout)
        unanswered.push_back(thread);
      else if (member.dump.statuses[i] != access_denied && thread != owner)
        left.push_front(thread);
    }
    batch = std::clamp<std::size_t>(fitted, 2, 40);
  };
  sort_out(capture(all));
  while (!left.empty()) {
    std::vector<std::size_t> asked{left.front()};
    left.pop_front();
    if (members.size() % 8 == 1) asked.push_back(owner);  // once more, now and then
    while (asked.size() < batch && !left.empty()) {
      asked.push_back(left.front());
      left.pop_front();
    }
    const std::size_t number = capture(std::move(asked));
    if (!members[number].dump.has_stack[0] && members[number].dump.statuses[0] != timeout)
      throw std::runtime_error("a thread that fits into no dump");
    sort_out(number);
  }
  if (!unanswered.empty()) {
    std::vector<std::size_t> asked(unanswered.begin(), unanswered.end());
    asked.push_back(owner);
    capture(std::move(asked));
  }
  return members;
}

std::vector<bool> captured_threads(const BigProcess& process,
                                   const std::vector<SetMember>& members) {
  std::vector<bool> captured(process.threads.size());
  for (const SetMember& member : members)
    for (std::size_t i = 0; i < member.asked.size(); i++)
      if (member.dump.has_stack[i]) captured[member.asked[i]] = true;
  return captured;
}

void write_members(const std::vector<SetMember>& members, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const SetMember& member : members) {
    std::ofstream out(folder / member.name, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(member.dump.bytes.data()),
              static_cast<std::streamsize>(member.dump.bytes.size()));
    if (!out.flush()) throw std::runtime_error("cannot write " + (folder / member.name).string());
  }
}

}  // namespace ntstack::world
