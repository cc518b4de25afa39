// What the driver found out when it was loaded, and keeps until it is unloaded.
#pragma once

#include "driver/nt/nt.h"

namespace ntstack::driver::nt {

struct DriverState {
  DRIVER_OBJECT* driver = nullptr;
  DEVICE_OBJECT* device = nullptr;
  ULONG_PTR image_start = 0, image_end = 0;
  bool pool_is_never_executed = false;  // Windows 8: NonPagedPoolNx

  // Not every kernel exports these; null where it does not.
  void*(NTSTACK_STDCALL* ExAllocatePool2)(std::uint64_t, std::size_t, ULONG) = nullptr;
  BOOLEAN(NTSTACK_STDCALL* KeRemoveQueueApc)(void*) = nullptr;
  void(NTSTACK_STDCALL* ObDereferenceObjectDeferDelete)(void*) = nullptr;

  // The service's key, "...\Parameters".
  char16_t parameters_key[512] = {};
  std::uint16_t parameters_key_bytes = 0;  // 0: the path is too long; then no value is set
};

extern DriverState driver_state;

// A REG_DWORD of the parameters key; 0 where there is none. At PASSIVE_LEVEL.
ULONG parameter(UNICODE_STRING name);

}  // namespace ntstack::driver::nt
