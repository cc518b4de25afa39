// The driver tries itself out, with threads of its own, and says what came of it by DbgPrint: for a
// machine that has nothing but a debug port.
#pragma once

#include "driver/nt/nt.h"

namespace ntstack::driver::nt {

// The service's SelfTest value.
inline constexpr ULONG kSelfTestAll = 1;
inline constexpr ULONG kSelfTestWithoutApcs = 2;  // where the kernel has none (Wine)

// Lines "ntstack: PASS name", "ntstack: FAIL name: what", "ntstack: SKIP name: why", and a last one
// that counts them. At PASSIVE_LEVEL.
void run_self_test(ULONG which);

}  // namespace ntstack::driver::nt
