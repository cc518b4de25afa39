// core/kernel.h by the real kernel.
#include "driver/core/kernel.h"

#include "driver/core/cancellation.h"
#include "driver/core/request.h"
#include "driver/nt/driver_state.h"
#include "driver/nt/stubs.h"

namespace ntstack::driver {
namespace {

using nt::driver_state;

constexpr nt::ULONG kTag = 0x6b74736e;  // "nstk"
constexpr nt::ACCESS_MASK kThreadQueryLimited = 0x800, kThreadGetContext = 0x8;
constexpr std::int32_t kBoost = 2;  // what the kernel itself gives such an APC
constexpr int kUserRequest = 6, kExecutive = 0, kWaitAny = 1;  // KWAIT_REASON, WAIT_TYPE
constexpr nt::LUID kDebugPrivilege{20, 0};                     // SE_DEBUG_PRIVILEGE

nt::IRP& real(Irp& irp) { return reinterpret_cast<nt::IRP&>(irp); }

void* pool(std::size_t bytes) {
  constexpr std::uint64_t kPoolFlagNonPaged = 0x40;
  constexpr int kNonPagedPool = 0, kNonPagedPoolNx = 512;
  if (driver_state.ExAllocatePool2)
    return driver_state.ExAllocatePool2(kPoolFlagNonPaged, bytes, kTag);
  return nt::ExAllocatePoolWithTag(
      driver_state.pool_is_never_executed ? kNonPagedPoolNx : kNonPagedPool, bytes, kTag);
}

}  // namespace

namespace kernel {

void* allocate(std::size_t bytes) {
  void* const memory = pool(bytes);
  if (memory) __builtin_memset(memory, 0, bytes);
  return memory;
}

void release(void* memory) { nt::ExFreePoolWithTag(memory, kTag); }

// In UserMode: the handle is the calling process's, and the access is what that was given.
Status reference_thread(std::uint64_t handle, bool with_registers, Thread*& thread) {
  const auto value = static_cast<nt::ULONG_PTR>(handle);
  if (value != handle) return 0xc0000008;  // STATUS_INVALID_HANDLE
  void* object = nullptr;
  const auto status =
      nt::ObReferenceObjectByHandle(reinterpret_cast<nt::HANDLE>(value),
                                    kThreadQueryLimited | (with_registers ? kThreadGetContext : 0),
                                    *nt::PsThreadType, nt::kUserMode, &object, nullptr);
  if (status != 0) return static_cast<Status>(status);
  thread = static_cast<Thread*>(object);
  return kSuccess;
}

void dereference_thread(Thread* thread) { nt::ObfDereferenceObject(thread); }

Thread* current_thread() { return static_cast<Thread*>(nt::PsGetCurrentThread()); }

Thread* reference_current_thread() {
  Thread* const thread = current_thread();
  nt::ObfReferenceObject(thread);
  return thread;
}

void identify(Thread* thread, std::uint32_t& process_id, std::uint32_t& thread_id) {
  const auto number = [](nt::HANDLE id) {
    return static_cast<std::uint32_t>(reinterpret_cast<nt::ULONG_PTR>(id));
  };
  process_id = number(nt::PsGetThreadProcessId(thread));
  thread_id = number(nt::PsGetThreadId(thread));
}

void hold_driver() { nt::ObfReferenceObject(driver_state.driver); }
void release_driver() { nt::ObfDereferenceObject(driver_state.driver); }
bool can_release_later() { return driver_state.ObDereferenceObjectDeferDelete != nullptr; }

void initialize(Apc& apc, Thread* thread, Environment environment, Rundown rundown) {
  nt::KeInitializeApc(
      apc.object, thread,
      environment == Environment::insert ? nt::InsertApcEnvironment : nt::OriginalApcEnvironment,
      reinterpret_cast<void*>(&ntstack_apc_stub),
      rundown == Rundown::ours ? reinterpret_cast<void*>(&ntstack_rundown_stub) : nullptr, nullptr,
      nt::kKernelMode, nullptr);
}

bool queue(Apc& apc) { return nt::KeInsertQueueApc(apc.object, nullptr, nullptr, kBoost) != 0; }

Removal remove(Apc& apc) {
  if (!driver_state.KeRemoveQueueApc) return Removal::unknown;
  return driver_state.KeRemoveQueueApc(apc.object) != 0 ? Removal::removed : Removal::missed;
}
bool can_remove() { return driver_state.KeRemoveQueueApc != nullptr; }

void initialize(Event& event) {
  constexpr int kNotificationEvent = 0;
  nt::KeInitializeEvent(event.object, kNotificationEvent, 0);
}

void set(Event& event) { nt::KeSetEvent(event.object, 0, 0); }

// In UserMode, so that a client that is terminated does not stay until the deadline; whatever the
// events need is in non-paged memory.
Woken wait(Event& event, Event& cancelled, std::uint64_t time) {
  constexpr nt::NTSTATUS kWait0 = 0, kWait1 = 1, kStatusTimeout = 0x102;
  const std::uint64_t now = interrupt_time();
  nt::LARGE_INTEGER timeout;
  timeout.QuadPart = time > now ? -static_cast<std::int64_t>(time - now) : 0;
  void* objects[] = {event.object, cancelled.object};
  switch (nt::KeWaitForMultipleObjects(2, objects, kWaitAny, kUserRequest, nt::kUserMode, 0,
                                       &timeout, nullptr)) {
    case kWait0:
      return Woken::signalled;
    case kWait1:
      return Woken::cancelled;
    case kStatusTimeout:
      return Woken::timed_out;
    default:
      return Woken::caller_ends;
  }
}

void wait(Event& event) {
  nt::KeWaitForSingleObject(event.object, kExecutive, nt::kKernelMode, 0, nullptr);
}

bool may_debug(Irp& irp) {
  if (real(irp).RequestorMode == nt::kKernelMode) return true;
  return nt::SeSinglePrivilegeCheck(kDebugPrivilege, nt::kUserMode) != 0;
}

bool may_crash() { return nt::parameter(nt::string_of(u"CrashAllowed")) == 1; }

void crash(std::uint32_t code, const std::uint64_t (&parameters)[4]) {
  nt::KeBugCheckEx(
      code, static_cast<nt::ULONG_PTR>(parameters[0]), static_cast<nt::ULONG_PTR>(parameters[1]),
      static_cast<nt::ULONG_PTR>(parameters[2]), static_cast<nt::ULONG_PTR>(parameters[3]));
}

std::uint32_t compare_exchange(std::uint32_t& word, std::uint32_t comparand, std::uint32_t to) {
  return __sync_val_compare_and_swap(&word, comparand, to);
}

std::uint32_t add(std::uint32_t& word, std::uint32_t amount) {
  return __sync_fetch_and_add(&word, amount);
}

bool set_cancel_routine(Irp& irp, bool on) {
  const nt::DriverCancel to = on ? &ntstack_cancel_stub : nullptr;
  return __atomic_exchange_n(&real(irp).CancelRoutine, to, __ATOMIC_SEQ_CST) != nullptr;
}

bool is_cancelled(const Irp& irp) {
  const auto& one = reinterpret_cast<const nt::IRP&>(irp);
  return __atomic_load_n(&one.Cancel, __ATOMIC_SEQ_CST) != 0;
}

void pass_cancel_lock() {
  nt::KIRQL irql = 0;
  nt::IoAcquireCancelSpinLock(&irql);
  nt::IoReleaseCancelSpinLock(irql);
}

void set_cancel_event(Irp& irp, Event* event) { real(irp).DriverContext[0] = event; }
Event* cancel_event(Irp& irp) { return static_cast<Event*>(real(irp).DriverContext[0]); }

// KUSER_SHARED_DATA.InterruptTime, as the DDK's own KeQueryInterruptTime reads it.
std::uint64_t interrupt_time() {
#if defined(__i386__)
  const auto* const time = reinterpret_cast<const volatile std::uint32_t*>(0xffdf0008);
  std::uint32_t high, low;
  do {
    high = time[1];
    low = time[0];
  } while (high != time[2]);
  return std::uint64_t{high} << 32 | low;
#else
  return *reinterpret_cast<const volatile std::uint64_t*>(0xfffff78000000008);
#endif
}

StackLimits stack_limits() {
  nt::ULONG_PTR low = 0, high = 0;
  nt::IoGetStackLimits(&low, &high);
  return {low, high};
}

std::uint64_t stack_left() {
  const auto here = reinterpret_cast<nt::ULONG_PTR>(__builtin_frame_address(0));
  const StackLimits limits = stack_limits();
  return here > limits.low && here < limits.high ? here - limits.low : 0;
}

// As the DDK's own inline functions read it.
bool at_dispatch_level() {
  constexpr std::uint64_t kDispatchLevel = 2;
#if defined(__x86_64__)
  std::uint64_t irql;
  __asm__ volatile("mov %%cr8, %0" : "=r"(irql));
  return irql >= kDispatchLevel;
#elif defined(__aarch64__)
  std::uint8_t irql;
  __asm__ volatile("ldrb %w0, [x18, #0x38]" : "=r"(irql));
  return irql >= kDispatchLevel;
#else
  return nt::KeGetCurrentIrql() >= kDispatchLevel;
#endif
}

// The buffer takes what the kernel gives, which on x86 is half as wide, and is widened in place.
std::uint32_t walk(std::uint64_t* frames, std::uint32_t room) {
  auto* const narrow = reinterpret_cast<void**>(frames);
  const std::uint32_t count = nt::RtlCaptureStackBackTrace(0, room, narrow, nullptr);
  if (sizeof(void*) == sizeof(std::uint64_t)) return count;
  for (std::uint32_t i = count; i-- > 0;) {
    std::uint32_t address;
    __builtin_memcpy(&address, &narrow[i], sizeof(address));
    frames[i] = address;
  }
  return count;
}

bool is_in_driver(std::uint64_t address) {
  return address >= driver_state.image_start && address < driver_state.image_end;
}

}  // namespace kernel
}  // namespace ntstack::driver
