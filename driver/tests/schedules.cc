// Every order of what can happen to a capture: APCs that come, late or never, threads that attach
// and end, cancelling, the deadline, a client that is killed, and the driver's unloading. Each
// scenario is run once for each order in which its threads can go on, up to a number of departures
// from the plain one (each goes on until it waits, then the first that can). Prints how many that
// were; an order that breaks a rule of the kernel or loses something ends the program with the
// order that shows it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "driver/tests/small_kernel.h"

namespace ntstack::driver::tests {
namespace {

enum Happening : unsigned {
  unload = 1,
  cancel = 2,
  client_exit = 4,
  time_passes = 8,
};

enum class Target { waits, ends, attaches, stays_attached, guarded, stays_guarded };

struct Scenario {
  const char* name;
  std::vector<Target> targets;
  unsigned events;
  int most_departures;
};

constexpr std::uint32_t kFrames = 2, kStackBytes = 64;

// A request and its answer.
struct Call {
  explicit Call(std::uint32_t threads)
      : bytes(bytes_of_capture(threads, kFrames, kStackBytes)),
        in_size(sizeof(CaptureIn) + 8 * threads) {
    const CaptureIn in{sizeof(CaptureIn), kVersion, 0, threads, 1000, 0, kFrames, kStackBytes};
    std::memcpy(bytes.data(), &in, sizeof(in));
    for (std::uint64_t handle = 1; handle <= threads; ++handle)
      std::memcpy(bytes.data() + sizeof(in) + (handle - 1) * 8, &handle, 8);
  }
  ThreadOut thread(std::size_t i) const {
    ThreadOut out;
    std::memcpy(&out, bytes.data() + sizeof(CaptureOut) + i * sizeof(out), sizeof(out));
    return out;
  }
  std::vector<std::byte> bytes;
  std::uint32_t in_size;
};

void live(SmallKernel& kernel, Thread& thread, Target target) {
  switch (target) {
    case Target::waits:
    case Target::stays_attached:
    case Target::stays_guarded:
      return;
    case Target::ends:
      return kernel.end(thread);
    case Target::attaches:
      kernel.attach(thread);
      return kernel.detach(thread);
    case Target::guarded:
      kernel.enter_guarded(thread);
      return kernel.leave_guarded(thread);
  }
}

// What the answer may say of a thread, as far as it does not hang on the order.
void check(SmallKernel& kernel, const Scenario& scenario, std::size_t i, const ThreadOut& out) {
  const Target target = scenario.targets[i];
  const bool is_late = (scenario.events & time_passes) != 0;
  const bool may_end = target == Target::ends;
  if (out.thread_id != (i + 1) * 4) kernel.fail("an answer of another thread");
  if ((out.flags & kIsCaller) != 0) kernel.fail("another thread is taken for the caller");
  if (out.status == kTimeout) {
    if (!is_late) kernel.fail("timed out, though no time passed");
    if (out.stack_size != 0 || out.frame_count != 0) kernel.fail("timed out, with a stack");
    return;
  }
  if (out.status == kThreadIsTerminating) {
    if (!may_end) kernel.fail("said to end, but does not");
    return;
  }
  if (out.status != kSuccess) kernel.fail("a status that nobody gave");
  if (target == Target::stays_guarded) kernel.fail("captured, though it takes no APC");
  if (out.registers.ip != kernel.registers().ip || out.stack_size != kStackBytes ||
      out.frame_count != kFrames)
    kernel.fail("captured, but not its stack");
}

void run_client(SmallKernel& kernel, const Scenario& scenario, Irp& irp) {
  Call call(static_cast<std::uint32_t>(scenario.targets.size()));
  const Buffer buffer{call.bytes.data(), call.in_size,
                      static_cast<std::uint32_t>(call.bytes.size())};
  const Reply reply = kernel.ask(kControlCapture, buffer, irp);
  if (reply.status == kSuccess) {
    for (std::size_t i = 0; i < scenario.targets.size(); ++i)
      check(kernel, scenario, i, call.thread(i));
  } else if (reply.status != kCancelled || (scenario.events & (cancel | client_exit)) == 0) {
    kernel.fail("an answer that nobody asked for");
  }
  kernel.close_handle();
}

void build(SmallKernel& kernel, const Scenario& scenario, Irp& irp) {
  kernel.open_handles = 1;
  irp = {};
  kernel.fibers.add("client", [&] { run_client(kernel, scenario, irp); });
  for (const Target target : scenario.targets) {
    Thread& thread = kernel.add_thread(
        "target", [&kernel, target](Thread& self) { live(kernel, self, target); });
    thread.is_attached = target == Target::stays_attached;
    thread.is_guarded = target == Target::stays_guarded;
  }
  if (scenario.events & unload) kernel.fibers.add("unload", [&] { kernel.unload(); });
  if (scenario.events & cancel) kernel.fibers.add("cancel", [&] { kernel.cancel(irp); });
  if (scenario.events & client_exit)
    kernel.fibers.add("client exit", [&] { kernel.terminate_caller(); });
  if (scenario.events & time_passes) kernel.fibers.add("time", [&] { kernel.pass_time(); });
}

std::uint64_t explore(const Scenario& scenario, const Abilities& abilities, std::uint64_t most) {
  Choices choices;
  auto kernel = std::make_unique<SmallKernel>(choices);
  kernel->scenario = scenario.name + std::string(abilities.removes ? "" : ", no removal") +
                     (abilities.releases_later ? "" : ", no late release");
  std::uint64_t count = 0;
  Irp irp;
  do {
    kernel->begin(abilities, scenario.most_departures);
    build(*kernel, scenario, irp);
    kernel->run_and_check();
    ++count;
  } while (count < most && choices.next());
  std::printf("%10llu %s %s\n", static_cast<unsigned long long>(count),
              count == most ? "orders (of more) of" : "orders, all of", kernel->scenario.c_str());
  return count;
}

const Scenario kScenarios[] = {
    {"a thread waits", {Target::waits}, unload | time_passes, 4},
    {"a thread waits, the call is cancelled", {Target::waits}, unload | cancel, 4},
    {"a thread waits, the client is killed", {Target::waits}, unload | client_exit, 4},
    {"a thread waits, everything happens",
     {Target::waits},
     unload | cancel | client_exit | time_passes,
     4},
    {"a thread ends", {Target::ends}, unload, 4},
    {"a thread ends, time passes", {Target::ends}, unload | time_passes, 4},
    {"a thread ends, the call is cancelled", {Target::ends}, unload | cancel, 4},
    {"a thread is attached", {Target::stays_attached}, unload, 4},
    {"a thread attaches and detaches", {Target::attaches}, unload | time_passes, 4},
    {"a thread is in a guarded region", {Target::guarded}, unload | time_passes, 4},
    {"a thread never takes an APC", {Target::stays_guarded}, unload | time_passes, 4},
    {"a thread never takes an APC, cancelled", {Target::stays_guarded}, unload | cancel, 4},
    {"a thread never takes an APC, the client is killed",
     {Target::stays_guarded},
     unload | client_exit,
     4},
    {"two threads wait", {Target::waits, Target::waits}, unload | time_passes, 3},
    {"one waits, one ends", {Target::waits, Target::ends}, unload | time_passes, 3},
    {"one never takes an APC, one waits",
     {Target::stays_guarded, Target::waits},
     unload | time_passes,
     3},
    {"one attaches, one ends, cancelled", {Target::attaches, Target::ends}, unload | cancel, 3},
    {"three threads, everything happens",
     {Target::waits, Target::ends, Target::guarded},
     unload | cancel | client_exit | time_passes,
     2},
};

}  // namespace
}  // namespace ntstack::driver::tests

// The argument: the most orders of one scenario (a quick look, for defects that are put back).
int main(int argc, char** argv) {
  using namespace ntstack::driver::tests;
  const std::uint64_t most = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : UINT64_MAX;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::uint64_t count = 0;
  for (const Abilities& abilities : {Abilities{true, true}, Abilities{false, true},
                                     Abilities{true, false}, Abilities{false, false}})
    for (const Scenario& scenario : kScenarios) count += explore(scenario, abilities, most);
  std::printf("%10llu orders in all\n", static_cast<unsigned long long>(count));
}
