// What the bugchecks that people meet mean, and what their parameters are: in our own words, the
// facts from Microsoft's public bug check reference. By rising code. Values of parameters are
// bugcheck_values.h's.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ntstack::analysis {

struct BugcheckWords {
  std::uint32_t code;
  std::string_view sentence;  // without its full stop
  std::array<std::string_view, 4> parameters;
};

namespace bugcheck_words {
inline constexpr std::string_view kMemory = "memory that was referenced";
inline constexpr std::string_view kIrql = "IRQL at the time";
inline constexpr std::string_view kAccess = "what was tried";
inline constexpr std::string_view kBy = "address of the instruction that referenced it";
inline constexpr std::string_view kCode = "exception code";
inline constexpr std::string_view kWhere = "address where the exception occurred";
inline constexpr std::string_view kRecord = "address of the exception record";
inline constexpr std::string_view kContext = "address of the context record";
inline constexpr std::string_view kTrap = "address of the trap frame";
inline constexpr std::string_view kKind = "kind of violation";
inline constexpr std::string_view kByFirst = "depends on the first";
inline constexpr std::string_view kStatus = "NTSTATUS of the failure";
inline constexpr std::string_view kSource = "source file and line, as a number";
}  // namespace bugcheck_words

// clang-format off
inline constexpr BugcheckWords kBugcheckWords[] = {
    {0x1, "a thread returned from a system call or worker routine with APCs still disabled, or in another process", {"address of the system call or worker routine", "Thread->ApcStateIndex", "Thread->SpecialApcDisable and KernelApcDisable", "call type: 0 system call, 1 worker routine"}},
    {0x5, "a thread attached to a process while it was attached to another one", {"the process to attach to", "the process that it is attached to", "Thread->ApcStateIndex", "not 0: a DPC was running"}},
    {0x9, "the IRQL was lower than the routine demands", {}},
    {0xA, "kernel code touched memory that can't be touched at its IRQL: paged out, freed, or no address at all", {bugcheck_words::kMemory, bugcheck_words::kIrql, bugcheck_words::kAccess, bugcheck_words::kBy}},
    {0xD, "mutexes were taken in an order that their levels forbid", {"the thread's mutex level", "the level that was asked for", "", ""}},
    {0xF, "a spin lock was asked for that its asker already has", {"address of the spin lock", "", "", ""}},
    {0x12, "a trap of unknown cause", {"interrupt that was unexpected", "floating-point exception", "enabled and asserted status bits", ""}},
    {0x18, "the reference count of an object is wrong: released more often than taken, as a rule", {"type of the object", "the object", "kind of error", "count, or depends on the third"}},
    {0x19, "the header of a pool block was found damaged: an earlier overrun or use after free", {"kind of corruption", bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x1A, "the memory manager found its structures damaged", {"kind of error", bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x1E, "kernel code raised an exception that nobody handles", {bugcheck_words::kCode, bugcheck_words::kWhere, "parameter 0 of the exception", "parameter 1 of the exception"}},
    {0x20, "a thread ended with APCs disabled or pending", {"address of the APC found pending", "thread's APC disable count", "current IRQL", ""}},
    {0x21, "more quota was returned than charged", {"the process", "kind of quota", "quota in use", "quota returned"}},
    {0x22, "a file system found an error that it can't go on from", {}},
    {0x23, "the FAT file system driver found an error that it can't go on from", {bugcheck_words::kSource, bugcheck_words::kRecord, bugcheck_words::kContext, ""}},
    {0x24, "the NTFS driver found an error that it can't go on from: a damaged volume, disk or pool", {bugcheck_words::kSource, bugcheck_words::kRecord, bugcheck_words::kContext, ""}},
    {0x27, "the SMB redirector (rdbss, mrxsmb) found an error that it can't go on from", {bugcheck_words::kSource, bugcheck_words::kRecord, bugcheck_words::kContext, ""}},
    {0x2A, "an IRP was found in a state that it can't be in", {"address of the IRP", "", "", ""}},
    {0x2B, "a kernel stack is full", {"stack pointer", "stack limit", "", ""}},
    {0x2E, "a parity error of system memory, or access to an address that is not there", {"virtual address", "physical address", "processor status", "faulting instruction"}},
    {0x34, "the cache manager found an error", {bugcheck_words::kSource, bugcheck_words::kRecord, bugcheck_words::kContext, ""}},
    {0x35, "a driver passed an IRP down that has no stack location left", {"address of the IRP", "", "", ""}},
    {0x3B, "an exception in kernel code during a system call that nobody handles", {bugcheck_words::kCode, bugcheck_words::kWhere, bugcheck_words::kContext, ""}},
    {0x3D, "an exception in an interrupt service routine", {bugcheck_words::kRecord, bugcheck_words::kContext, "", ""}},
    {0x3F, "the system has no page table entries left: too much I/O, or a driver that leaks mappings", {"kind of PTEs", "size asked for", "free PTEs", "all PTEs"}},
    {0x44, "a driver completed an IRP that is completed already", {"address of the IRP", "", "", ""}},
    {0x48, "an IRP was completed with its cancel routine still set", {"address of the IRP", "its cancel routine", "", ""}},
    {0x4A, "a system call returned to user mode at raised IRQL", {"address of the system function", "current IRQL", "", ""}},
    {0x4C, "a process that Windows needs failed fatally", {}},
    {0x4D, "no free pages of memory are left to go on", {"dirty pages", "pages of physical memory", "", ""}},
    {0x4E, "the list of page frames is damaged: as a rule a driver that unlocks or frees pages twice", {"kind of corruption", bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x50, "kernel code referenced memory that is not there", {bugcheck_words::kMemory, bugcheck_words::kAccess, bugcheck_words::kBy, "kind of fault"}},
    {0x51, "the registry is damaged, or its file could not be read or written", {"", "", "pointer to the hive", ""}},
    {0x5C, "the HAL could not be set up", {}},
    {0x6B, "phase 1 of process initialization failed", {bugcheck_words::kStatus, "where it failed", "", ""}},
    {0x74, "the SYSTEM hive is damaged or lacks what Windows needs to start", {"", "", "kind of error", bugcheck_words::kStatus}},
    {0x76, "a driver left pages of a process locked when the process ended", {"kind of error", "address of the process", "number of locked pages", "driver's stack, if tracked"}},
    {0x77, "a page of a kernel stack could not be read back from the paging file", {"status, or 0 to 2", "I/O status, or value found on the stack", "block and offset in the paging file", "address of the stack's signature or the PTE"}},
    {0x7A, "a page of kernel data could not be read back from disk", {"lock type, PTE or address", "error status of the I/O", "process or PTE", "virtual address that could not be paged in"}},
    {0x7B, "Windows lost the disk that it starts from", {"address of a device object or string", "", "", ""}},
    {0x7C, "NDIS found an error of a network driver", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x7E, "an exception in a system thread that nobody handles", {bugcheck_words::kCode, bugcheck_words::kWhere, bugcheck_words::kRecord, bugcheck_words::kContext}},
    {0x7F, "the processor trapped in the kernel, and nobody handles that trap", {"trap number", bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x80, "the hardware raised a non-maskable interrupt: memory, bus, or somebody's button", {"NMI status", "", "", ""}},
    {0x8E, "an exception in kernel code that nobody handles", {bugcheck_words::kCode, bugcheck_words::kWhere, bugcheck_words::kTrap, ""}},
    {0x93, "kernel code closed a handle that is not valid or protected", {"the handle", "0: protected, 1: not valid", "", ""}},
    {0x94, "a thread ended while its kernel stack was locked", {}},
    {0x96, "a work item was queued that is on a queue already, or is damaged", {"address of the work item's worker list", "", "", "address of the work item"}},
    {0x9C, "the processor reported a machine check: a fault of hardware", {"machine check bank", "address of the bank's record", "high half of MCi_STATUS", "low half of MCi_STATUS"}},
    {0x9E, "the cluster service's health monitor found that user mode does not answer", {"process that does not answer", "time limit in seconds", bugcheck_words::kKind, ""}},
    {0x9F, "a driver is in an inconsistent or too long-lasting power state", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xA0, "the power policy manager met a fatal error", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xA5, "the machine's ACPI firmware does not keep to the specification", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xAB, "a session's driver did not free its pool before the session ended", {"session ID", "paged pool bytes leaked", "nonpaged pool bytes leaked", "allocations leaked"}},
    {0xB8, "a DPC tried to wait, attach or yield", {"the thread", "the new thread", "stack address", ""}},
    {0xBE, "a driver wrote to memory that is read-only", {"virtual address that was written", "contents of its PTE", "", ""}},
    {0xC1, "a driver wrote outside of its block of special pool", {"address that was freed or checked", "reserved", "bytes", "kind of error"}},
    {0xC2, "the thread makes a bad request of the pool", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xC4, "Driver Verifier caught a driver breaking a rule", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xC5, "the pool is damaged: its allocator touched a bad address at raised IRQL", {bugcheck_words::kMemory, bugcheck_words::kIrql, bugcheck_words::kAccess, bugcheck_words::kBy}},
    {0xC6, "a driver wrote to pool that it had freed", {bugcheck_words::kMemory, bugcheck_words::kAccess, "processor mode", "4"}},
    {0xC7, "a timer or DPC lies in memory that was freed or is no longer valid", {"kind of object", "address of the object", "start of the range checked", "end of the range checked"}},
    {0xC8, "the IRQL is not what it must be at this point", {"IRQLs, one a byte", "kind of check, or routine", "", "APC or DPC"}},
    {0xC9, "Driver Verifier's I/O checks caught a driver breaking a rule", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xCA, "Plug and Play found an error that a driver made", {bugcheck_words::kKind, "address of the device object", bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xCB, "a driver left pages locked in a process when its I/O was over", {"return address of the caller", "of the caller's caller", "address of the MDL", "number of locked pages"}},
    {0xCC, "memory of special pool was touched after it was freed", {bugcheck_words::kMemory, bugcheck_words::kAccess, bugcheck_words::kBy, ""}},
    {0xCD, "memory behind the end of a block of special pool was touched", {bugcheck_words::kMemory, bugcheck_words::kAccess, bugcheck_words::kBy, ""}},
    {0xCE, "a driver was unloaded while timers, DPCs, threads or callbacks still lead into it", {bugcheck_words::kMemory, bugcheck_words::kAccess, bugcheck_words::kBy, ""}},
    {0xD0, "a driver damaged the memory manager's pool", {bugcheck_words::kMemory, bugcheck_words::kIrql, bugcheck_words::kAccess, bugcheck_words::kBy}},
    {0xD1, "a driver touched memory that can't be touched at its IRQL: paged out, freed, or no address at all", {bugcheck_words::kMemory, bugcheck_words::kIrql, bugcheck_words::kAccess, bugcheck_words::kBy}},
    {0xD3, "a driver has code or data in paged sections that it uses at raised IRQL", {bugcheck_words::kMemory, bugcheck_words::kIrql, bugcheck_words::kAccess, bugcheck_words::kBy}},
    {0xD4, "a driver was unloaded while something of it is still in use", {bugcheck_words::kMemory, bugcheck_words::kIrql, bugcheck_words::kAccess, bugcheck_words::kBy}},
    {0xD5, "a driver touched special pool that it had freed", {bugcheck_words::kMemory, bugcheck_words::kAccess, bugcheck_words::kBy, ""}},
    {0xD6, "a driver touched memory behind the end of its block of special pool", {bugcheck_words::kMemory, bugcheck_words::kAccess, bugcheck_words::kBy, ""}},
    {0xD8, "a driver used up the system's page table entries", {"name of the driver", "PTEs that it uses", "free PTEs", "all PTEs"}},
    {0xDA, "a driver misuses system page table entries", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xDC, "a driver touched memory below the stack pointer of its stack", {}},
    {0xDE, "a driver damaged pool that holds pages on their way to disk", {}},
    {0xE1, "a worker thread came back from a work item at raised IRQL", {"address of the worker routine", "IRQL", "the work item's parameter", "the work item"}},
    {0xE2, "somebody asked for this dump: by the keyboard, by a tool, or by an NMI", {}},
    {0xE3, "a thread released a resource that it does not own", {"address of the resource", "the thread", "owner table, if any", "kind of thread"}},
    {0xE4, "memory that holds a work item was freed or used anew while it is queued", {bugcheck_words::kKind, "address of the work item", "start of the pool block", "end of the pool block"}},
    {0xE6, "Driver Verifier's DMA checks caught a driver breaking a rule", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xEA, "a display driver's thread spins and does not come back", {"address of the stuck thread", "address of the DEFERRED_WATCHDOG", "name of the driver", "hits of the breakpoint"}},
    {0xED, "the volume that Windows starts from can't be mounted", {"device object of the volume", bugcheck_words::kStatus, "", ""}},
    {0xEF, "a process that Windows can't do without ended", {"address of the process", "what ended", "", ""}},
    {0xF4, "a process or thread that Windows can't do without ended", {"what ended", "the object", "name of the process's image", "address of an explanation"}},
    {0xF5, "the filter manager found an error of a minifilter", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0xF7, "a function of a driver overran a buffer on the stack", {"cookie found on the stack", "expected cookie", "complement of the expected cookie", ""}},
    {0xFC, "code was to run from memory that is no code", {"virtual address that was executed", "contents of its PTE", "", ""}},
    {0xFD, "no clean pages are left: writing modified pages can't keep up", {"dirty pages", "nonpaged pool pages", "", ""}},
    {0xFE, "a USB driver met an error", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x101, "a processor did not take clock interrupts for too long: it hangs, or runs at high IRQL", {"time-out in clock ticks", "", "address of the PRCB that does not answer", "its processor number"}},
    {0x109, "PatchGuard found the kernel's code or critical data changed: by a driver, or by bad memory", {"", "", "depends on the fourth", "kind of the damaged region"}},
    {0x10D, "the driver framework (WDF) caught a driver breaking a rule", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, ""}},
    {0x10E, "the video memory manager met a state that it can't go on from", {bugcheck_words::kKind, "", "", ""}},
    {0x113, "the DirectX graphics kernel met a violation", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, ""}},
    {0x116, "the display driver did not answer, and could not be reset", {"address of the TDR recovery context", "address in the responsible driver", "error of the last failed operation", "depends on the context"}},
    {0x117, "the display driver did not answer in time (a live dump: it was reset)", {"address of the TDR recovery context", "address in the responsible driver", "reserved for the driver", "depends on the context"}},
    {0x119, "the video scheduler found a fatal violation", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x11D, "event tracing met a fatal error", {}},
    {0x122, "the hardware error machinery itself failed", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x124, "the hardware reported an error that can't be corrected", {"kind of error source", "address of WHEA_ERROR_RECORD", "high half of MCi_STATUS", "low half of MCi_STATUS"}},
    {0x127, "a page that must be zero is not: bad memory, or a driver or device that writes to freed pages", {"virtual address of the page", "page frame number", "", ""}},
    {0x12B, "a page read back from compressed or swapped memory is damaged by a single bit: bad memory, as a rule", {"virtual address", "physical address", "", ""}},
    {0x131, "a processor's extended state was saved or restored wrongly", {bugcheck_words::kKind, "", "", ""}},
    {0x133, "a DPC or an interrupt service routine ran too long, or the system stayed too long at DISPATCH_LEVEL", {"what was too long", "time in ticks", "limit in ticks, or address of the triage block", ""}},
    {0x135, "a registry filter driver raised an exception in its callback", {bugcheck_words::kCode, "address of the exception's record or context", "address of the callback", "name of the driver"}},
    {0x139, "the kernel found a structure damaged and failed at once (fast fail)", {"kind of corruption", bugcheck_words::kTrap, bugcheck_words::kRecord, ""}},
    {0x13A, "the kernel-mode heap found itself damaged", {"kind of corruption", "address of the heap", "address where it was found", ""}},
    {0x13C, "a thread ended with a priority boost for I/O that was never taken back", {"the thread", "boost count", "", ""}},
    {0x13D, "early initialization of the kernel failed", {}},
    {0x140, "a storage device behaves abnormally", {}},
    {0x141, "an engine of the graphics adapter did not answer in time (a live dump)", {"address of the TDR recovery context", "address in the responsible driver", "reserved for the driver", "depends on the context"}},
    {0x144, "a USB 3 driver met an error", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x149, "the ReFS driver found an error that it can't go on from", {bugcheck_words::kSource, bugcheck_words::kRecord, bugcheck_words::kContext, ""}},
    {0x14F, "a component did not answer in connected standby", {"client that does not answer", "", "", ""}},
    {0x153, "a thread ended while it still held a lock", {"the thread", "address of the lock entry", bugcheck_words::kStatus, ""}},
    {0x154, "the store of compressed memory raised an exception: disk, memory or driver", {"address of the store's context", bugcheck_words::kRecord, bugcheck_words::kContext, ""}},
    {0x157, "a thread's priority floor was handled against the rules", {"the thread", "priority", "", ""}},
    {0x15F, "connected standby could not be left or entered in time (a live dump)", {}},
    {0x161, "no crash: a dump of the running system that somebody asked for", {}},
    {0x162, "a lock was released by a thread that does not own it", {"the thread", "address of the lock", "session ID", ""}},
    {0x164, "win32k met a critical failure", {bugcheck_words::kKind, bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x16E, "a resource was released that is not owned by the releaser", {"address of the resource", "the thread", "owner", ""}},
    {0x17E, "processors run different revisions of microcode", {}},
    {0x189, "the header of an object is damaged", {"the object", "its header", "", ""}},
    {0x18B, "the secure kernel met a fatal error", {}},
    {0x192, "a lock with priority boosting was taken at raised IRQL", {"the thread", "address of the lock", "IRQL", ""}},
    {0x1A1, "a callout to win32k did not return in time (a live dump)", {}},
    {0x1C7, "the store of compressed memory found its structures damaged: bad memory, as a rule", {"kind of corruption", bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x1C8, "the power button was held down", {}},
    {0x1CA, "the system did not go on for a time that its watchdog finds too long", {}},
    {0x1CC, "a thread waits too long for a resource (a live dump)", {"address of the resource", "the thread", "", ""}},
    {0x1D5, "a driver did not complete a Plug and Play operation in time", {"name of the driver", "the thread that does the operation", "", ""}},
    {0x1DB, "a processor did not answer an inter-processor interrupt in time", {"", "", "", ""}},
    {0x20001, "the hypervisor met a fatal error", {}},
    {0x1000007E, "an exception in a system thread that nobody handles", {bugcheck_words::kCode, bugcheck_words::kWhere, bugcheck_words::kRecord, bugcheck_words::kContext}},
    {0x1000007F, "the processor trapped in the kernel, and nobody handles that trap", {"trap number", bugcheck_words::kByFirst, bugcheck_words::kByFirst, bugcheck_words::kByFirst}},
    {0x1000008E, "an exception in kernel code that nobody handles", {bugcheck_words::kCode, bugcheck_words::kWhere, bugcheck_words::kTrap, ""}},
    {0x100000EA, "a display driver's thread spins and does not come back", {"address of the stuck thread", "address of the DEFERRED_WATCHDOG", "name of the driver", "hits of the breakpoint"}},
    {0xC000021A, "a system process of user mode (winlogon, csrss) ended", {"name of the process", bugcheck_words::kStatus, "", ""}},
    {0xDEADDEAD, "somebody asked for this dump", {}},
};
// clang-format on

}  // namespace ntstack::analysis
