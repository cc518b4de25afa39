#include "analysis/stack_blocker.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace ntstack::analysis {
namespace {

using stacks::Frame;

// What a capture of the thread itself put there; functions that give the processor up for others:
// documented ones (WDK), and what stands above them on the stacks that Microsoft's debugger
// documentation and public stack listings show.
constexpr std::array<std::string_view, 31> kDispatcher = {"DbgkpLkmdSnapThreadInContext",
                                                          "DbgkpLkmdSnapThreadApc",
                                                          "KiDeliverApc",
                                                          "KiSwapContext",
                                                          "SwapContext",
                                                          "KiSwapThread",
                                                          "KiCommitThreadWait",
                                                          "KiSwapContextReturn",
                                                          "KiSwapThreadAndContext",
                                                          "KiDispatchInterrupt",
                                                          "KeWaitForSingleObject",
                                                          "KeWaitForMultipleObjects",
                                                          "KeWaitForMutexObject",
                                                          "KeWaitForGate",
                                                          "KeWaitForAlertByThreadId",
                                                          "KeDelayExecutionThread",
                                                          "KeRemoveQueue",
                                                          "KeRemoveQueueEx",
                                                          "KeRemovePriQueue",
                                                          "KiWaitForAllObjects",
                                                          "KiExitDispatcher",
                                                          "KiQuantumEnd",
                                                          "KxDispatchInterrupt",
                                                          "KxWaitForLockOwnerShip",
                                                          "ExpWaitForResource",
                                                          "ExpWaitForFastResource",
                                                          "ExfAcquirePushLockShared",
                                                          "ExfAcquirePushLockExclusive",
                                                          "ExfAcquirePushLockExclusiveEx",
                                                          "ExfAcquirePushLockSharedEx",
                                                          "KeSuspendThread"};

constexpr std::array<std::string_view, 26> kUsual = {"ExpWorkerThread",
                                                     "ExpWorkerThreadBalanceManager",
                                                     "IopThreadStart",
                                                     "KeBalanceSetManager",
                                                     "KeSwapProcessOrStack",
                                                     "KiIdleLoop",
                                                     "PoIdle",
                                                     "ObWaitForSingleObject",
                                                     "ObWaitForMultipleObjects",
                                                     "NtWaitForSingleObject",
                                                     "NtWaitForMultipleObjects",
                                                     "NtWaitForMultipleObjects32",
                                                     "NtSignalAndWaitForSingleObject",
                                                     "NtDelayExecution",
                                                     "NtRemoveIoCompletion",
                                                     "NtRemoveIoCompletionEx",
                                                     "IoRemoveIoCompletion",
                                                     "NtWaitForWorkViaWorkerFactory",
                                                     "ExpWaitForWork",
                                                     "NtReplyWaitReceivePort",
                                                     "NtReplyWaitReceivePortEx",
                                                     "NtWaitForAlertByThreadId",
                                                     "NtWaitForKeyedEvent",
                                                     "NtReleaseKeyedEvent",
                                                     "xxxRealSleepThread",
                                                     "xxxSleepThread2"};

bool is_dispatcher(const Frame& frame) {
  return frame.symbol.module == "nt" &&
         std::ranges::find(kDispatcher, frame.symbol.name) != kDispatcher.end();
}

bool is_of_kernel(const Frame& frame) {
  return frame.is_user || frame.symbol.module == "nt" || frame.symbol.module.starts_with("win32k");
}

}  // namespace

const Frame* blocker_of(const stacks::Stack& stack) {
  for (const Frame& frame : stack.frames)
    if (!is_dispatcher(frame)) return &frame;
  return stack.frames.empty() ? nullptr : &stack.frames.back();
}

bool is_usual_wait(const stacks::Stack& stack) {
  const Frame* blocker = blocker_of(stack);
  return blocker && std::ranges::find(kUsual, blocker->symbol.name) != kUsual.end() &&
         std::ranges::all_of(stack.frames, is_of_kernel);
}

}  // namespace ntstack::analysis
