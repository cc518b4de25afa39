// Names inside of namespaces, classes and templates.
volatile int sink;

#include "inlined.h"

namespace outer {
namespace inner {
struct Base {
  int member;
  __attribute__((noinline)) int method(int x) { return more(x) + member; }
  static __attribute__((noinline)) int fixed(int x);
};
int Base::fixed(int x) { return twice(x); }
}  // namespace inner

template <class T>
__attribute__((noinline)) T generic(T value) {
  return static_cast<T>(more(static_cast<int>(value)) * 3);
}

class Derived : public inner::Base {
 public:
  explicit __attribute__((noinline)) Derived(int x) { member = twice(x); }
  __attribute__((noinline)) int operator()(int x) const { return member + x; }
};
}  // namespace outer

namespace {
__attribute__((noinline)) int hidden(int x) { return more(x) - 5; }
}  // namespace

extern "C" int start() {
  outer::Derived derived(sink);
  return derived(sink) + derived.method(sink) + outer::inner::Base::fixed(sink) +
         outer::generic(sink) + static_cast<int>(outer::generic(static_cast<char>(sink))) +
         hidden(sink);
}
