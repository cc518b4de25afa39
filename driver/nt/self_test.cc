#include "driver/nt/self_test.h"

#include "driver/core/capture.h"
#include "driver/core/request.h"
#include "driver/nt/driver_state.h"

namespace ntstack::driver::nt {
namespace {

constexpr std::uint64_t kSecond = 10000000;  // 100 ns
constexpr Wanted kWanted{0, 64, 0x8000};

struct Counts {
  ULONG passed, failed, skipped;
} counts;

void pass(const char* name) {
  ++counts.passed;
  DbgPrint("ntstack: PASS %s\n", name);
}
void fail(const char* name, const char* what) {
  ++counts.failed;
  DbgPrint("ntstack: FAIL %s: %s\n", name, what);
}
void skip(const char* name, const char* why) {
  ++counts.skipped;
  DbgPrint("ntstack: SKIP %s: %s\n", name, why);
}

void sleep(std::uint64_t ticks) {
  LARGE_INTEGER time;
  time.QuadPart = -static_cast<std::int64_t>(ticks);
  KeDelayExecutionThread(kKernelMode, 0, &time);
}

// What a thread of the test does. In non-paged memory: it is shared.
enum class Life : std::uint8_t { waits, is_attached, is_guarded, ends };
struct Subject {
  Event ready, leave;
  Life life;
  void* process;  // to attach to
  Thread* thread;
};

void NTSTACK_STDCALL live(void* context) {
  auto& subject = *static_cast<Subject*>(context);
  KAPC_STATE state;
  if (subject.life == Life::is_attached) KeStackAttachProcess(subject.process, &state);
  if (subject.life == Life::is_guarded) KeEnterGuardedRegion();
  kernel::set(subject.ready);
  if (subject.life != Life::ends) kernel::wait(subject.leave);
  if (subject.life == Life::is_guarded) KeLeaveGuardedRegion();
  if (subject.life == Life::is_attached) KeUnstackDetachProcess(&state);
  PsTerminateSystemThread(0);
}

Subject* start(const char* name, Life life, void* process) {
  constexpr ACCESS_MASK kAll = 0x1fffff;
  auto* const subject = static_cast<Subject*>(kernel::allocate(sizeof(Subject)));
  if (!subject) {
    fail(name, "no memory");
    return nullptr;
  }
  kernel::initialize(subject->ready);
  kernel::initialize(subject->leave);
  subject->life = life;
  subject->process = process;
  HANDLE handle = nullptr;
  OBJECT_ATTRIBUTES attributes{sizeof(attributes), nullptr, nullptr,
                               kObjKernelHandle,   nullptr, nullptr};
  if (!succeeded(
          PsCreateSystemThread(&handle, kAll, &attributes, nullptr, nullptr, &live, subject))) {
    fail(name, "no thread");
    kernel::release(subject);
    return nullptr;
  }
  // It can't fail, of a thread that was just made; and with the thread under way there is no way
  // back.
  void* object = nullptr;
  ObReferenceObjectByHandle(handle, kAll, *PsThreadType, kKernelMode, &object, nullptr);
  ZwClose(handle);
  subject->thread = static_cast<Thread*>(object);
  kernel::wait(subject->ready);
  sleep(kSecond / 20);  // until it waits, or has ended
  return subject;
}

// The thread ends, and its code with it, before this returns.
void stop(Subject* subject) {
  kernel::set(subject->leave);
  KeWaitForSingleObject(subject->thread, 0, kKernelMode, 0, nullptr);
  kernel::dereference_thread(subject->thread);
  kernel::release(subject);
}

struct Outcome {
  Status status = kSuccess;
  bool left_to_apc = false;
  bool is_whole = false;  // a stack with the thread's own start in this image
};

// Of a walk that begins in the kernel: a frame of this image is the thread's own.
bool has_own_frame(const Snapshot& snapshot) {
  for (std::uint32_t i = 0; i < snapshot.frame_count; ++i)
    if (kernel::is_in_driver(snapshot.frames[i])) return true;
  return false;
}

bool is_whole(const Snapshot& snapshot) {
  const std::uint64_t sp = snapshot.registers.sp;
  return sp >= snapshot.limits.low && sp < snapshot.limits.high && snapshot.frame_count >= 3 &&
         snapshot.stack_size == snapshot.limits.high - sp && has_own_frame(snapshot);
}

Outcome capture(Thread* thread, std::uint64_t ticks) {
  ObfReferenceObject(thread);
  Request* const request = make_request(thread, kWanted);
  if (!request) return {kInsufficientResources};
  if (!queue(*request)) {
    free_request(request);
    return {kThreadIsTerminating};
  }
  auto* const never = static_cast<Event*>(kernel::allocate(sizeof(Event)));
  kernel::initialize(*never);
  const auto woken = kernel::wait(request->done, *never, kernel::interrupt_time() + ticks);
  kernel::release(never);
  Outcome outcome;
  if (woken != kernel::Woken::signalled && !end_wait(*request)) return {kTimeout, true};
  finish(*request);
  outcome.status = request->status;
  outcome.is_whole = is_whole(request->snapshot);
  free_request(request);
  return outcome;
}

void expect_whole(const char* name, Thread* thread) {
  const Outcome outcome = capture(thread, kSecond);
  if (outcome.status == kTimeout) return fail(name, "it took no APC in a second");
  if (outcome.status != kSuccess) return fail(name, "not captured");
  if (!outcome.is_whole) return fail(name, "its stack is not whole");
  pass(name);
}

void test_own_thread() {
  constexpr const char* kName = "own thread";
  auto* const frames = static_cast<std::uint64_t*>(kernel::allocate(frame_room(kWanted) * 8));
  auto* const stack = static_cast<std::byte*>(kernel::allocate(kWanted.stack_bytes));
  if (frames && stack) {
    Snapshot snapshot;
    snapshot.frames = frames;
    snapshot.stack = stack;
    Registers here{};
    here.sp = reinterpret_cast<ULONG_PTR>(__builtin_frame_address(0));
    take_snapshot(snapshot, kWanted, here);
    const bool is_good = snapshot.stack_size != 0 && snapshot.frame_count != 0;
    is_good ? pass(kName) : fail(kName, "no stack or no frames");
  } else {
    fail(kName, "no memory");
  }
  if (frames) kernel::release(frames);
  if (stack) kernel::release(stack);
}

void test_waiting_thread() {
  Subject* const subject = start("waiting thread", Life::waits, nullptr);
  if (!subject) return;
  expect_whole("waiting thread", subject->thread);
  stop(subject);
}

// Any process but System's.
void* find_process() {
  for (ULONG_PTR id = 8; id < 0x10000; id += 4) {
    void* process = nullptr;
    if (succeeded(PsLookupProcessByProcessId(reinterpret_cast<HANDLE>(id), &process)))
      return process;
  }
  return nullptr;
}

void test_attached_thread() {
  constexpr const char* kName = "attached thread";
  void* const process = find_process();
  if (!process) return skip(kName, "there is no other process yet");
  if (Subject* const subject = start(kName, Life::is_attached, process)) {
    expect_whole(kName, subject->thread);
    stop(subject);
  }
  ObfDereferenceObject(process);
}

void test_ended_thread() {
  constexpr const char* kName = "exiting thread";
  Subject* const subject = start(kName, Life::ends, nullptr);
  if (!subject) return;
  KeWaitForSingleObject(subject->thread, 0, kKernelMode, 0, nullptr);
  const Outcome outcome = capture(subject->thread, kSecond);
  outcome.status == kThreadIsTerminating ? pass(kName) : fail(kName, "its APC was queued");
  stop(subject);
}

// Threads that end while they are asked: each answer is one or the other.
void test_ending_threads() {
  constexpr const char* kName = "threads that end while they are asked";
  for (int i = 0; i < 50; ++i) {
    Subject* const subject = start(kName, Life::waits, nullptr);
    if (!subject) return;
    kernel::set(subject->leave);
    const Outcome outcome = capture(subject->thread, kSecond);
    const bool is_known = outcome.status == kSuccess || outcome.status == kThreadIsTerminating;
    stop(subject);
    if (!is_known) return fail(kName, "neither captured nor ended");
  }
  pass(kName);
}

bool waits_for_none_abandoned() {
  for (int i = 0; i < 100 && abandoned_count() != 0; ++i) sleep(kSecond / 50);
  return abandoned_count() == 0;
}

// A thread in a guarded region takes no APC. With KeRemoveQueueApc it is taken back; without, the
// block is the APC's, and is freed when the region is left.
void test_deadline() {
  constexpr const char* kName = "deadline";
  Subject* const subject = start(kName, Life::is_guarded, nullptr);
  if (!subject) return;
  const std::uint64_t began = kernel::interrupt_time();
  const Outcome outcome = capture(subject->thread, kSecond / 5);
  const std::uint64_t took = kernel::interrupt_time() - began;
  stop(subject);
  if (outcome.status != kTimeout) return fail(kName, "it was captured");
  if (took < kSecond / 5 || took > 2 * kSecond) return fail(kName, "not when it was due");
  if (outcome.left_to_apc == kernel::can_remove()) return fail(kName, "left in the wrong way");
  waits_for_none_abandoned() ? pass(kName) : fail(kName, "the APC did not come");
}

void test_abandoned_request() {
  constexpr const char* kName = "abandoned request";
  if (!kernel::can_release_later()) return skip(kName, "it would pin the image on this kernel");
  auto* const remove = driver_state.KeRemoveQueueApc;
  driver_state.KeRemoveQueueApc = nullptr;
  if (Subject* const subject = start(kName, Life::is_guarded, nullptr)) {
    const Outcome outcome = capture(subject->thread, kSecond / 5);
    const std::uint32_t abandoned = abandoned_count();
    stop(subject);
    if (!outcome.left_to_apc || abandoned != 1)
      fail(kName, "it was not left to its APC");
    else
      waits_for_none_abandoned() ? pass(kName) : fail(kName, "the APC did not free it");
  }
  driver_state.KeRemoveQueueApc = remove;
}

}  // namespace

void run_self_test(ULONG which) {
  counts = {};
  test_own_thread();
  skip("suspended thread", "only a program can suspend one: ntstack_selftest.exe does");
  skip("unload during capture", "a program does it: ntstack_selftest.exe");
  if (which == kSelfTestAll) {
    test_waiting_thread();
    test_attached_thread();
    test_ended_thread();
    test_ending_threads();
    test_deadline();
    test_abandoned_request();
  }
  DbgPrint("ntstack: self-test: %u passed, %u failed, %u skipped\n", counts.passed, counts.failed,
           counts.skipped);
}

}  // namespace ntstack::driver::nt
