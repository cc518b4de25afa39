#include "driver/nt/stubs.h"

#include "driver/core/cancellation.h"
#include "driver/core/dispatch.h"
#include "driver/core/request.h"
#include "driver/nt/driver_state.h"

namespace ntstack::driver {
namespace {

Departure departure_of(const Farewell& farewell) {
  switch (farewell.act) {
    case Farewell::Act::signal:
      return {reinterpret_cast<void*>(&nt::KeSetEvent),
              static_cast<Event*>(farewell.object)->object, 3};
    case Farewell::Act::release_driver:
      return {reinterpret_cast<void*>(nt::driver_state.ObDereferenceObjectDeferDelete),
              nt::driver_state.driver, 1};
    case Farewell::Act::unlock_cancelling:
      return {reinterpret_cast<void*>(&nt::IoReleaseCancelSpinLock),
              reinterpret_cast<void*>(
                  std::uintptr_t{static_cast<nt::IRP*>(farewell.object)->CancelIrql}),
              1};
    case Farewell::Act::none:
      break;
  }
  return {nullptr, nullptr, 0};
}

}  // namespace

extern "C" {

void ntstack_apc(Apc* apc, const Registers* caller, Departure* departure) {
  *departure = departure_of(deliver(*apc, *caller));
}

void ntstack_rundown(Apc* apc, const Registers*, Departure* departure) {
  *departure = departure_of(run_down(*apc));
}

void ntstack_cancel(nt::IRP* irp, const Registers*, Departure* departure) {
  *departure = departure_of(cancel(reinterpret_cast<Irp&>(*irp)));
}

nt::NTSTATUS ntstack_control(nt::IRP* irp, const Registers* caller) {
  const auto& call = irp->CurrentStackLocation->DeviceIoControl;
  const Buffer buffer{static_cast<std::byte*>(irp->AssociatedIrp.SystemBuffer),
                      call.InputBufferLength, call.OutputBufferLength};
  const Reply reply = control(call.IoControlCode, buffer, reinterpret_cast<Irp&>(*irp), *caller);
  const auto status = static_cast<nt::NTSTATUS>(reply.status);
  irp->IoStatus.Status = status;
  irp->IoStatus.Information = reply.bytes;
  nt::IofCompleteRequest(irp, 0);
  return status;
}

}  // extern "C"
}  // namespace ntstack::driver
