// The structures of NtSystemDebugControl's commands 29 and 37, as the kernel of each architecture
// takes them. From facts that are public (System Informer's headers): ntexapi.h's
// SYSDBG_TRIAGE_DUMP, SYSDBG_LIVEDUMP_CONTROL, SYSDBG_LIVEDUMP_SELECTIVE_CONTROL.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ntstack::capture {

inline constexpr std::uint32_t kGetTriageDump = 29;
inline constexpr std::uint32_t kGetLiveKernelDump = 37;
inline constexpr std::uint32_t kThreadAllAccess = 0x1fffff;  // exactly this is asked of handles
inline constexpr std::size_t kTriageDumpRoom = 0x100000;     // more is not used
inline constexpr std::size_t kTriageDumpLeastRoom = 0x40000;

// Word: the target's pointer, std::uint32_t or std::uint64_t.
template <class Word>
struct TriageDumpControl {
  std::uint32_t flags = 0;
  std::uint32_t bugcheck_code = 0;
  Word parameters[4] = {};
  std::uint32_t process_handles = 0;  // must be 0
  std::uint32_t thread_handles = 0;
  Word handles = 0;  // address of as many Words
};
static_assert(sizeof(TriageDumpControl<std::uint64_t>) == 0x38);
static_assert(offsetof(TriageDumpControl<std::uint64_t>, parameters) == 0x08);
static_assert(offsetof(TriageDumpControl<std::uint64_t>, process_handles) == 0x28);
static_assert(offsetof(TriageDumpControl<std::uint64_t>, thread_handles) == 0x2c);
static_assert(offsetof(TriageDumpControl<std::uint64_t>, handles) == 0x30);
static_assert(sizeof(TriageDumpControl<std::uint32_t>) == 0x24);
static_assert(offsetof(TriageDumpControl<std::uint32_t>, parameters) == 0x08);
static_assert(offsetof(TriageDumpControl<std::uint32_t>, process_handles) == 0x18);
static_assert(offsetof(TriageDumpControl<std::uint32_t>, thread_handles) == 0x1c);
static_assert(offsetof(TriageDumpControl<std::uint32_t>, handles) == 0x20);

enum LiveDumpFlags : std::uint32_t {
  kUserPages = 4,
  kAbortOnMemoryPressure = 8,  // Windows 10 1803 and later
  kSelective = 0x10            // Windows 11 and later
};
enum LiveDumpPages : std::uint32_t { kHypervisorPages = 1, kNonEssentialHypervisorPages = 2 };

template <class Word>
struct LiveDumpControl {
  std::uint32_t version = 1;
  std::uint32_t bugcheck_code = 0;
  Word parameters[4] = {};
  Word file = 0;          // synchronous, FILE_WRITE_DATA
  Word cancel_event = 0;  // may be 0
  std::uint32_t flags = 0;
  std::uint32_t add_pages = 0;  // must be 0 where kSelective is set
};
static_assert(sizeof(LiveDumpControl<std::uint64_t>) == 0x40);
static_assert(offsetof(LiveDumpControl<std::uint64_t>, file) == 0x28);
static_assert(offsetof(LiveDumpControl<std::uint64_t>, flags) == 0x38);
static_assert(sizeof(LiveDumpControl<std::uint32_t>) == 0x28);
static_assert(offsetof(LiveDumpControl<std::uint32_t>, file) == 0x18);
static_assert(offsetof(LiveDumpControl<std::uint32_t>, flags) == 0x20);

// Version 2: version = 2, and one pointer more.
template <class Word>
struct LiveDumpControl2 {
  LiveDumpControl<Word> first;
  Word selective = 0;  // address of a SelectiveControl; 0 where kSelective is not set
};
static_assert(sizeof(LiveDumpControl2<std::uint64_t>) == 0x48);
static_assert(sizeof(LiveDumpControl2<std::uint32_t>) == 0x2c);

struct SelectiveControl {
  std::uint32_t version = 1;
  std::uint32_t size = 48;
  std::uint64_t flags = 0;  // bit 0: kernel stacks of threads; nothing else is allowed
  std::uint64_t reserved[4] = {};
};
static_assert(sizeof(SelectiveControl) == 48);

}  // namespace ntstack::capture
