// shapes.sys: one function for each shape that a compiler gives to a frame. Compiled several times,
// with other optimizations each; SHAPE appends their name. Every function takes two numbers, which
// decide the way through it, so that whoever runs it can reach each instruction.
#include "kernel.h"

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define SHAPE(name) JOIN(name, VARIANT)

typedef ULONG_PTR U;
typedef U FUNCTION(U, U);

void ShapeBugCheck(U code, U argument) __attribute__((noreturn));
U ShapeAsmCallee(U a, U b);

volatile U SHAPE(ShapeSink);

U SHAPE(ShapeLeaf)(U a, U b);
U SHAPE(ShapeSmall)(U a, U b);

// No frame at all.
FRAME U SHAPE(ShapeLeaf)(U a, U b) {
  if (a > b) return a * 3 - b;
  return b ^ a;
}

FRAME U SHAPE(ShapeSmall)(U a, U b) {
  const U once = SHAPE(ShapeLeaf)(a, b);
  return SHAPE(ShapeLeaf)(b, once) + once;
}

// Everything nonvolatile is in use across calls.
FRAME U SHAPE(ShapeManyRegisters)(U a, U b) {
  U t = a, u = b, v = a + b, w = a - b, x = a * 5, y = b * 7, z = a ^ 99;
  for (U i = 0; i < (a & 3) + 1; i++) {
    t += SHAPE(ShapeLeaf)(u, v);
    u ^= SHAPE(ShapeLeaf)(w, x);
    v -= SHAPE(ShapeSmall)(y, z);
    w += t * u;
    x ^= v;
    y += w;
    z -= x;
  }
  return t + u + v + w + x + y + z;
}

// XMM6 and up are saved: floating point across calls.
FRAME double SHAPE(ShapeFloats)(double p, double q) {
  return p > 4 ? p * q : p + q + (double)SHAPE(ShapeLeaf)((U)(long long)p, 3);
}
FRAME U SHAPE(ShapeXmm)(U a, U b) {
  const double p = (double)(long long)(a & 0xff), q = (double)(long long)(b & 0xff);
  const double r = SHAPE(ShapeFloats)(p, q), s = SHAPE(ShapeFloats)(q, p),
               t = SHAPE(ShapeFloats)(p + r, q - s);
  const double u = SHAPE(ShapeFloats)(r * s, t), v = SHAPE(ShapeFloats)(s + t, u * p);
  return (U)(long long)(p + q * r + s * t + u * v);
}

// Frames past one page (stack probes), past 32 KB and past 512 KB (both forms of ALLOC_LARGE).
FRAME U SHAPE(ShapeBigFrame)(U a, U b) {
  UCHAR bytes[0x2300];
  __asm__ volatile("" : : "r"(bytes) : "memory");
  bytes[a & 0x1fff] = (UCHAR)b;
  return SHAPE(ShapeSmall)(bytes[a & 0x1fff], b);
}
FRAME U SHAPE(ShapeHugeFrame)(U a, U b) {
  UCHAR bytes[0x81000];
  __asm__ volatile("" : : "r"(bytes) : "memory");
  bytes[a] = (UCHAR)b;
  return SHAPE(ShapeSmall)(bytes[a], b);
}

// The stack pointer moves in the body.
FRAME U SHAPE(ShapeAlloca)(U a, U b) {
  UCHAR* bytes = __builtin_alloca((a & 0x1fff) + 16);
  __asm__ volatile("" : : "r"(bytes) : "memory");
  bytes[0] = (UCHAR)b;
  U sum = SHAPE(ShapeSmall)(bytes[0], a);
  for (U i = 0; i < (b & 3); i++) {
    UCHAR* more = __builtin_alloca(32 * (i + 1));
    __asm__ volatile("" : : "r"(more) : "memory");
    more[0] = (UCHAR)i;
    sum += SHAPE(ShapeSmall)(more[0], i);
  }
  return sum;
}
FRAME U SHAPE(ShapeAligned)(U a, U b) {
  U values[8] __attribute__((aligned(64)));
  for (U i = 0; i < 8; i++) values[i] = a + i * b;
  __asm__ volatile("" : : "r"(values) : "memory");
  return SHAPE(ShapeSmall)(values[a & 7], values[b & 7]);
}

// Ways out at several places.
FRAME U SHAPE(ShapeManyExits)(U a, U b) {
  if (a == 0) return b;
  U kept = SHAPE(ShapeLeaf)(a, b);
  if (a == 1) return kept + SHAPE(ShapeSmall)(b, kept);
  U also = SHAPE(ShapeSmall)(kept, a);
  if (b == 0) return also ^ kept;
  for (U i = 0; i < (b & 7); i++) {
    if (SHAPE(ShapeLeaf)(i, also) == 2) return i;
    kept += SHAPE(ShapeSmall)(i, kept);
  }
  if (a == 2) return SHAPE(ShapeSmall)(kept, also);
  return kept - also;
}

// The frame is made only where it is needed.
FRAME U SHAPE(ShapeWrapped)(U a, U b) {
  if (a < 4) return a + b;
  U sum = a;
  for (U i = 0; i < (b & 3) + 2; i++) sum += SHAPE(ShapeSmall)(sum, i) * a;
  return sum;
}

