// What NtQuerySystemInformation and NtQueryInformationThread answer with, as the system of each
// word size lays it out. Facts from public headers (winternl.h, System Informer's ntexapi.h and
// ntpsapi.h).
#pragma once

#include <cstddef>
#include <cstdint>

namespace ntstack::capture::native {

// SYSTEM_INFORMATION_CLASS
inline constexpr std::uint32_t kSystemTimeOfDay = 3;
inline constexpr std::uint32_t kSystemProcesses = 5;
inline constexpr std::uint32_t kSystemModules = 11;
inline constexpr std::uint32_t kSystemExtendedProcesses = 57;
inline constexpr std::uint32_t kSystemExtendedHandles = 64;
// THREADINFOCLASS
inline constexpr std::uint32_t kThreadBasic = 0;
inline constexpr std::uint32_t kThreadTimes = 1;

template <class Word>
struct UnicodeString {
  std::uint16_t length = 0, maximum_length = 0;  // bytes
  Word buffer = 0;
};
static_assert(sizeof(UnicodeString<std::uint64_t>) == 0x10);
static_assert(sizeof(UnicodeString<std::uint32_t>) == 0x8);

// SYSTEM_PROCESS_INFORMATION, without the threads behind it. 8-byte numbers are aligned to 8 bytes
// on x86, too.
template <class Word>
struct alignas(8) ProcessEntry {
  std::uint32_t next_entry_offset = 0, number_of_threads = 0;
  std::uint64_t working_set_private = 0;
  std::uint32_t hard_faults = 0, most_threads = 0;
  std::uint64_t cycle_time = 0;
  std::uint64_t create_time = 0, user_time = 0, kernel_time = 0;
  UnicodeString<Word> image_name;
  std::int32_t base_priority = 0;
  Word process_id = 0, parent_id = 0;
  std::uint32_t handle_count = 0, session = 0;
  Word process_key = 0;
  Word peak_virtual_size = 0, virtual_size = 0;
  std::uint32_t page_faults = 0;
  Word sizes[9] = {};  // working set to private pages
  std::uint64_t transfers[6] = {};
};
static_assert(sizeof(ProcessEntry<std::uint64_t>) == 0x100);
static_assert(offsetof(ProcessEntry<std::uint64_t>, create_time) == 0x20);
static_assert(offsetof(ProcessEntry<std::uint64_t>, image_name) == 0x38);
static_assert(offsetof(ProcessEntry<std::uint64_t>, process_id) == 0x50);
static_assert(offsetof(ProcessEntry<std::uint64_t>, handle_count) == 0x60);
static_assert(offsetof(ProcessEntry<std::uint64_t>, transfers) == 0xd0);
static_assert(sizeof(ProcessEntry<std::uint32_t>) == 0xb8);
static_assert(offsetof(ProcessEntry<std::uint32_t>, image_name) == 0x38);
static_assert(offsetof(ProcessEntry<std::uint32_t>, process_id) == 0x44);
static_assert(offsetof(ProcessEntry<std::uint32_t>, handle_count) == 0x4c);
static_assert(offsetof(ProcessEntry<std::uint32_t>, transfers) == 0x88);

// SYSTEM_THREAD_INFORMATION.
template <class Word>
struct alignas(8) ThreadEntry {
  std::uint64_t kernel_time = 0, user_time = 0, create_time = 0;
  std::uint32_t wait_time = 0;
  Word start_address = 0;
  Word process_id = 0, thread_id = 0;
  std::int32_t priority = 0, base_priority = 0;
  std::uint32_t context_switches = 0, state = 0, wait_reason = 0;
};
static_assert(sizeof(ThreadEntry<std::uint64_t>) == 0x50);
static_assert(offsetof(ThreadEntry<std::uint64_t>, start_address) == 0x20);
static_assert(offsetof(ThreadEntry<std::uint64_t>, thread_id) == 0x30);
static_assert(offsetof(ThreadEntry<std::uint64_t>, state) == 0x44);
static_assert(sizeof(ThreadEntry<std::uint32_t>) == 0x40);
static_assert(offsetof(ThreadEntry<std::uint32_t>, start_address) == 0x1c);
static_assert(offsetof(ThreadEntry<std::uint32_t>, thread_id) == 0x24);
static_assert(offsetof(ThreadEntry<std::uint32_t>, state) == 0x34);

// SYSTEM_EXTENDED_THREAD_INFORMATION.
template <class Word>
struct alignas(8) ExtendedThreadEntry {
  ThreadEntry<Word> thread;
  Word stack_base = 0, stack_limit = 0;  // of the kernel
  Word win32_start_address = 0;
  Word teb = 0;
  Word reserved[3] = {};
};
static_assert(sizeof(ExtendedThreadEntry<std::uint64_t>) == 0x88);
static_assert(offsetof(ExtendedThreadEntry<std::uint64_t>, teb) == 0x68);
static_assert(sizeof(ExtendedThreadEntry<std::uint32_t>) == 0x60);
static_assert(offsetof(ExtendedThreadEntry<std::uint32_t>, teb) == 0x4c);

// SYSTEM_HANDLE_INFORMATION_EX, and its entries.
template <class Word>
struct HandleListHeader {
  Word count = 0, reserved = 0;
};
template <class Word>
struct HandleEntry {
  Word object = 0, process_id = 0, handle = 0;
  std::uint32_t access = 0;
  std::uint16_t creator_back_trace = 0, type = 0;
  std::uint32_t attributes = 0, reserved = 0;
};
static_assert(sizeof(HandleEntry<std::uint64_t>) == 0x28);
static_assert(offsetof(HandleEntry<std::uint64_t>, access) == 0x18);
static_assert(sizeof(HandleEntry<std::uint32_t>) == 0x1c);
static_assert(offsetof(HandleEntry<std::uint32_t>, access) == 0x0c);

// RTL_PROCESS_MODULES begins with a count of 4 bytes; entries are aligned to a Word.
template <class Word>
struct ModuleEntry {
  Word section = 0, mapped_base = 0, image_base = 0;
  std::uint32_t image_size = 0, flags = 0;
  std::uint16_t load_order = 0, init_order = 0, load_count = 0, name_offset = 0;
  char path[256] = {};
};
static_assert(sizeof(ModuleEntry<std::uint64_t>) == 0x128);
static_assert(sizeof(ModuleEntry<std::uint32_t>) == 0x11c);

// THREAD_BASIC_INFORMATION.
template <class Word>
struct ThreadBasic {
  std::uint32_t exit_status = 0;
  Word teb = 0;
  Word process_id = 0, thread_id = 0;
  Word affinity = 0;
  std::int32_t priority = 0, base_priority = 0;
};
static_assert(sizeof(ThreadBasic<std::uint64_t>) == 0x30);
static_assert(offsetof(ThreadBasic<std::uint64_t>, thread_id) == 0x18);
static_assert(sizeof(ThreadBasic<std::uint32_t>) == 0x1c);
static_assert(offsetof(ThreadBasic<std::uint32_t>, thread_id) == 0x0c);

// KERNEL_USER_TIMES.
struct Times {
  std::uint64_t create_time = 0, exit_time = 0, kernel_time = 0, user_time = 0;
};
static_assert(sizeof(Times) == 0x20);

// SYSTEM_TIMEOFDAY_INFORMATION.
struct TimeOfDay {
  std::uint64_t boot_time = 0, current_time = 0;
  std::int64_t time_zone_bias = 0;
  std::uint32_t time_zone_id = 0, reserved = 0;
  std::uint64_t boot_time_bias = 0, sleep_time_bias = 0;
};
static_assert(sizeof(TimeOfDay) == 0x30);

}  // namespace ntstack::capture::native
