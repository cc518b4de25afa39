#include "analysis/bugcheck.h"

#include <algorithm>
#include <iterator>

namespace ntstack::analysis {
namespace {

constexpr std::string_view kMemory = "memory that was referenced";
constexpr std::string_view kIrql = "IRQL at the time";
constexpr std::string_view kCode = "exception code";
constexpr std::string_view kWhere = "address where the exception occurred";
constexpr std::string_view kRecord = "address of the exception record";
constexpr std::string_view kContext = "address of the context record";

// By rising code.
constexpr BugcheckMeaning kMeanings[] = {
    {0x01,
     "APC_INDEX_MISMATCH",
     {"address of the system call or worker routine", "Thread->ApcStateIndex",
      "Thread->SpecialApcDisable and KernelApcDisable",
      "call type: 0 system call, 1 worker routine"}},
    {0x05, "INVALID_PROCESS_ATTACH_ATTEMPT", {}},
    {0x09, "IRQL_NOT_GREATER_OR_EQUAL", {}},
    {0x0A,
     "IRQL_NOT_LESS_OR_EQUAL",
     {kMemory, kIrql, "bit 0: 0 read, 1 write; bit 3: 1 execute",
      "address of the instruction that referenced it"}},
    {0x18, "REFERENCE_BY_POINTER", {"object type", "the object", "which count went wrong", ""}},
    {0x19,
     "BAD_POOL_HEADER",
     {"kind of corruption", "depends on the first", "depends on the first",
      "depends on the first"}},
    {0x1A,
     "MEMORY_MANAGEMENT",
     {"kind of error", "depends on the first", "depends on the first", "depends on the first"}},
    {0x1E,
     "KMODE_EXCEPTION_NOT_HANDLED",
     {kCode, kWhere, "parameter 0 of the exception", "parameter 1 of the exception"}},
    {0x20,
     "KERNEL_APC_PENDING_DURING_EXIT",
     {"address of the APC found pending", "thread's APC disable count", "current IRQL", ""}},
    {0x23, "FAT_FILE_SYSTEM", {}},
    {0x24, "NTFS_FILE_SYSTEM", {"source file and line of the failure", kRecord, kContext, ""}},
    {0x27, "RDR_FILE_SYSTEM", {}},
    {0x2B, "PANIC_STACK_SWITCH", {}},
    {0x2E, "DATA_BUS_ERROR", {}},
    {0x34, "CACHE_MANAGER", {}},
    {0x35, "NO_MORE_IRP_STACK_LOCATIONS", {"address of the IRP", "", "", ""}},
    {0x3B, "SYSTEM_SERVICE_EXCEPTION", {kCode, kWhere, kContext, ""}},
    {0x3D, "INTERRUPT_EXCEPTION_NOT_HANDLED", {}},
    {0x3F, "NO_MORE_SYSTEM_PTES", {}},
    {0x44, "MULTIPLE_IRP_COMPLETE_REQUESTS", {"address of the IRP", "", "", ""}},
    {0x4A,
     "IRQL_GT_ZERO_AT_SYSTEM_SERVICE",
     {"address of the system function", "current IRQL", "", ""}},
    {0x4C, "FATAL_UNHANDLED_HARD_ERROR", {}},
    {0x4E,
     "PFN_LIST_CORRUPT",
     {"kind of corruption", "depends on the first", "depends on the first", ""}},
    {0x50,
     "PAGE_FAULT_IN_NONPAGED_AREA",
     {kMemory, "0 read, 1 write, 0x10 execute (bits by architecture)",
      "address of the instruction that referenced it", "kind of fault"}},
    {0x51, "REGISTRY_ERROR", {}},
    {0x5C, "HAL_INITIALIZATION_FAILED", {}},
    {0x6B, "PROCESS1_INITIALIZATION_FAILED", {}},
    {0x74, "BAD_SYSTEM_CONFIG_INFO", {}},
    {0x76,
     "PROCESS_HAS_LOCKED_PAGES",
     {"", "address of the process", "number of locked pages", ""}},
    {0x77,
     "KERNEL_STACK_INPAGE_ERROR",
     {"status or 0 to 2", "I/O status", "", "address of the stack's signature or the PTE"}},
    {0x7A,
     "KERNEL_DATA_INPAGE_ERROR",
     {"lock type, PTE or address", "error status of the I/O", "",
      "virtual address that could not be paged in"}},
    {0x7B, "INACCESSIBLE_BOOT_DEVICE", {}},
    {0x7E, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED", {kCode, kWhere, kRecord, kContext}},
    {0x7F,
     "UNEXPECTED_KERNEL_MODE_TRAP",
     {"trap number (8: double fault)", "depends on the version", "depends on the version",
      "depends on the version"}},
    {0x80, "NMI_HARDWARE_FAILURE", {}},
    {0x8E, "KERNEL_MODE_EXCEPTION_NOT_HANDLED", {kCode, kWhere, "address of the trap frame", ""}},
    {0x9C, "MACHINE_CHECK_EXCEPTION", {}},
    {0x9F,
     "DRIVER_POWER_STATE_FAILURE",
     {"kind of violation", "depends on the first", "depends on the first", "depends on the first"}},
    {0xA0, "INTERNAL_POWER_ERROR", {}},
    {0xA5, "ACPI_BIOS_ERROR", {}},
    {0xBE,
     "ATTEMPTED_WRITE_TO_READONLY_MEMORY",
     {"virtual address that was written", "contents of its PTE", "", ""}},
    {0xC1, "SPECIAL_POOL_DETECTED_MEMORY_CORRUPTION", {}},
    {0xC2,
     "BAD_POOL_CALLER",
     {"kind of violation", "depends on the first", "depends on the first", "depends on the first"}},
    {0xC4,
     "DRIVER_VERIFIER_DETECTED_VIOLATION",
     {"kind of violation", "depends on the first", "depends on the first", "depends on the first"}},
    {0xC5,
     "DRIVER_CORRUPTED_EXPOOL",
     {kMemory, kIrql, "0 read, 1 write", "address of the instruction that referenced it"}},
    {0xC9, "DRIVER_VERIFIER_IOMANAGER_VIOLATION", {}},
    {0xCA, "PNP_DETECTED_FATAL_ERROR", {}},
    {0xCB, "DRIVER_LEFT_LOCKED_PAGES_IN_PROCESS", {}},
    {0xCE,
     "DRIVER_UNLOADED_WITHOUT_CANCELLING_PENDING_OPERATIONS",
     {kMemory, "0 read, 1 write", "address of the instruction, if known", ""}},
    {0xD1,
     "DRIVER_IRQL_NOT_LESS_OR_EQUAL",
     {kMemory, kIrql, "0 read, 1 write, 2 or 8 execute",
      "address of the instruction that referenced it"}},
    {0xD5, "DRIVER_PAGE_FAULT_IN_FREED_SPECIAL_POOL", {}},
    {0xDA, "SYSTEM_PTE_MISUSE", {}},
    {0xDE, "POOL_CORRUPTION_IN_FILE_AREA", {}},
    {0xE2, "MANUALLY_INITIATED_CRASH", {}},
    {0xEA,
     "THREAD_STUCK_IN_DEVICE_DRIVER",
     {"address of the stuck thread", "address of the DEFERRED_WATCHDOG", "name of the driver",
      "hits of the breakpoint"}},
    {0xEF,
     "CRITICAL_PROCESS_DIED",
     {"address of the process", "0: a process, 1: a thread", "", ""}},
    {0xF4,
     "CRITICAL_OBJECT_TERMINATION",
     {"3: process, 6: thread", "the object", "name of the process's image", "explanation"}},
    {0xF7,
     "DRIVER_OVERRAN_STACK_BUFFER",
     {"cookie from the stack", "expected cookie", "complement of the expected cookie", ""}},
    {0xFC,
     "ATTEMPTED_EXECUTE_OF_NOEXECUTE_MEMORY",
     {"virtual address that was executed", "contents of its PTE", "", ""}},
    {0xFE, "BUGCODE_USB_DRIVER", {}},
    {0x101,
     "CLOCK_WATCHDOG_TIMEOUT",
     {"time-out in clock ticks", "", "address of the PRCB that does not answer",
      "its processor number"}},
    {0x109, "CRITICAL_STRUCTURE_CORRUPTION", {"", "", "", "kind of the corrupted region"}},
    {0x10D,
     "WDF_VIOLATION",
     {"kind of violation", "depends on the first", "depends on the first", ""}},
    {0x113, "VIDEO_DXGKRNL_FATAL_ERROR", {}},
    {0x116,
     "VIDEO_TDR_FAILURE",
     {"address of the TDR recovery context", "address in the responsible driver",
      "error of the last failed operation", ""}},
    {0x117, "VIDEO_TDR_TIMEOUT_DETECTED", {}},
    {0x119, "VIDEO_SCHEDULER_INTERNAL_ERROR", {}},
    {0x11D, "EVENT_TRACING_FATAL_ERROR", {}},
    {0x122, "WHEA_INTERNAL_ERROR", {}},
    {0x124,
     "WHEA_UNCORRECTABLE_ERROR",
     {"kind of error source", "address of WHEA_ERROR_RECORD", "high half of MCi_STATUS",
      "low half of MCi_STATUS"}},
    {0x12B, "FAULTY_HARDWARE_CORRUPTED_PAGE", {}},
    {0x133,
     "DPC_WATCHDOG_VIOLATION",
     {"0: one DPC too long, 1: too long at DISPATCH_LEVEL", "time in ticks",
      "limit in ticks, or a triage block", ""}},
    {0x139,
     "KERNEL_SECURITY_CHECK_FAILURE",
     {"kind of corruption (2: stack cookie, 3: list entry)", "address of the trap frame",
      "address of the exception record", ""}},
    {0x13A, "KERNEL_MODE_HEAP_CORRUPTION", {}},
    {0x13C, "INVALID_IO_BOOST_STATE", {}},
    {0x144, "BUGCODE_USB3_DRIVER", {}},
    {0x154, "UNEXPECTED_STORE_EXCEPTION", {}},
    {0x157, "KERNEL_THREAD_PRIORITY_FLOOR_VIOLATION", {}},
    {0x15F, "CONNECTED_STANDBY_WATCHDOG_TIMEOUT_LIVEDUMP", {}},
    {0x161, "LIVE_SYSTEM_DUMP", {}},
    {0x164, "WIN32K_CRITICAL_FAILURE", {}},
    {0x18B, "SECURE_KERNEL_ERROR", {}},
    {0x1C7, "STORE_DATA_STRUCTURE_CORRUPTION", {}},
    {0x1CA, "SYNTHETIC_WATCHDOG_TIMEOUT", {}},
    {0xDEADDEAD, "MANUALLY_INITIATED_CRASH1", {}},
};

// Small dumps name the exception's own context by adding 0x10000000 to these codes.
constexpr BugcheckMeaning kSmallDumpMeanings[] = {
    {0x1000007E, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M", {kCode, kWhere, kRecord, kContext}},
    {0x1000007F, "UNEXPECTED_KERNEL_MODE_TRAP_M", {"trap number (8: double fault)", "", "", ""}},
    {0x1000008E,
     "KERNEL_MODE_EXCEPTION_NOT_HANDLED_M",
     {kCode, kWhere, "address of the trap frame", ""}},
    {0x100000EA, "THREAD_STUCK_IN_DEVICE_DRIVER_M", {}},
};

// No crash: a capture of a live process by NtSystemDebugControl writes this by convention.
constexpr BugcheckMeaning kTriageCapture = {0x69696969, "TRIAGE_DUMP_OF_A_LIVE_PROCESS", {}};

template <std::size_t N>
const BugcheckMeaning* find(const BugcheckMeaning (&meanings)[N], std::uint32_t code) {
  const auto found = std::ranges::find(meanings, code, &BugcheckMeaning::code);
  return found == std::end(meanings) ? nullptr : &*found;
}

}  // namespace

const BugcheckMeaning* bugcheck_meaning(std::uint32_t code) {
  if (code == kTriageCapture.code) return &kTriageCapture;
  if (const auto* meaning = find(kMeanings, code)) return meaning;
  return find(kSmallDumpMeanings, code);
}

}  // namespace ntstack::analysis
