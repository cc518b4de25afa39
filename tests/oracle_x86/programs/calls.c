// Every way of calling that x86 has, nested, with and without saved registers, aligned locals,
// arguments pushed before other calls, function pointers, recursion, switches, large locals.
typedef int(__stdcall *Callback)(int, int);
typedef int (*PlainCallback)(int, int);
#define FAR_AWAY __declspec(noinline)

volatile int sink;

// What the compiler calls for frames larger than a page: touches nothing, moves ESP down by EAX.
void chkstk(void) __asm__("__chkstk");
__attribute__((naked)) void chkstk(void) {
  __asm__("popl %ecx\n subl %eax, %esp\n pushl %ecx\n ret\n");
}

FAR_AWAY int __stdcall leaf(int a, int b, int c) {
  volatile int x[4];
  x[a & 3] = b;
  return x[a & 3] + c;
}
FAR_AWAY int __cdecl plain(int a, int b) {
  volatile int sum = 0;
  for (int i = 0; i < a; i++) sum += leaf(i, b, a) * leaf(b, leaf(a, i, b), i);
  return sum;
}
FAR_AWAY int __fastcall fast(int a, int b, int c, int d) {
  volatile char buffer[64];
  for (int i = 0; i < 64; i++) buffer[i] = (char)(a + i);
  return plain(a & 3, c) + buffer[b & 63] + plain(d & 1, plain(1, c));
}
FAR_AWAY int aligned(int a) {
  __declspec(align(32)) volatile int x[8];
  for (int i = 0; i < 8; i++) x[i] = fast(a, i, a, i);
  return x[a & 7];
}
FAR_AWAY int __stdcall called_back(int a, int b) { return leaf(b, a, 1) + (a > 2 ? plain(1, b) : 0); }
FAR_AWAY int called_back_plainly(int a, int b) { return plain(1, b) - a; }
Callback volatile callback = called_back;
PlainCallback volatile plain_callback = called_back_plainly;
FAR_AWAY int through_pointers(int a) {
  int sum = callback(a, 1) + callback(callback(a, 2), plain_callback(a, 3));
  return sum + plain_callback(callback(a, 4), plain_callback(5, a));
}
FAR_AWAY int __stdcall recursive(int depth, int a) {
  if (depth == 0) return leaf(a, a, a);
  return recursive(depth - 1, a + 1) + leaf(depth, a, 2) + recursive(depth / 2, a);
}
FAR_AWAY int many(int a, int b, int c, int d, int e, int f, int g) {
  switch (a & 7) {
    case 0: return leaf(b, c, d);
    case 1: return plain(1, e);
    case 2: return fast(f, g, a, b);
    case 3: return leaf(e, f, g) * 3;
    case 4: return recursive(2, c);
    case 5: return through_pointers(d);
    case 6: return leaf(a, b, c) + leaf(d, e, f);
    default: return g;
  }
}
FAR_AWAY int large(int a) {
  volatile char buffer[9000];
  buffer[a] = 1;
  buffer[8999 - a] = (char)leaf(a, 2, 3);
  return buffer[a] + plain(2, buffer[8999 - a]);
}
FAR_AWAY int variable(int n) {
  volatile int* p = __builtin_alloca(n * 4 + 16);
  for (int i = 0; i < n; i++) p[i] = leaf(i, n, i);
  return p[n - 1] + plain(1, p[0]);
}
FAR_AWAY int passed_on(int a, int b) { return plain(b & 1, a); }  // may end in a jump
int start(void) {
  int sum = aligned(3) + fast(2, 3, 4, 5) + through_pointers(6) + recursive(4, 1);
  for (int i = 0; i < 8; i++) sum += many(i, 1, 2, 3, 4, 5, 6);
  sum += large(5) + variable(7) + passed_on(1, 3);
  sink = sum;
  return sum;
}
