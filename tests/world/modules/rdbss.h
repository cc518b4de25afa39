// What rdbss.sys, the redirectors' library, shares with the mini-redirector above it.
#pragma once

#include "nt.h"

#ifdef BUILDING_RDBSS
#define RX_FUNCTION EXPORT
#else
#define RX_FUNCTION IMPORT
#endif

typedef struct FCB {
  ERESOURCE Resource;
  ULONG NameHash;
  ULONG OpenCount;
  struct FCB* Next;
} FCB;

typedef struct RX_CONTEXT {
  IRP* Irp;
  FCB* Fcb;
  struct MINIRDR_DISPATCH* Dispatch;
  KEVENT SyncEvent;
  NTSTATUS Status;
  ULONG Flags;
} RX_CONTEXT;

typedef struct MINIRDR_DISPATCH {
  NTSTATUS (*Create)(RX_CONTEXT*);
  NTSTATUS (*CollapseOpen)(RX_CONTEXT*);
} MINIRDR_DISPATCH;

RX_FUNCTION NTSTATUS RxRegisterMinirdr(MINIRDR_DISPATCH* dispatch);
RX_FUNCTION NTSTATUS RxFsdDispatch(DEVICE_OBJECT* device, IRP* irp);
