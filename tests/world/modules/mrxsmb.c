// mrxsmb.sys of the test world: creates run on an expanded stack and wait for the server.
#define BUILDING_MRXSMB
#include "mrxsmb.h"

typedef struct SHELL_CREATE {
  RX_CONTEXT* Context;
  SMB_CREATE* Create;
  NTSTATUS Status;
} SHELL_CREATE;

static DRIVER_OBJECT SmbDriver;
static SMB_CREATE* SmbCreate;
static ULONG SmbPacketsSent;

SMB_FUNCTION NTSTATUS SmbCeWaitForCompletionAndFinalizeExchangeEx(SMBCE_EXCHANGE* exchange) {
  LOCALS(0x20);
  void* objects[2] = {&exchange->Event, &exchange->Cancelled};
  NTSTATUS status;
  CALL_RETURNING_TO(SmbCeWaitForCompletionAndFinalizeExchangeEx, 0x70, status,
                    status = FsRtlCancellableWaitForMultipleObjects(2, objects, 1, NULL, NULL,
                                                                    exchange->Context->Irp));
  exchange->Status = status == 1 ? STATUS_CANCELLED : status;
  return exchange->Status;
}

SMB_FUNCTION NTSTATUS SmbCeSend(SMBCE_EXCHANGE* exchange) {
  KeInitializeEvent(&exchange->Event, 0, 0);
  KeInitializeEvent(&exchange->Cancelled, 0, exchange->Context->Flags & 1);
  exchange->Sent = ++SmbPacketsSent;
  return STATUS_SUCCESS;
}

SMB_FUNCTION NTSTATUS SmbRegisterCreate(SMB_CREATE* create) {
  SmbCreate = create;
  return STATUS_SUCCESS;
}

FRAME void SmbpShellCreateWithNewStack(void* parameter) {
  SHELL_CREATE* shell = parameter;
  NTSTATUS status;
  CALL_RETURNING_TO(SmbpShellCreateWithNewStack, 0x1b, status,
                    status = shell->Create(shell->Context));
  shell->Status = status;
}

FRAME NTSTATUS SmbShellCreate(RX_CONTEXT* context) {
  SHELL_CREATE shell = {context, SmbCreate, STATUS_SUCCESS};
  NTSTATUS status;
  CALL_RETURNING_TO(
      SmbShellCreate, 0x5d, status,
      status = KeExpandKernelStackAndCallout(SmbpShellCreateWithNewStack, &shell, 0x6000));
  return status < 0 ? status : shell.Status;
}

FRAME NTSTATUS SmbShellCollapseOpen(RX_CONTEXT* context) {
  context->Flags |= 2;
  return STATUS_SUCCESS;
}

FRAME NTSTATUS MRxSmbFsdDispatch(DEVICE_OBJECT* device, IRP* irp) {
  LOCALS(0x30);
  NTSTATUS status;
  CALL_RETURNING_TO(MRxSmbFsdDispatch, 0xc0, status, status = RxFsdDispatch(device, irp));
  return status;
}

static MINIRDR_DISPATCH SmbDispatch = {SmbShellCreate, SmbShellCollapseOpen};

EXPORT NTSTATUS DriverEntry(void) {
  DEVICE_OBJECT* device;
  NTSTATUS status = RxRegisterMinirdr(&SmbDispatch);
  if (status < 0) return status;
  SmbDriver.MajorFunction[IRP_MJ_CREATE] = MRxSmbFsdDispatch;
  SmbDriver.MajorFunction[IRP_MJ_CLOSE] = MRxSmbFsdDispatch;
  return IoCreateDevice(&SmbDriver, NULL, &device);
}
