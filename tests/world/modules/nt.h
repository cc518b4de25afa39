// What ntoskrnl.exe gives to the world's drivers.
#pragma once

#include "kernel.h"

#ifdef BUILDING_NT
#define NTAPI_FUNCTION EXPORT
#else
#define NTAPI_FUNCTION IMPORT
#endif

typedef void EXPAND_STACK_CALLOUT(void*);

NTAPI_FUNCTION NTSTATUS FASTCALL IofCallDriver(DEVICE_OBJECT* device, IRP* irp);
NTAPI_FUNCTION NTSTATUS IoCreateDevice(DRIVER_OBJECT* driver, DEVICE_OBJECT* lower,
                                       DEVICE_OBJECT** made);
NTAPI_FUNCTION DEVICE_OBJECT* IoGetLastDevice(void);
NTAPI_FUNCTION NTSTATUS ExInitializeResourceLite(ERESOURCE* resource);
NTAPI_FUNCTION ULONG ExAcquireResourceExclusiveLite(ERESOURCE* resource, ULONG wait);
NTAPI_FUNCTION void ExReleaseResourceLite(ERESOURCE* resource);
NTAPI_FUNCTION void KeInitializeEvent(KEVENT* event, ULONG type, ULONG state);
NTAPI_FUNCTION int KeSetEvent(KEVENT* event);
NTAPI_FUNCTION NTSTATUS KeWaitForSingleObject(void* object, ULONG reason, ULONG mode,
                                              ULONG alertable, ULONG64* timeout);
NTAPI_FUNCTION NTSTATUS KeWaitForMultipleObjects(ULONG count, void** objects, ULONG type,
                                                 ULONG reason, ULONG mode, ULONG alertable,
                                                 ULONG64* timeout, KWAIT_BLOCK* blocks);
NTAPI_FUNCTION NTSTATUS FsRtlCancellableWaitForMultipleObjects(ULONG count, void** objects,
                                                               ULONG type, ULONG64* timeout,
                                                               KWAIT_BLOCK* blocks, IRP* irp);
NTAPI_FUNCTION NTSTATUS KeExpandKernelStackAndCallout(EXPAND_STACK_CALLOUT* callout,
                                                      void* parameter, ULONG_PTR size);
NTAPI_FUNCTION void* ExAllocatePoolWithTag(ULONG_PTR size, ULONG tag);
NTAPI_FUNCTION ULONG RtlHashUnicodeString(const UNICODE_STRING* string);
