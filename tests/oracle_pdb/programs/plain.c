/* C: decorated names of x86's calling conventions. */
volatile int sink;
static int local_data = 3;
int __stdcall with_stdcall(int a, int b) { return a + b + sink; }
int __fastcall with_fastcall(int a, int b) { return a - b + sink; }
static int local_function(int a) { return sink += a + local_data++; }
static __attribute__((noinline)) int recursive(int a) {
  if (a <= 0) return sink;
  return recursive(a - 1) + local_function(a);
}
int with_array(int n) {
  volatile char buffer[600];
  for (int i = 0; i < 600; ++i) buffer[i] = (char)n;
  return buffer[n & 511];
}
int plain_entry(int a) {
  return with_stdcall(a, 1) + with_fastcall(a, 2) + recursive(a) + with_array(a);
}
void* memset(void* to, int value, unsigned long long size) {
  volatile char* p = to;
  while (size--) *p++ = (char)value;
  return to;
}
