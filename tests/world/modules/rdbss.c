// rdbss.sys of the test world: finds the file's control block, takes its resource, and has the
// mini-redirector open the file.
#define BUILDING_RDBSS
#include "rdbss.h"

static MINIRDR_DISPATCH* RxMinirdr;
static FCB* RxFcbTable[4];
static ULONG RxDispatched;

FRAME NTSTATUS _RxAcquireFcb(FCB* fcb, RX_CONTEXT* context, ULONG mode) {
  LOCALS(0x48);
  ULONG acquired = 0;
  if (mode > 1) return STATUS_INVALID_PARAMETER;
  CALL_RETURNING_TO(_RxAcquireFcb, 0x254, acquired,
                    acquired = ExAcquireResourceExclusiveLite(&fcb->Resource, mode));
  if (!acquired) return STATUS_CANCELLED;
  context->Fcb = fcb;
  return STATUS_SUCCESS;
}

INLINE FCB* RxLookupFcb(ULONG hash) {
  FCB* fcb = RxFcbTable[hash % 4];
  while (fcb != NULL && fcb->NameHash != hash) fcb = fcb->Next;
  return fcb;
}

FRAME FCB* RxCreateFcb(ULONG hash) {
  FCB* fcb = ExAllocatePoolWithTag(sizeof(FCB), 0x62466352);
  if (fcb == NULL) return NULL;
  ExInitializeResourceLite(&fcb->Resource);
  fcb->NameHash = hash;
  fcb->OpenCount = 0;
  fcb->Next = RxFcbTable[hash % 4];
  RxFcbTable[hash % 4] = fcb;
  return fcb;
}

FRAME NTSTATUS RxFindOrCreateFcb(RX_CONTEXT* context, const UNICODE_STRING* name) {
  LOCALS(0x60);
  NTSTATUS status;
  const ULONG hash = RtlHashUnicodeString(name);
  FCB* fcb = RxLookupFcb(hash);
  if (fcb == NULL) fcb = RxCreateFcb(hash);
  if (fcb == NULL) return STATUS_NO_MEMORY;
  CALL_RETURNING_TO(RxFindOrCreateFcb, 0x3d8, status, status = _RxAcquireFcb(fcb, context, 1));
  if (status == STATUS_SUCCESS) fcb->OpenCount++;
  return status;
}

FRAME NTSTATUS RxCollapseOrCreateSrvOpen(RX_CONTEXT* context) {
  LOCALS(0x68);
  NTSTATUS status = STATUS_SUCCESS;
  if (context->Dispatch == NULL) return STATUS_INVALID_DEVICE_REQUEST;
  if (context->Fcb->OpenCount > 1) status = context->Dispatch->CollapseOpen(context);
  CALL_RETURNING_TO(RxCollapseOrCreateSrvOpen, 0x4de, status,
                    status = context->Dispatch->Create(context));
  context->Status = status;
  return status;
}

FRAME NTSTATUS RxCreateFromNetRoot(RX_CONTEXT* context, const UNICODE_STRING* name) {
  LOCALS(0xd8);
  NTSTATUS status;
  CALL_RETURNING_TO(RxCreateFromNetRoot, 0x53a, status, status = RxFindOrCreateFcb(context, name));
  if (status != STATUS_SUCCESS) return status;
  CALL_RETURNING_TO(RxCreateFromNetRoot, 0x608, status,
                    status = RxCollapseOrCreateSrvOpen(context));
  ExReleaseResourceLite(&context->Fcb->Resource);
  return status;
}

FRAME NTSTATUS RxCommonCreate(RX_CONTEXT* context, IRP* irp) {
  LOCALS(0x90);
  NTSTATUS status;
  if (irp->FileName.Length < 8) return STATUS_BAD_NETWORK_PATH;
  CALL_RETURNING_TO(RxCommonCreate, 0x34f, status,
                    status = RxCreateFromNetRoot(context, &irp->FileName));
  return status;
}

FRAME NTSTATUS RxCommonClose(RX_CONTEXT* context, IRP* irp) {
  FCB* fcb = RxLookupFcb(RtlHashUnicodeString(&irp->FileName));
  context->Fcb = fcb;
  if (fcb == NULL || fcb->OpenCount == 0) return STATUS_INVALID_PARAMETER;
  fcb->OpenCount--;
  return STATUS_SUCCESS;
}

FRAME NTSTATUS RxFsdCommonDispatch(NTSTATUS (*routine)(RX_CONTEXT*, IRP*), IRP* irp) {
  LOCALS(0x38);
  RX_CONTEXT context;
  NTSTATUS status;
  context.Irp = irp;
  context.Fcb = NULL;
  context.Dispatch = RxMinirdr;
  context.Status = STATUS_SUCCESS;
  context.Flags = 0;
  KeInitializeEvent(&context.SyncEvent, 0, 0);
  CALL_RETURNING_TO(RxFsdCommonDispatch, 0x870, status, status = routine(&context, irp));
  irp->Status = status;
  return status;
}

RX_FUNCTION NTSTATUS RxFsdDispatch(DEVICE_OBJECT* device, IRP* irp) {
  LOCALS(0x18);
  NTSTATUS status;
  NTSTATUS (*routine)(RX_CONTEXT*, IRP*);
  switch (irp->MajorFunction) {
    case IRP_MJ_CREATE:
      routine = RxCommonCreate;
      break;
    case IRP_MJ_CLOSE:
      routine = RxCommonClose;
      break;
    default:
      return STATUS_INVALID_DEVICE_REQUEST;
  }
  RxDispatched++;
  __asm__ volatile("" : : "r"(device));
  CALL_RETURNING_TO(RxFsdDispatch, 0x224, status, status = RxFsdCommonDispatch(routine, irp));
  return status;
}

RX_FUNCTION NTSTATUS RxRegisterMinirdr(MINIRDR_DISPATCH* dispatch) {
  if (RxMinirdr != NULL) return STATUS_INVALID_PARAMETER;
  RxMinirdr = dispatch;
  return STATUS_SUCCESS;
}

// Counts the opens of the control blocks in a list; a freed one in it is the end of the machine.
FRAME ULONG RxpScanFcbs(const FCB* fcb) {
  ULONG opens = 0;
  for (; fcb != NULL; fcb = fcb->Next) opens += fcb->OpenCount;
  return opens;
}

FRAME void RxTimerDpc(KDPC* dpc, void* context, void* argument1, void* argument2) {
  LOCALS(0x58);
  RxDispatched += RxpScanFcbs(context);
  __asm__ volatile("" : : "r"(dpc), "r"(argument1), "r"(argument2));
}

EXPORT NTSTATUS DriverEntry(void) { return STATUS_SUCCESS; }
