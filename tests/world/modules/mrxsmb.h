// What mrxsmb.sys, the SMB mini-redirector, shares with the driver of one version of the protocol.
#pragma once

#include "rdbss.h"

#ifdef BUILDING_MRXSMB
#define SMB_FUNCTION EXPORT
#else
#define SMB_FUNCTION IMPORT
#endif

typedef struct SMBCE_EXCHANGE {
  RX_CONTEXT* Context;
  KEVENT Event;
  KEVENT Cancelled;
  ULONG Sent;
  NTSTATUS Status;
} SMBCE_EXCHANGE;

typedef NTSTATUS SMB_CREATE(RX_CONTEXT* context);

SMB_FUNCTION NTSTATUS SmbRegisterCreate(SMB_CREATE* create);
SMB_FUNCTION NTSTATUS SmbCeSend(SMBCE_EXCHANGE* exchange);
SMB_FUNCTION NTSTATUS SmbCeWaitForCompletionAndFinalizeExchangeEx(SMBCE_EXCHANGE* exchange);
