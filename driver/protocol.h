// What ntstack.sys and its clients say to each other: the device's names, the control codes and
// the structures. All structures have fixed sizes and the same layout on every architecture; a
// client of 32 bits can talk to a driver of 64. Every buffer is copied by the I/O manager
// (METHOD_BUFFERED), so no structure has an address that the driver would follow.
#pragma once

#include <cstdint>

namespace ntstack::driver {

inline constexpr char16_t kDeviceName[] = u"\\Device\\ntstack";
inline constexpr char16_t kLinkName[] = u"\\DosDevices\\ntstack";
inline constexpr char kOpenName[] = "\\\\.\\ntstack";  // for CreateFile
inline constexpr char kServiceName[] = "ntstack";

inline constexpr std::uint32_t kVersion = 1;  // of everything below

// CTL_CODE(0x8e54, function, METHOD_BUFFERED, FILE_READ_DATA | FILE_WRITE_DATA).
constexpr std::uint32_t control_code(std::uint32_t function) {
  return 0x8e54u << 16 | 3u << 14 | function << 2;
}
inline constexpr std::uint32_t kControlQuery = control_code(0x800);    // no input, QueryOut
inline constexpr std::uint32_t kControlCapture = control_code(0x801);  // CaptureIn, CaptureOut
inline constexpr std::uint32_t kControlCrash = control_code(0x802);    // CrashIn, no output

inline constexpr std::uint32_t kMostThreads = 512;         // of one call
inline constexpr std::uint32_t kMostFrames = 1024;         // of one thread
inline constexpr std::uint32_t kMostSkipped = 0xfe;        // as RtlCaptureStackBackTrace has it
inline constexpr std::uint32_t kMostStackBytes = 0x40000;  // of one thread
inline constexpr std::uint32_t kMostOlderStacks = 4;       // of one thread
inline constexpr std::uint32_t kMostBytes = 0x2000000;     // frames and stacks of one call
inline constexpr std::uint32_t kMostMilliseconds = 60000;  // of a deadline

struct QueryOut {
  std::uint32_t size;          // sizeof(QueryOut)
  std::uint32_t version;       // kVersion
  std::uint32_t architecture;  // IMAGE_FILE_MACHINE_*
  std::uint32_t capabilities;  // kCan*
  // APCs of requests that nobody waits for any more, whose threads did not run them yet.
  std::uint32_t abandoned;
  // APCs that the driver's image stays in memory for until the next boot.
  std::uint32_t pinned;
};
inline constexpr std::uint32_t kCanRemoveApcs = 1;    // the kernel has KeRemoveQueueApc
inline constexpr std::uint32_t kCanReleaseLater = 2;  // it has ObDereferenceObjectDeferDelete
inline constexpr std::uint32_t kCanCrash = 4;         // the registry's switch is set

// Flags of CaptureIn.
inline constexpr std::uint32_t kOfCallingThread = 1;  // no handles: the thread that asks

struct CaptureIn {
  std::uint32_t size;     // sizeof(CaptureIn)
  std::uint32_t version;  // kVersion
  std::uint32_t flags;
  std::uint32_t thread_count;  // 1 to kMostThreads; 0 with kOfCallingThread
  std::uint32_t milliseconds;  // the deadline of all threads together, 1 to kMostMilliseconds
  // Frames left out at each stack's young end, and the most that are kept. 0: no frames.
  std::uint32_t frames_to_skip, frames_to_capture;
  // The most that are copied of each thread: of the stack that it is on, from its stack pointer up;
  // then, as far as there is room, of those that this one was entered from, with their records.
  std::uint32_t stack_bytes;
  // Then thread_count handles, of 8 bytes each, of the calling process. Each needs
  // THREAD_QUERY_LIMITED_INFORMATION, and THREAD_GET_CONTEXT where stack_bytes is not 0.
};

// The registers of the code that called the APC's routine (for the calling thread: the I/O
// manager's), as a stack walk begins with them: what a call preserves, and where it is.
struct Registers {
  std::uint64_t ip;
  std::uint64_t sp;
  // x64: rbx, rbp, rsi, rdi, r12 to r15. ARM64: x19 to x28, then fp; ip is lr. x86: ebx, ebp, esi,
  // edi. The rest is 0.
  std::uint64_t saved[11];
};

// Flags of ThreadOut.
inline constexpr std::uint32_t kStackCut = 1;     // stack_bytes was less than the stacks have
inline constexpr std::uint32_t kFramesCut = 2;    // frames_to_capture was reached
inline constexpr std::uint32_t kNoFrameWalk = 4;  // too little stack was left to walk it
inline constexpr std::uint32_t kIsCaller = 8;     // the thread that asked

// A stack that the thread left for another one (KeExpandKernelStackAndCallout): what the
// KSTACK_CONTROL of the younger one says of it. That structure lies near a stack's base and begins
// with the base itself.
struct OlderStack {
  std::uint64_t low, high;  // limit and base
  std::uint64_t sp;         // where the stack pointer was
  std::uint32_t offset;     // from the start of CaptureOut: the bytes from sp on
  std::uint32_t size;
  std::uint32_t next_offset;  // of the OlderStack that this one was entered from; 0: none
  std::uint32_t reserved;
};

struct ThreadOut {
  // 0: captured. 0x102 STATUS_TIMEOUT, 0xc000004b STATUS_THREAD_IS_TERMINATING; else what the
  // handle's look-up said. Of a thread that was not captured the IDs alone can be set.
  std::uint32_t status;
  std::uint32_t flags;
  std::uint32_t process_id, thread_id;
  std::uint64_t time;                   // interrupt time when it was captured, 100 ns since boot
  std::uint64_t stack_low, stack_high;  // the stack's limit and base
  Registers registers;
  // The first two frames, as RtlGetCallersAddress gives them.
  std::uint64_t callers_address, callers_caller;
  std::uint32_t frames_offset;  // from the start of CaptureOut; of 8 bytes each, youngest first
  std::uint32_t frame_count;
  std::uint32_t stack_offset;  // the bytes from registers.sp on
  std::uint32_t stack_size;
  std::uint32_t hash;  // of the frames: the sum of their low halves, as RtlCaptureStackBackTrace's
  std::uint32_t older_offset;  // of an OlderStack; 0: none, or not copied
};

struct CaptureOut {
  std::uint32_t size;     // sizeof(CaptureOut)
  std::uint32_t version;  // kVersion
  std::uint32_t architecture;
  std::uint32_t thread_count;  // ThreadOut, one for each handle in their order; then frames, bytes
};

// The room that an answer can take; kMostBytes bounds the second part.
constexpr std::uint64_t bytes_of_capture(std::uint32_t threads, std::uint32_t frames,
                                         std::uint32_t stack_bytes) {
  return sizeof(CaptureOut) +
         std::uint64_t{threads} * (sizeof(ThreadOut) + std::uint64_t{frames} * 8 + stack_bytes);
}

inline constexpr std::uint32_t kCrashIsMeant = 0x21746e6d;  // "mnt!"
inline constexpr std::uint32_t kBugcheckCode =
    0xe0005354;  // ours; Microsoft has none of this range

struct CrashIn {
  std::uint32_t size;      // sizeof(CrashIn)
  std::uint32_t version;   // kVersion
  std::uint32_t is_meant;  // kCrashIsMeant
  std::uint32_t reserved;
  std::uint64_t parameters[4];  // of the bugcheck
};

static_assert(sizeof(QueryOut) == 24 && sizeof(CaptureIn) == 32 && sizeof(Registers) == 104);
static_assert(sizeof(OlderStack) == 40);
static_assert(sizeof(ThreadOut) == 184 && sizeof(CaptureOut) == 16 && sizeof(CrashIn) == 48);

}  // namespace ntstack::driver
