#include "driver/tests/small_kernel.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver/core/cancellation.h"
#include "driver/core/request.h"

namespace ntstack::driver {
namespace tests {

SmallKernel* small_kernel;

namespace {

// What an Event and an Apc hold here.
struct EventState {
  std::uint32_t magic;
  bool is_set;
};
struct ApcState {
  std::uint32_t magic;
  bool is_inserted, runs_down;
  kernel::Environment environment;
  Thread* thread;
};
constexpr std::uint32_t kEventMagic = 0x4556454e, kApcMagic = 0x41504320;

EventState& state_of(Event& event) { return *reinterpret_cast<EventState*>(event.object); }
ApcState& state_of(Apc& apc) { return *reinterpret_cast<ApcState*>(apc.object); }
bool is_set(Event& event) {
  if (state_of(event).magic != kEventMagic) small_kernel->fail("an event that is none");
  return state_of(event).is_set;
}

// The driver's code runs as long as one lives.
class InImage {
 public:
  InImage() : fiber_(small_kernel->fibers.current()) {
    if (!small_kernel->is_mapped) small_kernel->fail("code runs after the driver was unloaded");
    ++fiber_.in_image;
  }
  ~InImage() { --fiber_.in_image; }

 private:
  Fiber& fiber_;
};

void yield() { small_kernel->fibers.yield(); }

}  // namespace

void SmallKernel::fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s (thread: %s; choices: %s)\n", scenario.c_str(), what.c_str(),
               fibers.current_name().c_str(), fibers.choices().text().c_str());
  std::fflush(nullptr);
  std::_Exit(1);
}

Registers SmallKernel::registers() const {
  Registers registers{};
  registers.ip = 0xfffff80000001234;
  registers.sp = sp;
  return registers;
}

void SmallKernel::begin(const Abilities& of, int most_departures) {
  fibers.begin(most_departures);
  abilities = of;
  threads.clear();
  caller = {};
  caller.handle = kCallerHandle;
  is_late = false;
  driver_references = 1;  // the I/O manager's
  open_handles = 0;
  is_mapped = true;
  is_unload_asked = caller_ends = false;
  cancel_lock_owner = nullptr;
  const auto low = reinterpret_cast<std::uintptr_t>(stack);
  limits = {low, low + sizeof(stack)};
  sp = low + 0x100;
  small_kernel = this;
}

Thread& SmallKernel::add_thread(const std::string& name, std::function<void(Thread&)> body) {
  threads.push_back(std::make_unique<Thread>());
  Thread& thread = *threads.back();
  thread.handle = threads.size();
  Fiber& fiber = fibers.add(name, [this, &thread, body = std::move(body)] {
    body(thread);
    // It waits for something that does not come; its APCs it takes all the same.
    while (!thread.has_ended && !(is_quiet() && !has_apc_to_take(thread))) {
      fibers.wait([this, &thread] { return has_apc_to_take(thread) || is_quiet(); });
      deliver_apcs(thread);
    }
  });
  fiber.thread = &thread;
  return thread;
}

// The client is done, and so is everything that acts on its call.
bool SmallKernel::is_quiet() const {
  for (const auto& fiber : fibers.all())
    if (!fiber->thread && !fiber->is_done) return false;
  return true;
}

void SmallKernel::leave(const Farewell& farewell) {
  switch (farewell.act) {
    case Farewell::Act::none:
      return;
    case Farewell::Act::signal:
      yield();
      state_of(*static_cast<Event*>(farewell.object)).is_set = true;
      return;
    case Farewell::Act::release_driver:
      if (!abilities.releases_later) fail("a driver reference goes by what this kernel lacks");
      yield();
      --driver_references;
      return unmap_if_free();
    case Farewell::Act::unlock_cancelling:
      yield();
      cancel_lock_owner = nullptr;
      return;
  }
}

