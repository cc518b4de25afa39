// The stream of ours in a minidump of kernel stacks: a header, an entry for each thread, then
// frames of 8 bytes. Read and written here alone; what is added later goes behind what is there.
#pragma once

#include <cstdint>

namespace ntstack::dump::kernel_stacks_layout {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr char kText[32] = "kernel stacks by ntstack.sys";
inline constexpr std::uint32_t kMostFrames = 1024;  // of a thread, as the driver's own limit
inline constexpr std::uint8_t kUnknown = 0xff;      // no KTHREAD_STATE, no KWAIT_REASON

struct Header {
  char text[32];
  std::uint32_t size;         // of this
  std::uint32_t thread_size;  // of an entry
  std::uint32_t version;      // kVersion
  std::uint32_t driver_version;
  std::uint32_t thread_count;
  std::uint32_t reserved;
  std::uint64_t written, boot_time, process_create_time;  // FILETIMEs
  char process_name[64];                                  // UTF-8
};

struct Thread {
  std::uint32_t id, status, flags, hash;
  std::uint64_t object, create_time, time, stack_low, stack_high;
  std::uint64_t callers_address, callers_caller;
  std::uint32_t frames_offset;  // from the stream's begin
  std::uint32_t frame_count;
  std::uint8_t state, wait_reason;
  std::uint8_t reserved[6];
};

static_assert(sizeof(Header) == 144 && sizeof(Thread) == 88);

}  // namespace ntstack::dump::kernel_stacks_layout
