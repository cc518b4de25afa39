// What the driver's core asks of the kernel it runs in: one function for each thing that the kernel
// does, with nothing decided on that side. nt/ has the real one; tests/ has a small kernel of its
// own whose every order of events can be tried.
#pragma once

#include <cstddef>
#include <cstdint>

#include "driver/protocol.h"

namespace ntstack::driver {

using Status = std::uint32_t;  // NTSTATUS
inline constexpr Status kSuccess = 0;
inline constexpr Status kTimeout = 0x102;
inline constexpr Status kInvalidParameter = 0xc000000d;
inline constexpr Status kInvalidDeviceRequest = 0xc0000010;
inline constexpr Status kAccessDenied = 0xc0000022;
inline constexpr Status kBufferTooSmall = 0xc0000023;
inline constexpr Status kThreadIsTerminating = 0xc000004b;
inline constexpr Status kRevisionMismatch = 0xc0000059;
inline constexpr Status kPrivilegeNotHeld = 0xc0000061;
inline constexpr Status kInsufficientResources = 0xc000009a;
inline constexpr Status kCancelled = 0xc0000120;

struct Thread;  // ETHREAD
struct Irp;

#if defined(__x86_64__) || defined(_M_X64)
inline constexpr std::uint32_t kArchitecture = 0x8664;  // IMAGE_FILE_MACHINE_AMD64
#elif defined(__aarch64__) || defined(_M_ARM64)
inline constexpr std::uint32_t kArchitecture = 0xaa64;  // IMAGE_FILE_MACHINE_ARM64
#else
inline constexpr std::uint32_t kArchitecture = 0x14c;  // IMAGE_FILE_MACHINE_I386
#endif

// Room for the kernel's own objects, as large as the largest kernel's: KEVENT has 0x18 bytes (x86:
// 0x10), KAPC 0x58 (x86: 0x30).
struct Event {
  alignas(16) std::byte object[0x20];
};
struct Apc {
  alignas(16) std::byte object[0x60];
};

// What a routine that the kernel called does last: its caller's stub (nt/stubs_*.S) leaves the
// driver's image by a jump, so that not one instruction of the image runs after it.
struct Farewell {
  enum class Act : std::uint32_t {
    none,
    signal,             // KeSetEvent
    release_driver,     // ObDereferenceObjectDeferDelete of the driver object
    unlock_cancelling,  // IoReleaseCancelSpinLock, with the IRP's CancelIrql
  };
  Act act = Act::none;
  void* object = nullptr;
};

struct StackLimits {
  std::uint64_t low = 0, high = 0;
};

namespace kernel {

// Non-paged memory that is never executed, zeroed; null where there is none.
void* allocate(std::size_t bytes);
void release(void* memory);

// The thread that a handle of the calling process leads to, for callers in user mode with the
// access that they were given. The reference is to be given back.
Status reference_thread(std::uint64_t handle, bool with_registers, Thread*& thread);
void dereference_thread(Thread* thread);
Thread* current_thread();
Thread* reference_current_thread();
void identify(Thread* thread, std::uint32_t& process_id, std::uint32_t& thread_id);

// References on the driver object: as long as there is one, the image stays in memory, though the
// driver may have been unloaded else. A Farewell gives one back from outside of the image, where
// the kernel can.
void hold_driver();
void release_driver();
bool can_release_later();

// A special kernel APC, whose kernel routine is deliver() of request.h and whose rundown routine,
// where it is to have one, is run_down().
enum class Environment : std::uint8_t {
  original,  // waits as long as its thread is attached to another process
  insert     // the one that the thread is in when it is queued
};
enum class Rundown : std::uint8_t { none, ours };
void initialize(Apc& apc, Thread* thread, Environment environment, Rundown rundown);
bool queue(Apc& apc);  // false: the thread ends
enum class Removal : std::uint8_t {
  removed,  // it will never run
  missed,   // it runs, ran, or was never queued
  unknown   // this kernel can't: KeRemoveQueueApc is not exported
};
Removal remove(Apc& apc);
bool can_remove();

void initialize(Event& event);
void set(Event& event);
enum class Woken : std::uint8_t {
  signalled,
  cancelled,  // by the other event
  timed_out,
  caller_ends  // the thread that waits is being terminated
};
// Until `time` (interrupt time). One that is signalled is found so even when it is late.
Woken wait(Event& event, Event& cancelled, std::uint64_t time);
void wait(Event& event);  // however long

// What the caller of an IRP may do: SeDebugPrivilege, of callers in user mode.
bool may_debug(Irp& irp);
// The registry's switch (docs/driver.md), as it is now.
bool may_crash();
void crash(std::uint32_t code, const std::uint64_t (&parameters)[4]);  // does not come back

// Interlocked operations. Each gives what was there before.
std::uint32_t compare_exchange(std::uint32_t& word, std::uint32_t comparand, std::uint32_t to);
std::uint32_t add(std::uint32_t& word, std::uint32_t amount);

// Makes cancellation.h's routine the IRP's, or takes it away; whether there was one.
bool set_cancel_routine(Irp& irp, bool on);
bool is_cancelled(const Irp& irp);
// Takes the lock that cancel routines are called with, and gives it back.
void pass_cancel_lock();
void set_cancel_event(Irp& irp, Event* event);  // kept in the IRP
Event* cancel_event(Irp& irp);

std::uint64_t interrupt_time();  // 100 ns since boot
StackLimits stack_limits();      // of the stack that is in use now
std::uint64_t stack_left();      // bytes below the stack pointer
bool at_dispatch_level();        // or above
// Return addresses from its caller on, youngest first; how many.
std::uint32_t walk(std::uint64_t* frames, std::uint32_t room);
bool is_in_driver(std::uint64_t address);

}  // namespace kernel
}  // namespace ntstack::driver
