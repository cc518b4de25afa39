// A kernel of its own for the driver's core: threads with APC queues, events, IRPs, references and
// an image that is unmapped, as far as the driver can tell. It has the kernel's rules (published
// ones, docs/driver.md names them) and stops the test where one is broken. Each call that other
// threads can notice is a place where another thread may go on.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "driver/core/dispatch.h"
#include "driver/tests/fibers.h"

namespace ntstack::driver {

struct Thread {
  std::uint64_t handle = 0;
  bool is_ending = false;  // takes no further APC
  bool has_ended = false;
  bool is_attached = false;  // to another process
  bool is_guarded = false;   // no APC is delivered
  bool access_denied = false;
  int references = 0;
  struct Queued {
    Apc* apc;
    bool is_for_attached;
  };
  std::deque<Queued> apcs;
};

struct Irp {
  bool is_cancelled = false, has_routine = false, is_complete = false;
  Event* event = nullptr;
};

namespace kernel {
// For defects that are put back: another thread may go on; the lock goes while the routine runs.
void interlude();
void unlock_cancelling();
}  // namespace kernel

namespace tests {

// What kernels differ in.
struct Abilities {
  bool removes = true;         // KeRemoveQueueApc
  bool releases_later = true;  // ObDereferenceObjectDeferDelete
};

class SmallKernel {
 public:
  explicit SmallKernel(Choices& choices) : fibers(choices) {}

  void begin(const Abilities& of, int most_departures);
  // Runs every fiber; then lets every thread take its APCs and end, and looks at what is left.
  void run_and_check();

  // Threads of the test. `body` may call what follows.
  Thread& add_thread(const std::string& name, std::function<void(Thread&)> body);
  void attach(Thread& thread);
  void detach(Thread& thread);
  void enter_guarded(Thread& thread);
  void leave_guarded(Thread& thread);
  void end(Thread& thread);  // as PspExitThread: delivers what is queued, runs the rest down

  // The client's calls, by the I/O manager: IRP_MJ_CREATE, one IOCTL, and the last close.
  Reply ask(std::uint32_t code, const Buffer& buffer, Irp& irp);
  void close_handle();
  void cancel(Irp& irp);  // IoCancelIrp
  void terminate_caller();
  void unload();     // NtUnloadDriver: as soon as no handle is open
  void pass_time();  // every deadline passes

  Registers registers() const;  // of code that is captured: in the middle of `stack`
  void unmap_if_free();

  [[noreturn]] void fail(const std::string& what);

  Fibers fibers;
  Abilities abilities;
  std::string scenario;
  std::vector<std::unique_ptr<Thread>> threads;
  Thread caller;              // who asks; kCallerHandle leads to it
  int allocations_left = -1;  // then there is no memory; below 0: there always is
  std::uint64_t bytes_left_of_stack = 0x4000;
  bool at_dispatch_level = false;
  alignas(16) std::byte stack[512];  // of whoever is captured
  StackLimits limits;                // its own
  std::uint64_t sp = 0;
  int driver_references = 0, open_handles = 0;
  bool is_mapped = true, is_unload_asked = false, caller_ends = false, is_late = false;
  Fiber* cancel_lock_owner = nullptr;
  std::set<void*> blocks;
  bool debug_privilege = true, crash_switch = false;
  std::uint32_t crashed_with = 0;

 private:
  bool is_quiet() const;
  static bool can_take(const Thread& thread, const Thread::Queued& queued);
  static bool has_apc_to_take(const Thread& thread);
  void deliver_apcs(Thread& thread);
  void deliver(Apc& apc);
  void run_down_apcs(Thread& thread);
  void leave(const Farewell& farewell);
  void drain();
};

inline constexpr std::uint64_t kCallerHandle = 100;

extern SmallKernel* small_kernel;

}  // namespace tests
}  // namespace ntstack::driver
