// A VMware machine's state: .vmss (suspended) or .vmsn (snapshot), groups of tagged values. The
// memory lies in a .vmem file beside it, or inside the state itself.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::dump {

bool is_vmware_state(base::Bytes file);

// `memory` is the .vmem file; empty where there is none, and the state must hold the memory. Fails
// where there is no memory, or a compressed one.
base::Result<Dump> parse_vmware(base::Bytes state, base::Bytes memory);

}  // namespace ntstack::dump