FRAME U SHAPE(ShapeSwitch)(U a, U b) {
  switch (a) {
    case 0:
      return SHAPE(ShapeSmall)(b, 1);
    case 1:
      return SHAPE(ShapeLeaf)(b, 77) * b;
    case 2:
      return SHAPE(ShapeSmall)(b, b) + 2;
    case 3:
      SHAPE(ShapeSink) = b;
      break;
    case 4:
      SHAPE(ShapeSink) = SHAPE(ShapeSmall)(a, b);
      break;
    case 5:
      return 5 - SHAPE(ShapeSmall)(a, a);
    case 6:
      SHAPE(ShapeSink) = SHAPE(ShapeLeaf)(b, a);
      return 9;
    case 7:
      return b << 3;
    default:
      return SHAPE(ShapeSmall)(a, b);
  }
  return SHAPE(ShapeSink) + b;
}

// Leaves by a jump: with a frame, without one, through a pointer.
FRAME U SHAPE(ShapeTailCall)(U a, U b) {
  const U first = SHAPE(ShapeLeaf)(a, b);
  return SHAPE(ShapeSmall)(first, a);
}
FRAME U SHAPE(ShapeTailJump)(U a, U b) { return SHAPE(ShapeSmall)(b, a); }
static FUNCTION* volatile SHAPE(Pointers)[2] = {SHAPE(ShapeLeaf), SHAPE(ShapeSmall)};
FRAME U SHAPE(ShapeTailPointer)(U a, U b) {
  SHAPE(ShapeSink) = SHAPE(ShapeLeaf)(b, a);
  return SHAPE(Pointers)[a & 1](b, a);
}
FRAME U SHAPE(ShapeTailEither)(U a, U b) {
  if (b & 1) return SHAPE(ShapeSmall)(a, b);
  if (b & 2) return SHAPE(Pointers)[a & 1](a, b);
  return SHAPE(ShapeLeaf)(a, b);
}

// A call from which nothing comes back is the last instruction but for what the compiler pads.
FRAME U SHAPE(ShapeNoReturn)(U a, U b) {
  SHAPE(ShapeSink) = SHAPE(ShapeLeaf)(a, b);
  if (a == 8) ShapeBugCheck(a, b);
  return SHAPE(ShapeSmall)(a, b);
}

FRAME U SHAPE(ShapeRecursive)(U a, U b) {
  const U left = a & 15;
  if (left == 0) return b;
  return SHAPE(ShapeRecursive)(left - 1, b + left) * 3 + left;
}

// Registers are spilled to their home space before the frame exists.
#ifndef _WIN64
#define __builtin_ms_va_list __builtin_va_list
#define __builtin_ms_va_start __builtin_va_start
#define __builtin_ms_va_end __builtin_va_end
#endif
FRAME U SHAPE(ShapeVariadic)(U count, ...) {
  __builtin_ms_va_list list;
  U sum = 0;
  __builtin_ms_va_start(list, count);
  for (U i = 0; i < count; i++) sum += SHAPE(ShapeLeaf)(__builtin_va_arg(list, U), i);
  __builtin_ms_va_end(list);
  return sum;
}
FRAME U SHAPE(ShapeCallsVariadic)(U a, U b) {
  return SHAPE(ShapeVariadic)(a & 5, b, a, b, a, b) + b;
}

typedef struct TRIPLE {
  U first, second, third;
} TRIPLE;
FRAME TRIPLE SHAPE(ShapeTriple)(U a, U b, U c, U d, U e, U f) {
  const TRIPLE triple = {a + e, b + f, SHAPE(ShapeSmall)(c, d)};
  return triple;
}
FRAME U SHAPE(ShapeManyArguments)(U a, U b) {
  const TRIPLE triple = SHAPE(ShapeTriple)(a, b, a + 1, b + 1, a * 2, b * 2);
  return triple.first ^ triple.second ^ SHAPE(ShapeLeaf)(triple.third, a);
}

// Inlined into its caller: the frame has lines of two functions.
INLINE U SHAPE(ShapeInlined)(U a, U b) {
  return SHAPE(ShapeLeaf)(a + 1, b) + SHAPE(ShapeLeaf)(a, b + 1);
}
FRAME U SHAPE(ShapeCallsInlined)(U a, U b) {
  return SHAPE(ShapeInlined)(a, b) * SHAPE(ShapeInlined)(b, a);
}

// Handlers: unwind data with flags, and a funclet that works on its parent's frame.
FRAME U SHAPE(ShapeFinally)(U a, U b) {
  volatile U result = a;
  __try {
    result += SHAPE(ShapeSmall)(a, b);
    if (a == 3) return result;
    result ^= SHAPE(ShapeLeaf)(b, a);
  } __finally {
    result += SHAPE(ShapeSmall)(result, b);
    SHAPE(ShapeSink) = result;
  }
  return result;
}

// The caller of assembly that calls back into C.
U SHAPE(ShapeCallback)(U a, U b) { return SHAPE(ShapeSmall)(a, b) + 1; }
FRAME U SHAPE(ShapeCallsAsm)(U a, U b) { return ShapeAsmCallee(a, (U)SHAPE(ShapeCallback)) + b; }
