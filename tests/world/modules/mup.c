// mup.sys of the test world: the multiple UNC provider, which asks the redirector.
#include "nt.h"

typedef struct MUP_CONTEXT {
  IRP* Irp;
  DEVICE_OBJECT* Provider;
  ULONG State;
  ULONG Calls;
} MUP_CONTEXT;

static DRIVER_OBJECT MupDriver;

FRAME NTSTATUS MupiCallUncProvider(MUP_CONTEXT* context) {
  LOCALS(0x28);
  NTSTATUS status;
  context->Calls++;
  if (context->Provider == NULL) return STATUS_BAD_NETWORK_PATH;
  CALL_RETURNING_TO(MupiCallUncProvider, 0x169, status,
                    status = IofCallDriver(context->Provider, context->Irp));
  return status;
}

FRAME NTSTATUS MupStateMachine(MUP_CONTEXT* context) {
  LOCALS(0x20);
  NTSTATUS status = STATUS_SUCCESS;
  while (context->State != 3) {
    if (context->State == 1) {
      CALL_RETURNING_TO(MupStateMachine, 0x165, status, status = MupiCallUncProvider(context));
      context->State = status < 0 ? 3 : 2;
    } else {
      context->State = context->State == 0 ? 1 : 3;
    }
  }
  return status;
}

FRAME NTSTATUS MupCreate(DEVICE_OBJECT* device, IRP* irp) {
  LOCALS(0x50);
  MUP_CONTEXT context = {irp, device->LowerDevice, 0, 0};
  NTSTATUS status;
  if (irp->FileName.Length < 4 || irp->FileName.Buffer[0] != '\\') return STATUS_BAD_NETWORK_PATH;
  CALL_RETURNING_TO(MupCreate, 0x31d, status, status = MupStateMachine(&context));
  irp->Depth += context.Calls;
  return status;
}

FRAME NTSTATUS MupClose(DEVICE_OBJECT* device, IRP* irp) {
  return IofCallDriver(device->LowerDevice, irp);
}

EXPORT NTSTATUS DriverEntry(void) {
  DEVICE_OBJECT* device;
  MupDriver.MajorFunction[IRP_MJ_CREATE] = MupCreate;
  MupDriver.MajorFunction[IRP_MJ_CLOSE] = MupClose;
  return IoCreateDevice(&MupDriver, IoGetLastDevice(), &device);
}
