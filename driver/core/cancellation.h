// An IRP that can be cancelled while its thread waits: cancelling sets an event that the wait
// watches. The event lives as long as the wait; disarm() makes sure that nobody is about to set it.
#pragma once

#include "driver/core/kernel.h"

namespace ntstack::driver {

// `asked` is set when the IRP is cancelled, at once where it is already.
void arm(Irp& irp, Event& asked);
// After it, `asked` is nobody's but the caller's.
void disarm(Irp& irp);
// The IRP's cancel routine, which the I/O manager calls with its lock held.
Farewell cancel(Irp& irp);

}  // namespace ntstack::driver
