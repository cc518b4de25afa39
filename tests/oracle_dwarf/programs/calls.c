// Functions with calls that are inlined, twice over and in several places, in C.
volatile int sink;
static int counter;
int table[4] = {1, 2, 3, 4};

#include "inlined.h"

__attribute__((noinline)) static int hidden(int x) {
  counter += more(x);
  return counter;
}

__attribute__((noinline, cold)) void rare(int x) { sink = x; }

__attribute__((noinline)) int work(int n) {
  int sum = 0;
  for (int i = 0; i < n; ++i) {
    sum += more(i);
    if (__builtin_expect(sum == 77, 0)) {
      rare(sum);
      sum -= twice(sum);
      rare(sum + 1);
    }
  }
  return sum + hidden(n) + table[n & 3];
}

__attribute__((noinline)) int never_called(int x) { return twice(x) - 1; }

int start(void) { return work(sink) + more(sink); }
