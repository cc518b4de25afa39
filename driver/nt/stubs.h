// The driver's entries that the kernel calls and whose last act is a jump out of the image
// (stubs_*.S), or that need their caller's registers; and what they call.
#pragma once

#include "driver/core/kernel.h"
#include "driver/nt/nt.h"

namespace ntstack::driver {

// Where a stub jumps to when its routine is done, with two arguments; a null target: it returns.
struct Departure {
  void* target;
  void* argument;
  std::uintptr_t argument_count;  // of the target: on x86 it takes them from the stack
};

extern "C" {

// Entries, for the kernel alone: PKKERNEL_ROUTINE, PKRUNDOWN_ROUTINE, PDRIVER_CANCEL,
// PDRIVER_DISPATCH.
void ntstack_apc_stub();
void ntstack_rundown_stub();
void NTSTACK_STDCALL ntstack_cancel_stub(nt::DEVICE_OBJECT* device, nt::IRP* irp);
nt::NTSTATUS NTSTACK_STDCALL ntstack_control_stub(nt::DEVICE_OBJECT* device, nt::IRP* irp);

// What they call.
void ntstack_apc(Apc* apc, const Registers* caller, Departure* departure);
void ntstack_rundown(Apc* apc, const Registers* caller, Departure* departure);
void ntstack_cancel(nt::IRP* irp, const Registers* caller, Departure* departure);
nt::NTSTATUS ntstack_control(nt::IRP* irp, const Registers* caller);

}  // extern "C"
}  // namespace ntstack::driver
