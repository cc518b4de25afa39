// The structures that owners of locks and messages are read by, for the PDB of the world's nt: names and order as the
// public PDBs of Windows have them, the layouts the compiler's. The table has what the compiler says of them.
// ARRAY_IN_KTHREAD: as up to 1809.
#define offset(structure, member) __builtin_offsetof(struct structure, member)

struct _LIST_ENTRY {
  struct _LIST_ENTRY *Flink, *Blink;
};
struct _KLOCK_ENTRY_LOCK_STATE {
  union {
    struct {
      unsigned long long CrossThreadReleasable : 1, Busy : 1, Reserved : 61, InTree : 1;
    };
    void* LockState;
  };
  void* SessionState;
};
struct _KLOCK_ENTRY {
  unsigned char TreeNode[0x18];
  union {
    unsigned EntryFlags;
    struct {
      unsigned char EntryOffset, ThreadLocalFlags, AcquiredByte, CrossThreadFlags;
    };
  };
  unsigned SpareFlags;
  union {
    struct _KLOCK_ENTRY_LOCK_STATE LockState;
    void* LockUnsafe;
  };
  unsigned char Trees[0x20];
  unsigned long long EntryLock, BoostBitmap;
};
struct _KTHREAD {
  unsigned char Fill[0x320];
#ifdef ARRAY_IN_KTHREAD
  struct _KLOCK_ENTRY LockEntries[2];
  unsigned char Rest[0x430 - 0x320 - 0xc0];
#else
  struct _KLOCK_ENTRY* LockEntries;
  unsigned char Rest[0x430 - 0x328];
#endif
};
struct _ETHREAD {
  struct _KTHREAD Tcb;
  unsigned char Fill[0x80];
  struct _LIST_ENTRY IrpList;
  unsigned char More[0x540 - 0x4c0];
  union {
    void* AlpcMessage;
    unsigned AlpcReceiveAttributeSet;
  };
#ifdef ARRAY_IN_KTHREAD
  unsigned char Rest[0x898 - 0x548];
#else
  unsigned char Between[0x650 - 0x548];
  struct _KLOCK_ENTRY LockEntries[6];
  unsigned char Rest[8];
#endif
};
struct _ALPC_PORT {
  struct _LIST_ENTRY PortListEntry;
  void* CommunicationInfo;
  void* OwnerProcess;
};
struct _KALPC_MESSAGE {
  struct _LIST_ENTRY Entry;
  struct _ALPC_PORT* PortQueue;
  struct _ALPC_PORT* OwnerPort;
  struct _ETHREAD* WaitingThread;
  unsigned char Fill[0x68];
  struct _ALPC_PORT* ConnectionPort;
  struct _ETHREAD* ServerThread;
};
struct _KLOCK_ENTRY* The_KLOCK_ENTRY;
struct _ETHREAD* The_ETHREAD;
struct _ALPC_PORT* The_ALPC_PORT;
struct _KALPC_MESSAGE* The_KALPC_MESSAGE;

// In the order of Offset in owner_types_test.cc.
const unsigned long long OwnerTypeOffsets[] = {
#ifdef ARRAY_IN_KTHREAD
    offset(_ETHREAD, Tcb.LockEntries[1]),
#else
    offset(_ETHREAD, LockEntries[1]),
#endif
    sizeof(struct _KLOCK_ENTRY),
    offset(_KLOCK_ENTRY, LockState),
    offset(_KLOCK_ENTRY, AcquiredByte),
    offset(_ETHREAD, AlpcMessage),
    offset(_ETHREAD, IrpList),
    offset(_KALPC_MESSAGE, ServerThread),
    offset(_KALPC_MESSAGE, ConnectionPort),
    offset(_ALPC_PORT, OwnerProcess),
};
