#include "world_sets/pair.h"

namespace ntstack::world {
namespace {

constexpr std::uint32_t process_id = 0x3adc;
constexpr std::uint64_t unix_epoch = 11644473600ull;  // seconds after FILETIME's

std::uint32_t unix_time(std::uint64_t filetime) {
  return static_cast<std::uint32_t>(filetime / 10'000'000 - unix_epoch);
}

}  // namespace

Pair build_pair(const std::filesystem::path& modules) {
  Pair pair;
  pair.world = std::make_unique<KernelWorld>(modules, windows_10_19041);
  KernelWorld& world = *pair.world;
  world.add_processor(0xfffff80002fe0000, 0xfffff80000ba3000, 0xfffff80000bac000);
  const std::uint64_t process = world.create_process("ConsoleApp1.exe", process_id);
  pair.program = std::make_unique<UserProgram>(world, modules, "ConsoleApp1.exe");
  UserProgram& program = *pair.program;
  const std::uint64_t handles = program.symbol("ConsoleApp1.exe", "Handles");
  for (std::uint64_t i = 0; i < 4; i++) world.machine().put(handles + 8 * i, world.pool(0x18));

  std::uint64_t kernel_stack = 0xffffe10d62388000;
  const auto run = [&](std::uint32_t id, const char* start, std::uint64_t teb, UserStack stack,
                       std::uint64_t top) -> ProgramThread& {
    Thread thread = world.create_thread(process, start, id, kernel_stack);
    kernel_stack += 0x9000;
    world.queue_capture(thread);
    world.machine().put(thread.ethread + world.layout().ethread.create_time,
                        SnapRules().time - 600'000'000 + id);
    pair.threads.push_back(program.run(thread, start, world.pool(0x18), teb, stack, top));
    return pair.threads.back();
  };
  // The main thread's stack begins where its system call gets the listing's stack pointer.
  run(0x5920, "mainCRTStartup", 0xd67cb98000, {0xd67c9f0000, 0xd67c9ff000}, 0xd67c9fe328 + 0x380);
  run(0x2240, "WaiterThread", 0xd67cba0000, {0xd67cc00000, 0xd67cc10000}, 0xd67cc0fff8);
  run(0x514, "FinalizerThread", 0xd67cba2000, {0xd67cd00000, 0xd67cd10000}, 0xd67cd0fff8);
  run(0x3c68, "FinalizerThread", 0xd67cba4000, {0xd67ce00000, 0xd67ce10000}, 0xd67ce0fff8).name =
      ".NET Finalizer";
  ThreadTruth& wedged =
      run(0x4a10, "WaiterThread", 0xd67cba6000, {0xd67cf00000, 0xd67cf10000}, 0xd67cf0fff8).truth;
  wedged.capture = Capture::none;
  wedged.status = 0x102;
  return pair;
}

std::vector<std::uint8_t> kernel_dump(const Pair& pair) {
  std::vector<ThreadTruth> request;
  for (const ProgramThread& thread : pair.threads) request.push_back(thread.truth);
  SnapRules rules;
  rules.room = 0x100000;
  return snap_threads(*pair.world, request, rules).bytes;
}

std::vector<std::uint8_t> user_dump(const Pair& pair, const std::vector<ProgramThread>& threads) {
  const std::uint64_t written = SnapRules().time;
  return write_minidump({.memory = pair.world->memory(),
                         .images = pair.program->images(),
                         .folder = "C:\\App",
                         .threads = threads,
                         .process_id = process_id,
                         .written = unix_time(written),
                         .process_create_time = unix_time(written) - 60});
}

std::string_view pair_listing() {
  return R"(nt!DbgkpLkmdSnapThreadInContext+0x95
nt!DbgkpLkmdSnapThreadApc+0x3b
nt!KiDeliverApc+0x1b0
nt!KiSwapThread+0x827
nt!KiCommitThreadWait+0x14f
nt!KeWaitForSingleObject+0x233
nt!IopSynchronousServiceTail+0x238
nt!NtReadFile+0x599
nt!KiSystemServiceCopyEnd+0x25
ntdll!NtReadFile+0x14
KERNELBASE!ReadFile+0x73
)";
}

}  // namespace ntstack::world
