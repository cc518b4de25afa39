// mrxsmb20.sys of the test world: version 2 of the protocol; sends a create and waits.
#include "mrxsmb.h"

typedef struct SMB2_CREATE_REQUEST {
  ULONG ProtocolId;
  ULONG Command;
  ULONG NameHash;
  ULONG Oplock;
} SMB2_CREATE_REQUEST;

FRAME NTSTATUS Smb2BuildCreate(const RX_CONTEXT* context, SMB2_CREATE_REQUEST* request) {
  request->ProtocolId = 0x424d53fe;
  request->Command = 5;
  request->NameHash = RtlHashUnicodeString(&context->Irp->FileName);
  request->Oplock = context->Irp->Options & OPEN_QUERY_ONLY ? 0 : 0xff;
  return context->Irp->FileName.Length > 90 ? STATUS_OBJECT_NAME_INVALID : STATUS_SUCCESS;
}

FRAME NTSTATUS MRxSmb2Create(RX_CONTEXT* context) {
  LOCALS(0x110);
  SMBCE_EXCHANGE exchange;
  SMB2_CREATE_REQUEST request;
  NTSTATUS status = Smb2BuildCreate(context, &request);
  if (status < 0) return status;
  exchange.Context = context;
  SmbCeSend(&exchange);
  CALL_RETURNING_TO(MRxSmb2Create, 0x658, status,
                    status = SmbCeWaitForCompletionAndFinalizeExchangeEx(&exchange));
  return status;
}

EXPORT NTSTATUS DriverEntry(void) { return SmbRegisterCreate(MRxSmb2Create); }
