// One capture call: every thread's APC is queued first, then all are waited for together.
#pragma once

#include "driver/core/kernel.h"

namespace ntstack::driver {

// The I/O manager's buffer of a call (METHOD_BUFFERED): input and output begin at the same byte.
struct Buffer {
  std::byte* bytes = nullptr;
  std::uint32_t in_size = 0, out_size = 0;
};

struct Reply {
  Status status = kSuccess;
  std::uint32_t bytes = 0;  // of the buffer that are the answer
};

// kControlCapture. `caller`: the registers of the code that called the driver's dispatch routine.
Reply capture(const Buffer& buffer, Irp& irp, const Registers& caller);

}  // namespace ntstack::driver
