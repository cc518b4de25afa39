// Inline sites within inline sites, in code of several pieces and of two files.
#include "inlined.h"

extern "C" volatile int sink;

namespace outer::inner {
struct Counter {
  int value = 0;
  inline void add(int by) {
    sink = by;
    value += helper_from_header(by);
  }
};
}  // namespace outer::inner

static inline int third(int a) {
  sink = a;
  return helper_from_header(a) + 1;
}
static inline int second(int a) {
  int b = third(a);
  sink = b;
  return b + third(b);
}
static inline __attribute__((always_inline)) int first(int a) {
  if (a > 10) return second(a);
  sink = a;
  return a;
}

int inlining(int a) {
  outer::inner::Counter counter;
  for (int i = 0; i < a; ++i) {
    counter.add(i);
    auto lambda = [&](int x) {
      sink = x;
      return first(x + i);
    };
    counter.add(lambda(i));
  }
  int result = first(a);
  result += first(result);
  return result + counter.value;
}

int other_function(int a) { return first(a) - first(a + 1); }