void SmallKernel::unmap_if_free() {
  if (driver_references < 0) fail("a driver reference was given back twice");
  if (driver_references > 0 || !is_mapped) return;
  for (const auto& fiber : fibers.all())
    if (fiber->in_image > 0) fail("the image is unmapped while " + fiber->name + " is in it");
  is_mapped = false;
}

bool SmallKernel::can_take(const Thread& thread, const Thread::Queued& queued) {
  return !thread.is_guarded && queued.is_for_attached == thread.is_attached;
}

bool SmallKernel::has_apc_to_take(const Thread& thread) {
  return std::ranges::any_of(thread.apcs, [&](const auto& one) { return can_take(thread, one); });
}

void SmallKernel::deliver(Apc& apc) {
  Farewell farewell;
  {
    const InImage in_image;
    fibers.current().in_apc = true;
    farewell = driver::deliver(apc, registers());
    fibers.current().in_apc = false;
  }
  leave(farewell);
}

void SmallKernel::deliver_apcs(Thread& thread) {
  while (has_apc_to_take(thread)) {
    const auto found =
        std::ranges::find_if(thread.apcs, [&](const auto& one) { return can_take(thread, one); });
    Apc& apc = *found->apc;
    thread.apcs.erase(found);
    state_of(apc).is_inserted = false;
    yield();  // taken from the queue, not yet called
    if (thread.references <= 0) fail("an APC runs without a reference on its thread");
    deliver(apc);
  }
}

void SmallKernel::run_down_apcs(Thread& thread) {
  while (!thread.apcs.empty()) {
    Apc& apc = *thread.apcs.front().apc;
    thread.apcs.pop_front();
    state_of(apc).is_inserted = false;
    yield();
    if (!state_of(apc).runs_down) {
      // The kernel frees the APC's address.
      if (!blocks.contains(&apc)) fail("the kernel frees an APC that is no block");
      kernel::release(&apc);
      continue;
    }
    Farewell farewell;
    {
      const InImage in_image;
      farewell = run_down(apc);
    }
    leave(farewell);
  }
}

void SmallKernel::attach(Thread& thread) {
  yield();
  deliver_apcs(thread);
  thread.is_attached = true;
}
void SmallKernel::detach(Thread& thread) {
  yield();
  deliver_apcs(thread);  // those of the process that is left, before it is (KeUnstackDetachProcess)
  thread.is_attached = false;
  deliver_apcs(thread);
}
void SmallKernel::enter_guarded(Thread& thread) {
  yield();
  thread.is_guarded = true;
}
void SmallKernel::leave_guarded(Thread& thread) {
  yield();
  thread.is_guarded = false;
  deliver_apcs(thread);
}

void SmallKernel::end(Thread& thread) {
  yield();
  thread.is_guarded = false;
  thread.is_ending = true;
  // Which of the two the kernel does with one that came late is its own affair.
  if (!thread.apcs.empty() && fibers.choices().choose(2) == 0) deliver_apcs(thread);
  run_down_apcs(thread);
  thread.has_ended = true;
}

Reply SmallKernel::ask(std::uint32_t code, const Buffer& buffer, Irp& irp) {
  Reply reply;
  {
    const InImage in_image;
    reply = control(code, buffer, irp, registers());
  }
  yield();
  if (irp.is_complete) fail("an IRP is completed twice");
  irp.is_complete = true;
  if (irp.has_routine) fail("an IRP is completed with its cancel routine");
  return reply;
}

void SmallKernel::close_handle() {
  yield();
  --open_handles;
}

void SmallKernel::cancel(Irp& irp) {
  fibers.wait([this] { return !cancel_lock_owner; });
  if (irp.is_complete) return;
  cancel_lock_owner = &fibers.current();
  irp.is_cancelled = true;
  yield();
  const bool has_routine = irp.has_routine;
  irp.has_routine = false;
  if (!has_routine) {
    cancel_lock_owner = nullptr;
    return;
  }
  Farewell farewell;
  {
    const InImage in_image;
    farewell = driver::cancel(irp);
  }
  leave(farewell);
}

void SmallKernel::terminate_caller() {
  yield();
  caller_ends = true;
}

