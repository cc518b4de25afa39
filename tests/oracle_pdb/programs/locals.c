/* Locals of all kinds that take stack, for the records that tell of them. */
struct context { int flags; char bytes[1220]; double number; };
struct pair { int a, b; };
extern void take(void*, ...);
volatile int sink_of_locals;
void take(void* p, ...) { sink_of_locals += *(volatile char*)p; }
static inline __attribute__((always_inline)) int inlined_with_buffer(int n) {
  char inner[300];
  for (int i = 0; i < 300; ++i) ((volatile char*)inner)[i] = (char)n;
  take(inner);
  return inner[n & 255];
}
int with_context(int n, struct pair by_value) {
  struct context ctx;
  int* pointer = &by_value.b;
  ctx.flags = n;
  take(&ctx);
  take(&pointer);
  return ctx.bytes[n & 1023] + *pointer;
}
int with_blocks(int n) {
  unsigned long table[4][8];
  take(table);
  if (n > 3) {
    char buffer[1024];
    take(buffer);
    return buffer[n & 1023] + (int)table[n & 3][1];
  } else {
    short buffer[100];
    take(buffer);
    return buffer[n & 63];
  }
}
int with_inlined(int n) {
  char own[64];
  take(own);
  return inlined_with_buffer(n) + own[3];
}
int with_alignment(int n) {
  __attribute__((aligned(64))) char lined[256];
  take(lined);
  return lined[n & 255] + inlined_with_buffer(n + 1);
}
int with_alloca(int n) {
  char fixed[128];
  char* more = __builtin_alloca((unsigned)n);
  take(fixed);
  take(more);
  return fixed[1] + more[0];
}
int in_registers(int a, int b) { return a * b + a - b; }
int locals_entry(int n) {
  struct pair p = {n, n};
  return with_context(n, p) + with_blocks(n) + with_inlined(n) + with_alignment(n) + with_alloca(n) + in_registers(n, n);
}
