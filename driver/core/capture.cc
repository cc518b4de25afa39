#include "driver/core/capture.h"

#include "driver/core/cancellation.h"
#include "driver/core/request.h"

namespace ntstack::driver {
namespace {

// A thread of the call: its request as long as it has one, else why there is none.
struct Slot {
  Request* request = nullptr;
  Status status = kSuccess;
  std::uint32_t process_id = 0, thread_id = 0;
  bool is_caller = false, is_queued = false;
};

// In non-paged memory, with its slots behind it: the stack of a thread that waits in user mode may
// be paged out, and the event is set by others.
struct Call {
  Event cancelled;
  std::uint32_t count;
  Wanted wanted;
  std::uint64_t ticks;  // of the deadline, 100 ns

  Slot* begin() { return reinterpret_cast<Slot*>(this + 1); }
  Slot* end() { return begin() + count; }
};

Call* make_call(const CaptureIn& in) {
  const std::uint32_t count = in.thread_count == 0 ? 1 : in.thread_count;
  auto* const call = static_cast<Call*>(kernel::allocate(sizeof(Call) + count * sizeof(Slot)));
  if (!call) return nullptr;
  call->count = count;
  call->wanted = {in.frames_to_skip, in.frames_to_capture, in.stack_bytes};
  call->ticks = std::uint64_t{in.milliseconds} * 10000;
  kernel::initialize(call->cancelled);
  return call;
}

Status check_head(const CaptureIn& in) {
  if (in.size != sizeof(CaptureIn)) return kInvalidParameter;
  if (in.version != kVersion) return kRevisionMismatch;
  if ((in.flags & ~kOfCallingThread) != 0) return kInvalidParameter;
  const bool of_caller = (in.flags & kOfCallingThread) != 0;
  if (of_caller != (in.thread_count == 0) || in.thread_count > kMostThreads)
    return kInvalidParameter;
  if (in.milliseconds == 0 || in.milliseconds > kMostMilliseconds) return kInvalidParameter;
  if (in.frames_to_skip > kMostSkipped || in.frames_to_capture > kMostFrames ||
      in.stack_bytes > kMostStackBytes)
    return kInvalidParameter;
  return kSuccess;
}

// No product here can wrap: each factor is bounded by check_head.
Status check(const CaptureIn& in, const Buffer& buffer) {
  if (const Status status = check_head(in); status != kSuccess) return status;
  if (buffer.in_size != sizeof(CaptureIn) + in.thread_count * std::uint32_t{8})
    return kInvalidParameter;
  const std::uint32_t threads = in.thread_count == 0 ? 1 : in.thread_count;
  const std::uint64_t room = bytes_of_capture(threads, in.frames_to_capture, in.stack_bytes);
  if (room - bytes_of_capture(threads, 0, 0) > kMostBytes) return kInvalidParameter;
  return buffer.out_size < room ? kBufferTooSmall : kSuccess;
}

// A request for the thread, not yet queued. The reference is the request's, or given back.
void open_thread(Slot& slot, Thread* thread, const Wanted& wanted) {
  kernel::identify(thread, slot.process_id, slot.thread_id);
  slot.is_caller = thread == kernel::current_thread();
  slot.request = make_request(thread, wanted);
  if (slot.request) return;
  kernel::dereference_thread(thread);
  slot.status = kInsufficientResources;
}

void open_handle(Slot& slot, std::uint64_t handle, const Wanted& wanted) {
  Thread* thread = nullptr;
  slot.status = kernel::reference_thread(handle, wanted.stack_bytes != 0, thread);
  if (slot.status == kSuccess) open_thread(slot, thread, wanted);
}

void close(Slot& slot) {
  if (slot.request) free_request(slot.request);
  slot.request = nullptr;
}

// The thread that asks is captured where it stands, without an APC.
void start(Slot& slot, const Wanted& wanted, const Registers& caller) {
  if (!slot.request) return;
  if (slot.is_caller) {
    take_snapshot(slot.request->snapshot, wanted, caller);
    return;
  }
  slot.is_queued = queue(*slot.request);
  if (slot.is_queued) return;
  close(slot);
  slot.status = kThreadIsTerminating;
}

// `why`: what a thread that did not answer gets. The block may belong to its APC afterwards.
void stop_waiting(Slot& slot, Status why) {
  if (!end_wait(*slot.request)) {
    slot.request = nullptr;  // the APC's
    slot.status = why;
    return;
  }
  finish(*slot.request);
  slot.status = slot.request->status == kTimeout ? why : slot.request->status;
}

Status reason_of(kernel::Woken woken) {
  return woken == kernel::Woken::timed_out ? kTimeout : kCancelled;
}

// Success: the call's answer goes out; else no thread is waited for any more.
Status wait_for_all(Call& call) {
  const std::uint64_t deadline = kernel::interrupt_time() + call.ticks;
  Status ended = kSuccess;
  for (Slot& slot : call) {
    if (!slot.is_queued) continue;
    if (ended == kSuccess) {
      const kernel::Woken woken = kernel::wait(slot.request->done, call.cancelled, deadline);
      if (woken == kernel::Woken::signalled) {
        finish(*slot.request);
        slot.status = slot.request->status;
        continue;
      }
      ended = reason_of(woken);
    }
    stop_waiting(slot, ended);
  }
  return ended == kCancelled ? kCancelled : kSuccess;
}

// The answer is written behind the records, thread by thread, without gaps.
class Answer {
 public:
  Answer(std::byte* to, std::uint32_t threads)
      : to_(to), end_(static_cast<std::uint32_t>(bytes_of_capture(threads, 0, 0))) {}