void SmallKernel::pass_time() {
  yield();
  is_late = true;
}

void SmallKernel::unload() {
  fibers.wait([this] { return open_handles == 0; });
  is_unload_asked = true;
  yield();
  --driver_references;
  unmap_if_free();
}

void SmallKernel::run_and_check() {
  std::string stuck;
  if (!fibers.run(stuck)) fail("a wake-up was lost; these wait for ever: " + stuck);
  std::size_t waiting = 0;
  for (const auto& thread : threads) waiting += thread->apcs.size();
  if (waiting != 0 && !is_mapped) fail("an APC is queued whose code was unloaded");
  drain();
  if (!blocks.empty()) fail("a block was never freed");
  for (const auto& thread : threads)
    if (thread->references != 0) fail("a thread's reference was never given back");
  const bool may_be_pinned = !abilities.releases_later;
  if (is_unload_asked && is_mapped && !may_be_pinned) fail("the image stays for ever");
  if (!is_unload_asked && driver_references != 1 && !may_be_pinned)
    fail("a driver reference was never given back");
}

// Wedged threads go on at last, and take their APCs.
void SmallKernel::drain() {
  fibers.begin(0);
  for (const auto& thread : threads) {
    if (thread->apcs.empty()) continue;
    fibers.add("drain", [this, &thread] {
      thread->is_guarded = false;
      deliver_apcs(*thread);
      thread->is_attached = !thread->is_attached;
      deliver_apcs(*thread);
    });
  }
  std::string stuck;
  if (!fibers.run(stuck)) fail("drain does not end");
}

}  // namespace tests

