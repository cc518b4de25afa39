// The story of the first seed's web server, on a 64-bit kernel of any processor.
#pragma once

#include <vector>

#include "world/kernel_objects.h"
#include "world/truth.h"

namespace ntstack::world {
namespace seed1_story {

inline constexpr char path[] = "\\Device\\Mup\\fileserver\\www\\web.config";
inline constexpr std::uint64_t user_rip_query = 0x77a62a2a, user_rip_create = 0x77a6256a;

template <class World>
ThreadTruth run_worker(World& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  return world.run_until_captured(
      thread,
      {service_query_full_attributes, user_rip_query, {attributes, thread.user_stack + 0x80}});
}

template <class World>
ThreadTruth run_owner(World& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  const std::uint64_t here = thread.user_stack;
  return world.run_until_captured(thread, {service_create_file,
                                           user_rip_create,
                                           {here + 0x80, 0x120089, attributes, here + 0x90, 0, 0}});
}

// The stack that the owner's create is expanded to: base 12d70000, so that the machine frame of the
// switch lies where the listing has it.
template <class World>
void offer_expansion_stack(World& world) {
  const std::uint64_t base = 0xfffff88012d70000, limit = base - 0x12000;
  world.machine().map(limit, base - limit);
  world.machine().put(world.nt("KiWorld"), base);
  world.machine().put(world.nt("KiWorld") + 8, limit);
}

}  // namespace seed1_story

// `world` is fresh. The threads in the order in which the dump was asked for them.
template <class World>
std::vector<ThreadTruth> run_seed1(World& world) {
  using namespace seed1_story;
  world.start_drivers();
  world.add_processor(0xfffff80002fe0000, 0xfffff80000ba3000, 0xfffff80000bac000);
  world.add_processor(0xfffff880009ea000, 0xfffff88002fd5000, 0xfffff88002fde000);
  const std::uint64_t w3wp = world.create_process("w3wp.exe", 0x1a2c);

  // The stack bases of the first worker and of the owner are the listings'.
  std::vector<Thread> threads;
  threads.push_back(world.create_thread(w3wp, "worker", 0x2204, 0xfffff8801adba000));
  threads.push_back(world.create_thread(w3wp, "worker", 0x2210, 0xfffff8801adc2000));
  threads.push_back(world.create_thread(w3wp, "owner", 0x1fd8, 0xfffff8800c81c000));
  threads.push_back(world.create_thread(w3wp, "worker", 0x221c, 0xfffff8801adcb000));
  threads.push_back(world.create_thread(w3wp, "switched worker", 0x2228, 0xfffff8801add4000));
  threads.push_back(world.create_thread(w3wp, "wedged", 0x2230, 0xfffff8801addd000));
  threads.push_back(world.create_thread(w3wp, "worker", 0x2238, 0xfffff8801ade6000));
  threads.push_back(world.create_thread(w3wp, "worker", 0x2244, 0xfffff8801adef000));
  threads.push_back(world.create_thread(w3wp, "switched worker", 0x2250, 0xfffff8801adf8000));
  threads.push_back(world.create_thread(w3wp, "worker", 0x225c, 0xfffff8801ae01000));
  threads.push_back(world.create_thread(w3wp, "worker", 0x2268, 0xfffff8801ae0a000));

  offer_expansion_stack(world);
  const Thread idle =
      world.create_thread(world.create_process("Idle", 0), "idle", 0, 0xfffff88002f5e000);
  world.machine().put(world.nt("KiWorld") + 0x10, idle.ethread);
  world.machine().put(world.prcb(1) + world.layout().prcb.current_thread, idle.ethread);

  // The owner comes first to the resource.
  std::vector<ThreadTruth> truths(threads.size());
  for (const bool owner : {true, false}) {
    for (std::size_t i = 0; i < threads.size(); i++) {
      Thread& thread = threads[i];
      if ((thread.role == "owner") != owner) continue;
      if (thread.role == "owner" || thread.role == "worker") world.queue_capture(thread);
      if (thread.role == "wedged") {
        truths[i].role = thread.role;
        truths[i].id = thread.id;
        truths[i].ethread = thread.ethread;
        truths[i].status = 0x102;  // STATUS_TIMEOUT: its APC did not run
      } else {
        truths[i] = owner ? run_owner(world, thread) : run_worker(world, thread);
      }
    }
  }
  return truths;
}

}  // namespace ntstack::world
