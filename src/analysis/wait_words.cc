#include "analysis/wait_words.h"

#include <algorithm>

#include "base/text.h"

namespace ntstack::analysis {
namespace {

struct Waits {
  std::string_view module;  // lower case
  std::string_view begins;
  WaitKind kind;
  std::string_view words;
};

// Public names (PDBs, exports, Windows Internals). What is more telling comes first: a stack is
// searched for each in turn.
constexpr Waits kWaits[] = {
    {"nt", "ExpWaitForResource", WaitKind::lock, "an ERESOURCE"},
    {"nt", "ExpAcquireResource", WaitKind::lock, "an ERESOURCE"},
    {"nt", "ExpAcquireFastResource", WaitKind::lock, "a fast ERESOURCE"},
    {"nt", "ExpAcquireFastMutexContended", WaitKind::lock, "a fast mutex"},
    {"nt", "KiAcquireFastMutex", WaitKind::lock, "a fast mutex"},
    {"nt", "KeAcquireGuardedMutex", WaitKind::lock, "a guarded mutex"},
    {"nt", "KiAcquireGuardedMutex", WaitKind::lock, "a guarded mutex"},
    {"nt", "ExfAcquirePushLock", WaitKind::lock, "a push lock"},
    {"nt", "ExAcquirePushLock", WaitKind::lock, "a push lock"},
    {"nt", "ExBlockOnAddressPushLock", WaitKind::lock, "a push lock on an address"},
    {"nt", "ExfWaitForRundownProtectionRelease", WaitKind::lock,
     "rundown protection to be released"},
    {"nt", "ExWaitForRundownProtectionRelease", WaitKind::lock,
     "rundown protection to be released"},
    {"nt", "KeAcquireInStackQueuedSpinLock", WaitKind::lock, "a spin lock"},
    {"nt", "KxWaitForLockOwnerShip", WaitKind::lock, "a spin lock"},
    {"nt", "KeAcquireSpinLock", WaitKind::lock, "a spin lock"},
    {"nt", "CmpLockRegistry", WaitKind::lock, "the registry's lock"},
    {"ntdll", "RtlpWaitOnCriticalSection", WaitKind::lock, "a critical section"},
    {"ntdll", "RtlpEnterCriticalSection", WaitKind::lock, "a critical section"},
    {"ntdll", "RtlpWaitForCriticalSection", WaitKind::lock, "a critical section"},
    {"ntdll", "RtlAcquireSRWLock", WaitKind::lock, "a slim reader/writer lock"},
    {"ntdll", "LdrpAcquireLoaderLock", WaitKind::lock, "the loader's lock"},
    {"ntdll", "LdrpDrainWorkQueue", WaitKind::lock, "the loader"},
    {"rdbss", "RxWaitSync", WaitKind::reply, "an answer over SMB"},
    {"mrxsmb", "SmbCe", WaitKind::reply, "an answer over SMB"},
    {"nt", "AlpcpReceiveLegacyMessage", WaitKind::idle, "an ALPC message"},
    {"nt", "AlpcpReceiveMessage", WaitKind::idle, "an ALPC message"},
    {"nt", "AlpcpSignalAndWait", WaitKind::reply, "the reply to an ALPC message"},
    {"nt", "NtRequestWaitReplyPort", WaitKind::reply, "the reply to an LPC message"},
    {"nt", "LpcRequestWaitReply", WaitKind::reply, "the reply to an LPC message"},
    {"nt", "MiWaitForInPageComplete", WaitKind::io, "a page to be read in"},
    {"nt", "MiIssueHardFault", WaitKind::io, "a page to be read in"},
    {"nt", "CcWaitForCurrentLazyWriterActivity", WaitKind::io, "the lazy writer"},
    {"nt", "CcCanIWrite", WaitKind::io, "modified pages to be written"},
    {"nt", "CcFlushCache", WaitKind::io, "the cache to be flushed"},
    {"fltmgr", "FltpSendMessage", WaitKind::reply, "a filter's user-mode part"},
    {"fltmgr", "FltSendMessage", WaitKind::reply, "a filter's user-mode part"},
    {"nt", "IopSynchronousServiceTail", WaitKind::io, "its I/O request"},
    {"nt", "IopWaitForSynchronousIo", WaitKind::io, "its I/O request"},
    {"nt", "IopWaitAndAcquireFileObjectLock", WaitKind::lock, "a file object's lock"},
    {"nt", "IopAcquireFileObjectLock", WaitKind::lock, "a file object's lock"},
    {"nt", "IopCancelIrpsInThreadList", WaitKind::io, "I/O to be cancelled"},
    {"nt", "IoCancelThreadIo", WaitKind::io, "I/O to be cancelled"},
    {"nt", "PopIssueActionRequest", WaitKind::io, "a power action"},
    {"nt", "PnpDeviceActionWorker", WaitKind::io, "a Plug and Play action"},
    {"nt", "NtWaitForWorkViaWorkerFactory", WaitKind::idle, "work (a thread pool)"},
    {"nt", "KeRemovePriQueue", WaitKind::idle, "work (a system worker)"},
    {"nt", "NtRemoveIoCompletion", WaitKind::idle, "completed I/O"},
    {"nt", "IoRemoveIoCompletion", WaitKind::idle, "completed I/O"},
    {"nt", "KeRemoveQueue", WaitKind::idle, "work (a queue)"},
    {"nt", "KeDelayExecutionThread", WaitKind::idle, "time to pass"},
    {"win32kfull", "xxxRealSleepThread", WaitKind::idle, "window messages"},
    {"win32k", "xxxRealSleepThread", WaitKind::idle, "window messages"},
    {"win32kfull", "xxxSleepThread", WaitKind::idle, "window messages"},
    {"nt", "NtWaitForAlertByThreadId", WaitKind::other, "to be woken by its process"},
    {"nt", "NtWaitForKeyedEvent", WaitKind::lock, "a keyed event (a lock of user mode)"},
    {"nt", "ObWaitForMultipleObjects", WaitKind::other, "one of several objects"},
    {"nt", "KeWaitForMultipleObjects", WaitKind::other, "one of several objects"},
    {"nt", "ObWaitForSingleObject", WaitKind::other, "an object of its process"},
    {"nt", "KeWaitForMutexObject", WaitKind::lock, "a mutex"},
    {"nt", "KeWaitForGate", WaitKind::lock, "a gate"},
    {"nt", "KeWaitForSingleObject", WaitKind::other, "an object"},
    {"nt", "KeWaitForAlertByThreadId", WaitKind::other, "to be woken"},
    {"ntdll", "NtWaitForWorkViaWorkerFactory", WaitKind::idle, "work (a thread pool)"},
    {"ntdll", "ZwWaitForWorkViaWorkerFactory", WaitKind::idle, "work (a thread pool)"},
    {"ntdll", "NtRemoveIoCompletion", WaitKind::idle, "completed I/O"},
    {"ntdll", "NtDelayExecution", WaitKind::idle, "time to pass"},
    {"ntdll", "NtWaitForMultipleObjects", WaitKind::other, "one of several objects"},
    {"ntdll", "NtWaitForSingleObject", WaitKind::other, "an object"},
    {"ntdll", "NtAlpcSendWaitReceivePort", WaitKind::reply, "the reply to an ALPC message"},
    {"win32u", "NtUserGetMessage", WaitKind::idle, "window messages"},
    {"win32u", "NtUserMsgWaitForMultipleObjects", WaitKind::idle, "window messages"}};

constexpr std::size_t kFramesThatWait = 40;  // deeper ones called what waits, or something before
constexpr std::uint64_t kNearExport = 0x400;

}  // namespace

std::string_view name_of(WaitKind kind) {
  switch (kind) {
    case WaitKind::idle:
      return "idle";
    case WaitKind::lock:
      return "lock";
    case WaitKind::io:
      return "io";
    case WaitKind::reply:
      return "reply";
    case WaitKind::other:
      break;
  }
  return "other";
}

std::optional<WaitWords> wait_words_of(const stacks::Stack& stack) {
  const std::size_t count = std::min(stack.frames.size(), kFramesThatWait);
  for (const Waits& each : kWaits) {
    for (std::size_t i = 0; i < count; ++i) {
      const symbols::Symbol& symbol = stack.frames[i].symbol;
      if (symbol.is_export && symbol.offset >= kNearExport) continue;
      if (symbol.name.starts_with(each.begins) &&
          base::equals_ignoring_case(symbol.module, each.module))
        return WaitWords{each.kind, each.words, i};
    }
  }
  return {};
}

}  // namespace ntstack::analysis
