// The kernel's functions that the driver uses. Each is in imports.txt too.
#pragma once

#include "driver/nt/types.h"

namespace ntstack::driver::nt {

extern "C" {

#define NTSTACK_IMPORT __declspec(dllimport)

NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL IoCreateDevice(DRIVER_OBJECT*, ULONG, UNICODE_STRING*,
                                                       ULONG, ULONG, BOOLEAN, DEVICE_OBJECT**);
NTSTACK_IMPORT void NTSTACK_STDCALL IoDeleteDevice(DEVICE_OBJECT*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL IoCreateSymbolicLink(UNICODE_STRING*, UNICODE_STRING*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL IoDeleteSymbolicLink(UNICODE_STRING*);
NTSTACK_IMPORT void NTSTACK_FASTCALL IofCompleteRequest(IRP*, std::int8_t);
NTSTACK_IMPORT void NTSTACK_STDCALL IoAcquireCancelSpinLock(KIRQL*);
NTSTACK_IMPORT void NTSTACK_STDCALL IoReleaseCancelSpinLock(KIRQL);
NTSTACK_IMPORT void NTSTACK_STDCALL IoGetStackLimits(ULONG_PTR*, ULONG_PTR*);

NTSTACK_IMPORT void* NTSTACK_STDCALL ExAllocatePoolWithTag(int, std::size_t, ULONG);
NTSTACK_IMPORT void NTSTACK_STDCALL ExFreePoolWithTag(void*, ULONG);

NTSTACK_IMPORT void NTSTACK_STDCALL KeInitializeApc(void*, void*, KAPC_ENVIRONMENT, void*, void*,
                                                    void*, KPROCESSOR_MODE, void*);
NTSTACK_IMPORT BOOLEAN NTSTACK_STDCALL KeInsertQueueApc(void*, void*, void*, std::int32_t);
NTSTACK_IMPORT void NTSTACK_STDCALL KeInitializeEvent(void*, int, BOOLEAN);
NTSTACK_IMPORT std::int32_t NTSTACK_STDCALL KeSetEvent(void*, std::int32_t, BOOLEAN);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL KeWaitForSingleObject(void*, int, KPROCESSOR_MODE, BOOLEAN,
                                                              LARGE_INTEGER*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL KeWaitForMultipleObjects(ULONG, void**, int, int,
                                                                 KPROCESSOR_MODE, BOOLEAN,
                                                                 LARGE_INTEGER*, void*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL KeDelayExecutionThread(KPROCESSOR_MODE, BOOLEAN,
                                                               LARGE_INTEGER*);
NTSTACK_IMPORT void NTSTACK_STDCALL KeBugCheckEx(ULONG, ULONG_PTR, ULONG_PTR, ULONG_PTR, ULONG_PTR);
NTSTACK_IMPORT void NTSTACK_STDCALL KeStackAttachProcess(void*, KAPC_STATE*);
NTSTACK_IMPORT void NTSTACK_STDCALL KeUnstackDetachProcess(KAPC_STATE*);
NTSTACK_IMPORT void NTSTACK_STDCALL KeEnterGuardedRegion();
NTSTACK_IMPORT void NTSTACK_STDCALL KeLeaveGuardedRegion();
#if defined(__i386__)
NTSTACK_IMPORT KIRQL NTSTACK_STDCALL KeGetCurrentIrql();
#endif

NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL ObReferenceObjectByHandle(HANDLE, ACCESS_MASK, void*,
                                                                  KPROCESSOR_MODE, void**, void*);
NTSTACK_IMPORT std::intptr_t NTSTACK_FASTCALL ObfReferenceObject(void*);
NTSTACK_IMPORT std::intptr_t NTSTACK_FASTCALL ObfDereferenceObject(void*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL ObOpenObjectByPointer(void*, ULONG, void*, ACCESS_MASK,
                                                              void*, KPROCESSOR_MODE, HANDLE*);

NTSTACK_IMPORT void* NTSTACK_STDCALL PsGetCurrentThread();
NTSTACK_IMPORT HANDLE NTSTACK_STDCALL PsGetThreadId(void*);
NTSTACK_IMPORT HANDLE NTSTACK_STDCALL PsGetThreadProcessId(void*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL PsCreateSystemThread(HANDLE*, ULONG, OBJECT_ATTRIBUTES*,
                                                             HANDLE, void*,
                                                             void(NTSTACK_STDCALL*)(void*), void*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL PsTerminateSystemThread(NTSTATUS);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL PsLookupProcessByProcessId(HANDLE, void**);
NTSTACK_IMPORT extern void** PsThreadType;

NTSTACK_IMPORT std::uint16_t NTSTACK_STDCALL RtlCaptureStackBackTrace(ULONG, ULONG, void**, ULONG*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL RtlCreateSecurityDescriptor(void*, ULONG);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL RtlSetDaclSecurityDescriptor(void*, BOOLEAN, void*,
                                                                     BOOLEAN);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL RtlCreateAcl(void*, ULONG, ULONG);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL RtlAddAccessAllowedAce(void*, ULONG, ACCESS_MASK, void*);

NTSTACK_IMPORT BOOLEAN NTSTACK_STDCALL SeSinglePrivilegeCheck(LUID, KPROCESSOR_MODE);

NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL ZwClose(HANDLE);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL ZwOpenKey(HANDLE*, ACCESS_MASK, OBJECT_ATTRIBUTES*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL ZwQueryValueKey(HANDLE, UNICODE_STRING*, int, void*, ULONG,
                                                        ULONG*);
NTSTACK_IMPORT NTSTATUS NTSTACK_STDCALL ZwSetSecurityObject(HANDLE, ULONG, void*);

NTSTACK_IMPORT void* NTSTACK_STDCALL MmGetSystemRoutineAddress(UNICODE_STRING*);
NTSTACK_IMPORT ULONG __cdecl DbgPrint(const char*, ...);

}  // extern "C"

}  // namespace ntstack::driver::nt
