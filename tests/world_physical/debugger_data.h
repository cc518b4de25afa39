// KDDEBUGGER_DATA64 in nt's own memory, plain or as kernels since Windows 8 keep it.
#pragma once

#include "world/kernel_objects.h"
#include "world_physical/kernel_data.h"

namespace ntstack::world {

// Writes the block, and into `data` where it and what it is encoded with are.
void put_debugger_data(KernelData& data, const KernelObjects& world);

// Encodes it in place. What is said of the way (of public tools, from what the kernel does): a word
// is KiWaitAlways' exclusive or, bytes swapped, the address of KdpDataBlockEncoded's, rotated by
// KiWaitNever's low byte, KiWaitNever's.
void encode_debugger_data(KernelData& data);

}  // namespace ntstack::world
