// The driver's own declarations of kernel structures against MinGW's DDK headers, for x64 and x86.
// Compiled, never run. (ARM64 has x64's layouts: they hang on the size of a pointer alone.)

// MinGW's wdm.h defines two functions that its own intrinsics have already.
// clang-format off
#include <stddef.h>
#include <_mingw.h>
#include <intrin.h>
#define InterlockedBitTestAndSet wdm_InterlockedBitTestAndSet
#define InterlockedBitTestAndReset wdm_InterlockedBitTestAndReset
#include <ntifs.h>
// clang-format on
#include <cstddef>

#include "driver/core/kernel.h"
#include "driver/nt/types.h"

#define SAME_SIZE(type) static_assert(sizeof(ours::type) == sizeof(::type), #type)
#define SAME_PLACE(type, field) \
  static_assert(offsetof(ours::type, field) == offsetof(::type, field), #type "." #field)
#define SAME_PLACE_AS(type, field, theirs) \
  static_assert(offsetof(ours::type, field) == offsetof(::type, theirs), #type "." #field)

namespace ours = ntstack::driver::nt;

SAME_SIZE(UNICODE_STRING);
SAME_SIZE(OBJECT_ATTRIBUTES);
SAME_PLACE(OBJECT_ATTRIBUTES, Attributes);
SAME_PLACE(OBJECT_ATTRIBUTES, SecurityDescriptor);
SAME_SIZE(IO_STATUS_BLOCK);
SAME_PLACE(IO_STATUS_BLOCK, Information);

SAME_PLACE(IRP, AssociatedIrp);
SAME_PLACE(IRP, IoStatus);
SAME_PLACE(IRP, RequestorMode);
SAME_PLACE(IRP, Cancel);
SAME_PLACE(IRP, CancelIrql);
SAME_PLACE(IRP, CancelRoutine);
SAME_PLACE_AS(IRP, DriverContext, Tail.Overlay.DriverContext);
SAME_PLACE_AS(IRP, CurrentStackLocation, Tail.Overlay.CurrentStackLocation);

SAME_SIZE(IO_STACK_LOCATION);
SAME_PLACE(IO_STACK_LOCATION, MajorFunction);
SAME_PLACE_AS(IO_STACK_LOCATION, DeviceIoControl.OutputBufferLength,
              Parameters.DeviceIoControl.OutputBufferLength);
SAME_PLACE_AS(IO_STACK_LOCATION, DeviceIoControl.InputBufferLength,
              Parameters.DeviceIoControl.InputBufferLength);
SAME_PLACE_AS(IO_STACK_LOCATION, DeviceIoControl.IoControlCode,
              Parameters.DeviceIoControl.IoControlCode);
SAME_PLACE(IO_STACK_LOCATION, DeviceObject);

SAME_SIZE(DRIVER_OBJECT);
SAME_PLACE(DRIVER_OBJECT, DriverStart);
SAME_PLACE(DRIVER_OBJECT, DriverUnload);
SAME_PLACE(DRIVER_OBJECT, MajorFunction);
SAME_PLACE(DEVICE_OBJECT, Flags);

SAME_PLACE(KEY_VALUE_PARTIAL_INFORMATION, Type);
SAME_PLACE(KEY_VALUE_PARTIAL_INFORMATION, DataLength);
SAME_PLACE(KEY_VALUE_PARTIAL_INFORMATION, Data);

// Room for the kernel's objects.
static_assert(sizeof(ntstack::driver::Apc) >= sizeof(KAPC));
static_assert(sizeof(ntstack::driver::Event) >= sizeof(KEVENT));
static_assert(sizeof(ours::KAPC_STATE) >= sizeof(KAPC_STATE));

static_assert(ours::kDoDeviceInitializing == DO_DEVICE_INITIALIZING);
static_assert(ours::kFileDeviceSecureOpen == FILE_DEVICE_SECURE_OPEN);
static_assert(ours::kIrpMjCreate == IRP_MJ_CREATE && ours::kIrpMjClose == IRP_MJ_CLOSE);
static_assert(ours::kIrpMjDeviceControl == IRP_MJ_DEVICE_CONTROL);
static_assert(ours::kIrpMjCleanup == IRP_MJ_CLEANUP);
static_assert(ours::kIrpMjCount == IRP_MJ_MAXIMUM_FUNCTION + 1);
static_assert(ours::kObjKernelHandle == OBJ_KERNEL_HANDLE);
static_assert(ours::kObjCaseInsensitive == OBJ_CASE_INSENSITIVE);
static_assert(ours::kKernelMode == KernelMode && ours::kUserMode == UserMode);
static_assert(ntstack::driver::kControlQuery ==
              CTL_CODE(0x8e54, 0x800, METHOD_BUFFERED, FILE_READ_DATA | FILE_WRITE_DATA));
