// Structures as drivers have them. LAYOUTS(X) names a member of each kind.
typedef struct _LIST_ENTRY {
  struct _LIST_ENTRY *Flink, *Blink;
} LIST_ENTRY;

struct _OUTER {
  char Type;
  LIST_ENTRY Entry;
  short Numbers[7];
  int Matrix[3][5];
  union {
    long long Quad;
    struct {
      unsigned Low;
      int High;
    };
    struct {
      unsigned First : 3;
      unsigned Second : 7;
      unsigned Third : 22;
    } Bits;
  };
  struct {
    char Inside;
    void* Pointer;
  } Nested;
  volatile const struct _OUTER* Next;
  unsigned char Small : 2;
  unsigned char Rest : 6;
  unsigned long long Wide : 40;
  unsigned long long Narrow : 9;
  enum { NONE, SOME } Kind;
  void (*Routine)(int);
  LIST_ENTRY Heads[2];
  int Tail[];
};

typedef struct {
  int A;
  double B;
} UNNAMED;

#pragma pack(push, 1)
struct _PACKED {
  char A;
  int B;
  unsigned short C : 5;
  unsigned short D : 11;
  long long E;
};
#pragma pack(pop)

#define LAYOUTS(X)             \
  X(struct _OUTER, Type)       \
  X(struct _OUTER, Entry)      \
  X(struct _OUTER, Numbers)    \
  X(struct _OUTER, Matrix)     \
  X(struct _OUTER, Quad)       \
  X(struct _OUTER, Low)        \
  X(struct _OUTER, High)       \
  X(struct _OUTER, Bits)       \
  X(struct _OUTER, Nested)     \
  X(struct _OUTER, Next)       \
  X(struct _OUTER, Kind)       \
  X(struct _OUTER, Routine)    \
  X(struct _OUTER, Heads)      \
  X(UNNAMED, A)                \
  X(UNNAMED, B)                \
  X(struct _PACKED, A)         \
  X(struct _PACKED, B)         \
  X(struct _PACKED, E)         \
  X(struct _LIST_ENTRY, Flink) \
  X(struct _LIST_ENTRY, Blink)
