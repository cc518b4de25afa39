// The kernel's structures that the driver uses, declared by us from Microsoft's public reference:
// the DDK headers at hand know no ARM64 and do not compile for clang's MSVC targets. A test
// compares the layouts with MinGW's headers (driver/tests/layouts.cc).
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__i386__)
#define NTSTACK_STDCALL __stdcall
#define NTSTACK_FASTCALL __fastcall
#else
#define NTSTACK_STDCALL
#define NTSTACK_FASTCALL
#endif

namespace ntstack::driver::nt {

using NTSTATUS = std::int32_t;
using HANDLE = void*;
using KIRQL = std::uint8_t;
using BOOLEAN = std::uint8_t;
using ULONG = std::uint32_t;
using ULONG_PTR = std::uintptr_t;
using ACCESS_MASK = std::uint32_t;
using KPROCESSOR_MODE = std::int8_t;

inline constexpr KPROCESSOR_MODE kKernelMode = 0, kUserMode = 1;

struct UNICODE_STRING {
  std::uint16_t Length, MaximumLength;  // bytes
  char16_t* Buffer;
};

struct LIST_ENTRY {
  LIST_ENTRY *Flink, *Blink;
};

union LARGE_INTEGER {
  std::int64_t QuadPart;
  struct {
    std::uint32_t LowPart;
    std::int32_t HighPart;
  } u;
};

struct OBJECT_ATTRIBUTES {
  ULONG Length;
  HANDLE RootDirectory;
  UNICODE_STRING* ObjectName;
  ULONG Attributes;
  void *SecurityDescriptor, *SecurityQualityOfService;
};
inline constexpr ULONG kObjCaseInsensitive = 0x40, kObjKernelHandle = 0x200;

struct DRIVER_OBJECT;
struct IRP;

struct DEVICE_OBJECT {
  std::int16_t Type;
  std::uint16_t Size;
  std::int32_t ReferenceCount;
  DRIVER_OBJECT* DriverObject;
  DEVICE_OBJECT *NextDevice, *AttachedDevice;
  IRP* CurrentIrp;
  void* Timer;
  ULONG Flags, Characteristics;
  // More follows.
};
inline constexpr ULONG kDoDeviceInitializing = 0x80;
inline constexpr ULONG kFileDeviceSecureOpen = 0x100;

struct IO_STATUS_BLOCK {
  union {
    NTSTATUS Status;
    void* Pointer;
  };
  ULONG_PTR Information;
};

struct IO_STACK_LOCATION {
  std::uint8_t MajorFunction, MinorFunction, Flags, Control;
  struct {
    alignas(void*) ULONG OutputBufferLength;
    alignas(void*) ULONG InputBufferLength;
    alignas(void*) ULONG IoControlCode;
    void* Type3InputBuffer;
  } DeviceIoControl;
  DEVICE_OBJECT* DeviceObject;
  void* FileObject;
  void* CompletionRoutine;
  void* Context;
};
inline constexpr std::uint8_t kIrpMjCreate = 0, kIrpMjClose = 2, kIrpMjDeviceControl = 14,
                              kIrpMjCleanup = 18;
inline constexpr std::size_t kIrpMjCount = 28;

using DriverCancel = void(NTSTACK_STDCALL*)(DEVICE_OBJECT*, IRP*);

struct IRP {
  std::int16_t Type;
  std::uint16_t Size;
  void* MdlAddress;
  ULONG Flags;
  union {
    IRP* MasterIrp;
    void* SystemBuffer;
  } AssociatedIrp;
  LIST_ENTRY ThreadListEntry;
  IO_STATUS_BLOCK IoStatus;
  KPROCESSOR_MODE RequestorMode;
  BOOLEAN PendingReturned;
  std::int8_t StackCount, CurrentLocation;
  BOOLEAN Cancel;
  KIRQL CancelIrql;
  std::int8_t ApcEnvironment;
  std::uint8_t AllocationFlags;
  IO_STATUS_BLOCK* UserIosb;
  void* UserEvent;
  union {
    struct {
      void *UserApcRoutine, *UserApcContext;
    } AsynchronousParameters;
    LARGE_INTEGER AllocationSize;
  } Overlay;
  DriverCancel CancelRoutine;
  void* UserBuffer;
  void* DriverContext[4];
  void* Thread;
  char* AuxiliaryBuffer;
  LIST_ENTRY ListEntry;
  IO_STACK_LOCATION* CurrentStackLocation;
  void* OriginalFileObject;
};

using DriverDispatch = NTSTATUS(NTSTACK_STDCALL*)(DEVICE_OBJECT*, IRP*);
using DriverUnload = void(NTSTACK_STDCALL*)(DRIVER_OBJECT*);

struct DRIVER_OBJECT {
  std::int16_t Type, Size;
  DEVICE_OBJECT* DeviceObject;
  ULONG Flags;
  void* DriverStart;
  ULONG DriverSize;
  void* DriverSection;
  void* DriverExtension;
  UNICODE_STRING DriverName;
  UNICODE_STRING* HardwareDatabase;
  void* FastIoDispatch;
  void* DriverInit;
  void* DriverStartIo;
  nt::DriverUnload DriverUnload;
  DriverDispatch MajorFunction[kIrpMjCount];
};

struct KEY_VALUE_PARTIAL_INFORMATION {
  ULONG TitleIndex, Type, DataLength;
  std::uint8_t Data[4];
};

struct KAPC_STATE {
  std::byte bytes[0x40];  // 0x30 on 64 bits
};

struct LUID {
  ULONG LowPart;
  std::int32_t HighPart;
};

enum KAPC_ENVIRONMENT : int {
  OriginalApcEnvironment,
  AttachedApcEnvironment,
  CurrentApcEnvironment,
  InsertApcEnvironment
};

inline bool succeeded(NTSTATUS status) { return status >= 0; }

// Over a literal; the buffer is not written to.
template <std::size_t N>
UNICODE_STRING string_of(const char16_t (&text)[N]) {
  return {static_cast<std::uint16_t>((N - 1) * 2), static_cast<std::uint16_t>(N * 2),
          const_cast<char16_t*>(text)};
}

}  // namespace ntstack::driver::nt
