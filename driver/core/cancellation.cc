#include "driver/core/cancellation.h"

namespace ntstack::driver {

void arm(Irp& irp, Event& asked) {
  kernel::set_cancel_event(irp, &asked);
  kernel::set_cancel_routine(irp, true);
  // It was cancelled before there was a routine to call. If the routine is gone, it was called.
  if (kernel::is_cancelled(irp) && kernel::set_cancel_routine(irp, false)) kernel::set(asked);
}

void disarm(Irp& irp) {
  if (kernel::set_cancel_routine(irp, false)) return;
  // It was called, or is being called: it holds the lock until it has set the event.
  kernel::pass_cancel_lock();
}

Farewell cancel(Irp& irp) {
  kernel::set(*kernel::cancel_event(irp));
  return {Farewell::Act::unlock_cancelling, &irp};
}

}  // namespace ntstack::driver
