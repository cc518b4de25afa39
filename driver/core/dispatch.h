// What a client may ask, and who may: the control codes and what is checked before each.
#pragma once

#include "driver/core/capture.h"

namespace ntstack::driver {

// IRP_MJ_CREATE.
Status open(Irp& irp);
// IRP_MJ_DEVICE_CONTROL.
Reply control(std::uint32_t code, const Buffer& buffer, Irp& irp, const Registers& caller);

}  // namespace ntstack::driver
