#include "driver/tests/instant_kernel.h"

#include <cstdlib>
#include <cstring>

#include "driver/core/request.h"

namespace ntstack::driver {
namespace tests {

InstantKernel instant_kernel;

namespace {

const InstantThread* running;  // whose APC runs

const InstantThread* thread_of(Thread* thread) {
  return reinterpret_cast<const InstantThread*>(thread);
}

bool& is_set(Event& event) { return *reinterpret_cast<bool*>(event.object); }

}  // namespace
}  // namespace tests

namespace kernel {

using namespace tests;

void* allocate(std::size_t bytes) { return std::calloc(1, bytes); }
void release(void* memory) { std::free(memory); }

Status reference_thread(std::uint64_t handle, bool, Thread*& thread) {
  if (handle == 0 || handle > instant_kernel.threads.size()) return 0xc0000008;
  thread = reinterpret_cast<Thread*>(&instant_kernel.threads[handle - 1]);
  return kSuccess;
}
void dereference_thread(Thread*) {}
Thread* current_thread() { return nullptr; }
Thread* reference_current_thread() { return reinterpret_cast<Thread*>(&instant_kernel.threads[0]); }
void identify(Thread* thread, std::uint32_t& process_id, std::uint32_t& thread_id) {
  process_id = 4;
  thread_id = 4 * static_cast<std::uint32_t>(thread_of(thread) - instant_kernel.threads.data() + 1);
}

void hold_driver() {}
void release_driver() {}
bool can_release_later() { return true; }

void initialize(Apc& apc, Thread* thread, Environment, Rundown) {
  std::memcpy(apc.object, &thread, sizeof(thread));
}
bool queue(Apc& apc) {
  Thread* thread = nullptr;
  std::memcpy(&thread, apc.object, sizeof(thread));
  running = thread_of(thread);
  if (running->ends) return false;
  const Farewell farewell = deliver(apc, running->registers);
  is_set(*static_cast<Event*>(farewell.object)) = true;
  return true;
}
Removal remove(Apc&) { return Removal::missed; }
bool can_remove() { return true; }

void initialize(Event& event) { is_set(event) = false; }
void set(Event& event) { is_set(event) = true; }
Woken wait(Event& event, Event&, std::uint64_t) {
  return is_set(event) ? Woken::signalled : Woken::timed_out;
}
void wait(Event&) {}

bool may_debug(Irp&) { return true; }
bool may_crash() { return false; }
void crash(std::uint32_t, const std::uint64_t (&)[4]) {}

std::uint32_t compare_exchange(std::uint32_t& word, std::uint32_t comparand, std::uint32_t to) {
  return __sync_val_compare_and_swap(&word, comparand, to);
}
std::uint32_t add(std::uint32_t& word, std::uint32_t amount) {
  return __sync_fetch_and_add(&word, amount);
}

bool set_cancel_routine(Irp&, bool) { return true; }
bool is_cancelled(const Irp&) { return false; }
void pass_cancel_lock() {}
void set_cancel_event(Irp&, Event*) {}
Event* cancel_event(Irp&) { return nullptr; }

std::uint64_t interrupt_time() { return 1; }
StackLimits stack_limits() { return running->limits; }
std::uint64_t stack_left() { return 0x4000; }
bool at_dispatch_level() { return false; }
std::uint32_t walk(std::uint64_t* frames, std::uint32_t room) {
  std::uint32_t count = 0;
  for (; count < room && count < running->frames.size(); ++count)
    frames[count] = running->frames[count];
  return count;
}
bool is_in_driver(std::uint64_t address) { return address >> 12 == 7; }

}  // namespace kernel
}  // namespace ntstack::driver
