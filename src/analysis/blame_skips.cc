#include "analysis/blame_skips.h"

#include <algorithm>
#include <iterator>

#include "analysis/overhead.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

struct Names {
  std::string_view begins;  // of functions of nt
  std::string_view why;
};

constexpr std::string_view kOfCrash = "part of the crash itself",
                           kOfException = "delivers exceptions and traps",
                           kOfInterrupt = "delivers interrupts, the clock, DPCs and APCs",
                           kOfPool = "the pool's and heaps' own code: finds what others damaged",
                           kOfMemory = "the memory manager's handling of page faults",
                           kOfVerifier = "Driver Verifier: finds what others did",
                           kOfDispatch = "passes IRPs and calls on", kOfWait = "waits and switches",
                           kOfCapture = "captures the thread for the dump";

// Public names of nt (its PDB, its exports, Windows Internals).
constexpr Names kOfNt[] = {{"KeBugCheck", kOfCrash},
                           {"KiBugCheck", kOfCrash},
                           {"KiDoubleFault", kOfCrash},
                           {"KiFatal", kOfCrash},
                           {"KiFastFail", kOfCrash},
                           {"KiRaiseSecurityCheckFailure", kOfCrash},
                           {"KiSystemServiceHandler", kOfException},
                           {"KiTrap", kOfException},
                           {"_KiTrap", kOfException},
                           {"KiPageFault", kOfException},
                           {"KiGeneralProtectionFault", kOfException},
                           {"KiInvalidOpcodeFault", kOfException},
                           {"KiDivideErrorFault", kOfException},
                           {"KiBreakpointTrap", kOfException},
                           {"KiDebugTrap", kOfException},
                           {"KiStackFault", kOfException},
                           {"KiSegmentNotPresentFault", kOfException},
                           {"KiMcheck", kOfException},
                           {"KiNmi", kOfException},
                           {"KxNmi", kOfException},
                           {"KiDispatchException", kOfException},
                           {"KiExceptionDispatch", kOfException},
                           {"KxExceptionDispatch", kOfException},
                           {"KiExceptionExit", kOfException},
                           {"KiSynchronousException", kOfException},
                           {"KiKernelExceptionHandler", kOfException},
                           {"RtlDispatchException", kOfException},
                           {"RtlpExecuteHandler", kOfException},
                           {"RtlRaise", kOfException},
                           {"RtlUnwind", kOfException},
                           {"RtlpGetStackLimits", kOfException},
                           {"ExRaise", kOfException},
                           {"KiRaiseException", kOfException},
                           {"_C_specific_handler", kOfException},
                           {"__C_specific_handler", kOfException},
                           {"_GSHandlerCheck", kOfException},
                           {"__GSHandlerCheck", kOfException},
                           {"_report_gsfailure", kOfException},
                           {"__report_gsfailure", kOfException},
                           {"_except_handler", kOfException},
                           {"ExpSystemExceptionFilter", kOfException},
                           {"DbgBreakPoint", kOfException},
                           {"HalpTimerClock", kOfInterrupt},
                           {"HalpClock", kOfInterrupt},
                           {"HalpHpetClock", kOfInterrupt},
                           {"HalpApicTimer", kOfInterrupt},
                           {"KeAccumulateTicks", kOfInterrupt},
                           {"KeClockInterruptNotify", kOfInterrupt},
                           {"KiUpdateRunTime", kOfInterrupt},
                           {"KiUpdateTime", kOfInterrupt},
                           {"KeUpdateRunTime", kOfInterrupt},
                           {"KeUpdateSystemTime", kOfInterrupt},
                           {"KiCallInterruptServiceRoutine", kOfInterrupt},
                           {"KiScanInterruptObjectList", kOfInterrupt},
                           {"KiInterrupt", kOfInterrupt},
                           {"KiChainedDispatch", kOfInterrupt},
                           {"KiIpi", kOfInterrupt},
                           {"KiDpc", kOfInterrupt},
                           {"KiHvInterrupt", kOfInterrupt},
                           {"KiDispatchInterrupt", kOfInterrupt},
                           {"KiRetireDpcList", kOfInterrupt},
                           {"KxRetireDpcList", kOfInterrupt},
                           {"KyRetireDpcList", kOfInterrupt},
                           {"KiExecuteAllDpcs", kOfInterrupt},
                           {"KiExecuteDpc", kOfInterrupt},
                           {"KiProcessExpiredTimerList", kOfInterrupt},
                           {"KiTimerExpiration", kOfInterrupt},
                           {"KiDeliverApc", kOfInterrupt},
                           {"KiApcInterrupt", kOfInterrupt},
                           {"KiCheckForKernelApcDelivery", kOfInterrupt},
                           {"KiSecondaryClockInterrupt", kOfInterrupt},
                           {"MmAccessFault", kOfMemory},
                           {"MiSystemFault", kOfMemory},
                           {"MiDispatchFault", kOfMemory},
                           {"MiRaisedIrqlFault", kOfMemory},
                           {"MiInvalidAccess", kOfMemory},
                           {"MiZeroFault", kOfMemory},
                           {"ExFreePool", kOfPool},
                           {"ExAllocatePool", kOfPool},
                           {"ExpAllocatePool", kOfPool},
                           {"ExpFreePool", kOfPool},
                           {"ExAllocateHeapPool", kOfPool},
                           {"ExFreeHeapPool", kOfPool},
                           {"ExDeferredFreePool", kOfPool},
                           {"ExpPool", kOfPool},
                           {"MmFreeSpecialPool", kOfPool},
                           {"RtlpHp", kOfPool},
                           {"RtlpHeap", kOfPool},
                           {"Vf", kOfVerifier},
                           {"Vi", kOfVerifier},
                           {"Verifier", kOfVerifier},
                           {"IovCallDriver", kOfDispatch},
                           {"IofCallDriver", kOfDispatch},
                           {"IopfCallDriver", kOfDispatch},
                           {"IoCallDriver", kOfDispatch},
                           {"IofCompleteRequest", kOfDispatch},
                           {"IopfCompleteRequest", kOfDispatch},
                           {"IopSynchronousServiceTail", kOfDispatch},
                           {"IopProcessWorkItem", kOfDispatch},
                           {"KiSystemCall", kOfDispatch},
                           {"KiSystemService", kOfDispatch},
                           {"KiFastCallEntry", kOfDispatch},
                           {"KiFastSystemCall", kOfDispatch},
                           {"ExpWorkerThread", kOfDispatch},
                           {"PspSystemThreadStartup", kOfDispatch},
                           {"KiStartSystemThread", kOfDispatch},
                           {"KiThreadStartup", kOfDispatch},
                           {"KiStartUserThread", kOfDispatch},
                           {"DbgkpLkmd", kOfCapture},
                           {"KiIdleLoop", kOfWait},
                           {"KiSwap", kOfWait},
                           {"SwapContext", kOfWait},
                           {"KiCommitThreadWait", kOfWait},
                           {"KeWaitFor", kOfWait},
                           {"KeDelayExecutionThread", kOfWait},
                           {"KiQuantumEnd", kOfWait},
                           {"KiExitDispatcher", kOfWait},
                           {"KeExpandKernelStackAndCallout", kOfDispatch},
                           {"KeSwitchKernelStack", kOfDispatch},
                           {"KiSwitchKernelStack", kOfDispatch}};

