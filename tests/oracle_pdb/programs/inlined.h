#pragma once
extern "C" volatile int sink;
static inline int helper_from_header(int a) {
  if (a == 3) sink = 4;
  sink = a * 2;
  return sink;
}
