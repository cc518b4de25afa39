// fltmgr.sys of the test world: the filter manager's way from a create to the device below.
#include "nt.h"

typedef struct CALLBACK_DATA {
  IRP* Irp;
  DEVICE_OBJECT* Device;
  ULONG Completed;
  ULONG CallbackCount;
} CALLBACK_DATA;

static DRIVER_OBJECT FltDriver;
static ULONG FltOperations;

FRAME NTSTATUS FltpPerformPreCallbacks(CALLBACK_DATA* data) {
  data->CallbackCount++;
  FltOperations++;
  return data->Irp->FileName.Length == 2 ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

FRAME NTSTATUS FltpLegacyProcessingAfterPreCallbacksCompleted(CALLBACK_DATA* data) {
  LOCALS(0x40);
  NTSTATUS status;
  IRP* irp = data->Irp;
  CALL_RETURNING_TO(FltpLegacyProcessingAfterPreCallbacksCompleted, 0x24f, status,
                    status = IofCallDriver(data->Device->LowerDevice, irp));
  data->Completed = 1;
  if (status < 0) irp->Status = status;
  return status;
}

FRAME NTSTATUS FltpCreate(DEVICE_OBJECT* device, IRP* irp) {
  LOCALS(0x78);
  CALLBACK_DATA data = {irp, device, 0, 0};
  if (irp->Options & OPEN_WITHOUT_FILTERS) return IofCallDriver(device->LowerDevice, irp);
  NTSTATUS status = FltpPerformPreCallbacks(&data);
  if (status < 0) return status;
  CALL_RETURNING_TO(FltpCreate, 0x2a9, status,
                    status = FltpLegacyProcessingAfterPreCallbacksCompleted(&data));
  return status;
}

FRAME NTSTATUS FltpDispatch(DEVICE_OBJECT* device, IRP* irp) {
  FltOperations++;
  return IofCallDriver(device->LowerDevice, irp);
}

EXPORT NTSTATUS DriverEntry(void) {
  DEVICE_OBJECT* device;
  FltDriver.MajorFunction[IRP_MJ_CREATE] = FltpCreate;
  FltDriver.MajorFunction[IRP_MJ_CLOSE] = FltpDispatch;
  return IoCreateDevice(&FltDriver, IoGetLastDevice(), &device);
}