namespace kernel {

using tests::small_kernel;

namespace {

void yield() { small_kernel->fibers.yield(); }

void not_in_apc(const char* what) {
  if (small_kernel->fibers.current().in_apc)
    small_kernel->fail(std::string("the APC routine ") + what);
}

}  // namespace

void* allocate(std::size_t bytes) {
  not_in_apc("allocates");
  if (small_kernel->allocations_left == 0) return nullptr;
  if (small_kernel->allocations_left > 0) --small_kernel->allocations_left;
  void* const block = std::calloc(1, bytes);
  small_kernel->blocks.insert(block);
  return block;
}

void release(void* memory) {
  yield();
  if (small_kernel->blocks.erase(memory) != 1) small_kernel->fail("a block is freed that is none");
  std::free(memory);
}

Status reference_thread(std::uint64_t handle, bool, Thread*& thread) {
  not_in_apc("looks up a handle");
  if (handle == tests::kCallerHandle) {
    thread = reference_current_thread();
    return kSuccess;
  }
  for (const auto& one : small_kernel->threads) {
    if (one->handle != handle) continue;
    if (one->access_denied) return kAccessDenied;
    ++one->references;
    thread = one.get();
    return kSuccess;
  }
  return 0xc0000008;  // STATUS_INVALID_HANDLE
}

void dereference_thread(Thread* thread) {
  yield();
  if (--thread->references < 0) small_kernel->fail("a thread's reference was given back twice");
}

Thread* current_thread() {
  void* const thread = small_kernel->fibers.current().thread;
  return thread ? static_cast<Thread*>(thread) : &small_kernel->caller;
}

Thread* reference_current_thread() {
  Thread* const thread = current_thread();
  ++thread->references;
  return thread;
}

void identify(Thread* thread, std::uint32_t& process_id, std::uint32_t& thread_id) {
  process_id = 4;
  thread_id = static_cast<std::uint32_t>(thread->handle * 4);
}

void hold_driver() { ++small_kernel->driver_references; }

void release_driver() {
  yield();
  --small_kernel->driver_references;
  small_kernel->unmap_if_free();
}

bool can_release_later() { return small_kernel->abilities.releases_later; }

void initialize(Apc& apc, Thread* thread, Environment environment, Rundown rundown) {
  tests::state_of(apc) = {tests::kApcMagic, false, rundown == Rundown::ours, environment, thread};
}

bool queue(Apc& apc) {
  yield();
  auto& state = tests::state_of(apc);
  if (state.thread->references <= 0) small_kernel->fail("an APC for a thread without a reference");
  if (state.thread->is_ending) return false;
  state.is_inserted = true;
  const bool for_attached = state.environment == Environment::insert && state.thread->is_attached;
  state.thread->apcs.push_back({&apc, for_attached});
  return true;
}

Removal remove(Apc& apc) {
  if (!small_kernel->abilities.removes) return Removal::unknown;
  yield();
  auto& state = tests::state_of(apc);
  if (state.magic != tests::kApcMagic) small_kernel->fail("an APC that is none");
  if (!state.is_inserted) return Removal::missed;
  std::erase_if(state.thread->apcs, [&](const auto& queued) { return queued.apc == &apc; });
  state.is_inserted = false;
  return Removal::removed;
}

bool can_remove() { return small_kernel->abilities.removes; }

void initialize(Event& event) { tests::state_of(event) = {tests::kEventMagic, false}; }

void set(Event& event) {
  yield();
  tests::is_set(event);
  tests::state_of(event).is_set = true;
}

// How long there is to a deadline is no matter here: when time passes, all of it does.
Woken wait(Event& event, Event& cancelled, std::uint64_t time) {
  constexpr std::uint64_t kNever = std::uint64_t{1} << 62;
  not_in_apc("waits");
  small_kernel->fibers.wait([&] {
    return tests::is_set(event) || tests::is_set(cancelled) || small_kernel->caller_ends ||
           (small_kernel->is_late && time < kNever);
  });
  if (tests::is_set(event)) return Woken::signalled;
  if (tests::is_set(cancelled)) return Woken::cancelled;
  return small_kernel->caller_ends ? Woken::caller_ends : Woken::timed_out;
}

void wait(Event& event) {
  not_in_apc("waits");
  small_kernel->fibers.wait([&] { return tests::is_set(event); });
}

void interlude() { yield(); }
void unlock_cancelling() { small_kernel->cancel_lock_owner = nullptr; }

bool may_debug(Irp&) { return small_kernel->debug_privilege; }
bool may_crash() { return small_kernel->crash_switch; }
void crash(std::uint32_t code, const std::uint64_t (&)[4]) { small_kernel->crashed_with = code; }

std::uint32_t compare_exchange(std::uint32_t& word, std::uint32_t comparand, std::uint32_t to) {
  yield();
  const std::uint32_t was = word;
  if (was == comparand) word = to;
  return was;
}

std::uint32_t add(std::uint32_t& word, std::uint32_t amount) {
  const std::uint32_t was = word;
  word += amount;
  return was;
}

bool set_cancel_routine(Irp& irp, bool on) {
  yield();
  const bool was = irp.has_routine;
  irp.has_routine = on;
  return was;
}

bool is_cancelled(const Irp& irp) { return irp.is_cancelled; }

void pass_cancel_lock() {
  not_in_apc("takes a lock");
  small_kernel->fibers.wait([] { return !small_kernel->cancel_lock_owner; });
}

void set_cancel_event(Irp& irp, Event* event) { irp.event = event; }
Event* cancel_event(Irp& irp) { return irp.event; }

std::uint64_t interrupt_time() { return 1000; }

StackLimits stack_limits() { return small_kernel->limits; }
std::uint64_t stack_left() { return small_kernel->bytes_left_of_stack; }
bool at_dispatch_level() { return small_kernel->at_dispatch_level; }

std::uint32_t walk(std::uint64_t* frames, std::uint32_t room) {
  const std::uint64_t all[] = {0x7001, 0x7002, 0xfffff80000001234, 0xfffff80000005678};
  std::uint32_t count = 0;
  for (; count < room && count < 4; ++count) frames[count] = all[count];
  return count;
}
bool is_in_driver(std::uint64_t address) { return address >> 12 == 7; }

}  // namespace kernel
}  // namespace ntstack::driver