// Lower case.
constexpr std::string_view kMachinery[] = {
    "bootvid", "ci", "crashdmp", "kdcom", "kdnet", "pshed", "securekernel", "skci", "verifierext"};
constexpr std::string_view kFrameworks[] = {
    "ataport",  "classpnp", "dxgkrnl",  "fltmgr",   "hidclass", "ks",      "ndis",
    "netio",    "portcls",  "rdbss",    "scsiport", "storport", "usbport", "usbxhci",
    "ucx01000", "videoprt", "wdf01000", "wdfldr",   "watchdog"};
constexpr std::string_view kUserMachinery[] = {"ntdll",    "kernel32", "kernelbase", "wow64",
                                               "wow64cpu", "wow64win", "verifier",   "vrfcore"};
constexpr std::string_view kUserWindows[] = {
    "advapi32", "bcrypt",       "bcryptprimitives", "clr",     "combase",   "comctl32",
    "crypt32",  "dbghelp",      "dwmapi",           "gdi32",   "gdi32full", "imm32",
    "msctf",    "msvcp140",     "msvcrt",           "mswsock", "ole32",     "oleaut32",
    "rpcrt4",   "sechost",      "shell32",          "shlwapi", "ucrtbase",  "user32",
    "uxtheme",  "vcruntime140", "vcruntime140_1",   "win32u",  "winmm",     "ws2_32"};

// An export's name is taken for so many bytes behind it.
constexpr std::uint64_t kNearExport = 0x400;

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::ranges::find(names, name) != std::end(names);
}

PassedOver of_kernel(const stacks::Frame& frame) {
  const symbols::Symbol& symbol = frame.symbol;
  const bool is_known = !symbol.name.empty() && !(symbol.is_export && symbol.offset >= kNearExport);
  if (is_known)
    for (const Names& each : kOfNt)
      if (symbol.name.starts_with(each.begins))
        return {Passed::machinery, each.why, each.why == kOfInterrupt && frame.trap_frame};
  return passed_over(symbol.module, false);
}

}  // namespace

std::string_view name_of(Passed passed) {
  switch (passed) {
    case Passed::machinery:
      return "machinery";
    case Passed::kernel:
      return "kernel";
    case Passed::framework:
      return "framework";
    case Passed::windows:
      return "windows";
    case Passed::no:
      break;
  }
  return "no";
}

PassedOver passed_over(std::string_view short_name, bool is_user) {
  const std::string name = base::lower(short_name);
  if (is_user) {
    if (is_one_of(kUserMachinery, name))
      return {Passed::machinery, "Windows' own layer below every program", false};
    if (is_one_of(kUserWindows, name)) return {Passed::windows, "comes with Windows", false};
    return {};
  }
  if (name == "nt") return {Passed::kernel, "the kernel's code works for those who call it", false};
  if (name == "hal") return {Passed::kernel, "the HAL works for those who call it", false};
  if (is_one_of(kMachinery, name))
    return {Passed::machinery, "finds or records, and does not act", false};
  if (is_one_of(kFrameworks, name))
    return {Passed::framework, "passes calls on between drivers", false};
  if (is_windows_own(name)) return {Passed::windows, "comes with Windows", false};
  return {};
}

PassedOver passed_over(const stacks::Frame& frame) {
  const bool is_kernel = frame.symbol.module == "nt" || frame.symbol.module == "hal";
  if (!frame.is_user && is_kernel) return of_kernel(frame);
  return passed_over(frame.symbol.module, frame.is_user);
}

}  // namespace ntstack::analysis
