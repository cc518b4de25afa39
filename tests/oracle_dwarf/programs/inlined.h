static inline __attribute__((always_inline)) int twice(int x) {
  volatile int copy = x;
  return copy + copy;
}
static inline __attribute__((always_inline)) int more(int x) {
  int result = twice(x);
  if (result > 7) {
    result += twice(result - 1);
  }
  return result;
}