  void add(std::uint32_t index, const Slot& slot) {
    ThreadOut out{};
    out.status = slot.status;
    out.process_id = slot.process_id;
    out.thread_id = slot.thread_id;
    if (slot.is_caller) out.flags |= kIsCaller;
    if (slot.request && slot.status == kSuccess) add(out, slot.request->snapshot);
    __builtin_memcpy(to_ + sizeof(CaptureOut) + index * sizeof(ThreadOut), &out, sizeof(out));
  }
  std::uint32_t size() const { return end_; }

 private:
  void add(ThreadOut& out, const Snapshot& taken) {
    out.flags |= taken.flags;
    out.time = taken.time;
    out.stack_low = taken.limits.low;
    out.stack_high = taken.limits.high;
    out.registers = taken.registers;
    if (taken.frame_count > 0) out.callers_address = taken.frames[0];
    if (taken.frame_count > 1) out.callers_caller = taken.frames[1];
    out.hash = taken.hash;
    out.frame_count = taken.frame_count;
    out.frames_offset = put(taken.frames, taken.frame_count * std::uint32_t{8});
    out.stack_size = taken.stack_size;
    out.stack_offset = put(taken.stack, taken.stack_size);
    out.older_offset = put_older(taken);
  }
  // Of each older stack a record and its bytes, youngest first; where the first record is.
  std::uint32_t put_older(const Snapshot& taken) {
    std::uint32_t first = 0;
    const std::byte* bytes = taken.stack + taken.stack_size;
    for (std::uint32_t i = 0; i < taken.older_count; ++i) {
      const OlderSnapshot& from = taken.older[i];
      const std::uint32_t at = end_ + std::uint32_t{sizeof(OlderStack)};
      const bool is_last = i + 1 == taken.older_count;
      const OlderStack record{from.limits.low,
                              from.limits.high,
                              from.sp,
                              at,
                              from.stack_size,
                              is_last ? 0 : at + from.stack_size,
                              0};
      const std::uint32_t record_at = put(&record, sizeof(record));
      if (i == 0) first = record_at;
      put(bytes, from.stack_size);
      bytes += from.stack_size;
    }
    return first;
  }
  std::uint32_t put(const void* bytes, std::uint32_t size) {
    const std::uint32_t at = end_;
    __builtin_memcpy(to_ + at, bytes, size);
    end_ += size;
    return at;
  }

  std::byte* to_;
  std::uint32_t end_;
};

std::uint32_t write_answer(Call& call, std::byte* to) {
  const CaptureOut head{sizeof(CaptureOut), kVersion, kArchitecture, call.count};
  __builtin_memcpy(to, &head, sizeof(head));
  Answer answer(to, call.count);
  for (std::uint32_t i = 0; i < call.count; ++i) answer.add(i, call.begin()[i]);
  return answer.size();
}

Status run(Call& call, Irp& irp, const Registers& caller) {
  arm(irp, call.cancelled);
  for (Slot& slot : call) start(slot, call.wanted, caller);
  const Status status = wait_for_all(call);
  disarm(irp);
  return status;
}

std::uint64_t handle_at(const Buffer& buffer, std::uint32_t index) {
  std::uint64_t handle = 0;
  __builtin_memcpy(&handle, buffer.bytes + sizeof(CaptureIn) + index * sizeof(handle),
                   sizeof(handle));
  return handle;
}

void open_threads(Call& call, const CaptureIn& in, const Buffer& buffer) {
  if (in.thread_count == 0)
    return open_thread(*call.begin(), kernel::reference_current_thread(), call.wanted);
  for (std::uint32_t i = 0; i < in.thread_count; ++i)
    open_handle(call.begin()[i], handle_at(buffer, i), call.wanted);
}

}  // namespace

Reply capture(const Buffer& buffer, Irp& irp, const Registers& caller) {
  CaptureIn in{};
  if (buffer.in_size < sizeof(in)) return {kInvalidParameter, 0};
  __builtin_memcpy(&in, buffer.bytes, sizeof(in));
  if (const Status status = check(in, buffer); status != kSuccess) return {status, 0};
  // Each of those keeps its memory, and nobody can take it back.
  if (abandoned_count() >= kMostAbandoned) return {kInsufficientResources, 0};
  Call* const call = make_call(in);
  if (!call) return {kInsufficientResources, 0};
  open_threads(*call, in, buffer);
  Reply reply{run(*call, irp, caller), 0};
  if (reply.status == kSuccess) reply.bytes = write_answer(*call, buffer.bytes);
  for (Slot& slot : *call) close(slot);
  kernel::release(call);
  return reply;
}

}  // namespace ntstack::driver
