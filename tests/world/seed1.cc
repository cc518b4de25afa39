#include "world/seed1.h"

namespace ntstack::world {
namespace {

constexpr char path[] = "\\Device\\Mup\\fileserver\\www\\web.config";
constexpr std::uint64_t user_rip_query = 0x77a62a2a, user_rip_create = 0x77a6256a;

ThreadTruth run_worker(KernelWorld& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  return world.run_until_captured(
      thread,
      {service_query_full_attributes, user_rip_query, {attributes, thread.user_stack + 0x80}});
}

ThreadTruth run_owner(KernelWorld& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  const std::uint64_t here = thread.user_stack;
  return world.run_until_captured(thread, {service_create_file,
                                           user_rip_create,
                                           {here + 0x80, 0x120089, attributes, here + 0x90, 0, 0}});
}

// The stack that the owner's create is expanded to: base 12d70000, so that the machine frame of the
// switch lies where the listing has it.
void offer_expansion_stack(KernelWorld& world) {
  const std::uint64_t base = 0xfffff88012d70000, limit = base - 0x12000;
  world.machine().map(limit, base - limit);
  world.machine().put(world.nt("KiWorld"), base);
  world.machine().put(world.nt("KiWorld") + 8, limit);
}

}  // namespace

Seed1 build_seed1(const std::filesystem::path& modules) {
  Seed1 seed;
  seed.world = std::make_unique<KernelWorld>(modules, windows_10_19041);
  KernelWorld& world = *seed.world;
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
  seed.threads.resize(threads.size());
  for (const bool owner : {true, false}) {
    for (std::size_t i = 0; i < threads.size(); i++) {
      Thread& thread = threads[i];
      if ((thread.role == "owner") != owner) continue;
      if (thread.role == "owner" || thread.role == "worker") world.queue_capture(thread);
      if (thread.role == "wedged") {
        seed.threads[i].role = thread.role;
        seed.threads[i].id = thread.id;
        seed.threads[i].ethread = thread.ethread;
        seed.threads[i].status = 0x102;  // STATUS_TIMEOUT: its APC did not run
      } else {
        seed.threads[i] = owner ? run_owner(world, thread) : run_worker(world, thread);
      }
    }
  }
  return seed;
}

std::string_view seed1_worker_listing() {
  return R"(nt!DbgkpLkmdSnapThreadInContext+0x79
nt!DbgkpLkmdSnapThreadApc+0x3b
nt!KiDeliverApc+0x1e3
nt!KiCommitThreadWait+0x3dd
nt!KeWaitForSingleObject+0x19f
nt!ExpWaitForResource+0xae
nt!ExAcquireResourceExclusiveLite+0x14f
rdbss!_RxAcquireFcb+0x254
rdbss!RxFindOrCreateFcb+0x3d8
rdbss!RxCreateFromNetRoot+0x53a
rdbss!RxCommonCreate+0x34f
rdbss!RxFsdCommonDispatch+0x870
rdbss!RxFsdDispatch+0x224
mrxsmb!MRxSmbFsdDispatch+0xc0
mup!MupiCallUncProvider+0x169
mup!MupStateMachine+0x165
mup!MupCreate+0x31d
fltmgr!FltpLegacyProcessingAfterPreCallbacksCompleted+0x24f
fltmgr!FltpCreate+0x2a9
nt!IopParseDevice+0x14e2
nt!ObpLookupObjectName+0x784
nt!ObOpenObjectByName+0x306
nt!NtQueryFullAttributesFile+0x14f
nt!KiSystemServiceCopyEnd+0x13 (TrapFrame @ fffff880`1adb9c20)
)";
}

std::string_view seed1_owner_listing() {
  return R"(nt!DbgkpLkmdSnapThreadInContext+0x79
nt!DbgkpLkmdSnapThreadApc+0x3b
nt!KiDeliverApc+0x1e3
nt!KiCommitThreadWait+0x3dd
nt!KeWaitForMultipleObjects+0x272
nt!FsRtlCancellableWaitForMultipleObjects+0xac
mrxsmb!SmbCeWaitForCompletionAndFinalizeExchangeEx+0x70
mrxsmb20!MRxSmb2Create+0x658
mrxsmb!SmbpShellCreateWithNewStack+0x1b
nt!KySwitchKernelStackCallout+0x27 (TrapFrame @ fffff880`12d6fe20)
nt!KiSwitchKernelStackContinue
nt!KeExpandKernelStackAndCalloutEx+0x2a2
nt!KeExpandKernelStackAndCallout+0x12
mrxsmb!SmbShellCreate+0x5d
rdbss!RxCollapseOrCreateSrvOpen+0x4de
rdbss!RxCreateFromNetRoot+0x608
rdbss!RxCommonCreate+0x34f
rdbss!RxFsdCommonDispatch+0x870
rdbss!RxFsdDispatch+0x224
mrxsmb!MRxSmbFsdDispatch+0xc0
mup!MupiCallUncProvider+0x169
mup!MupStateMachine+0x165
mup!MupCreate+0x31d
fltmgr!FltpLegacyProcessingAfterPreCallbacksCompleted+0x24f
fltmgr!FltpCreate+0x2a9
nt!IopParseDevice+0x14e2
nt!ObpLookupObjectName+0x784
nt!ObOpenObjectByName+0x306
nt!IopCreateFile+0x2bc
nt!NtCreateFile+0x78
nt!KiSystemServiceCopyEnd+0x13 (TrapFrame @ fffff880`0c81bc20)
)";
}

}  // namespace ntstack::world
