// LiME's dumps (https://github.com/504ensicsLabs/LiME, its documented format): ranges of physical
// memory, each behind a header of its own.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::dump {

bool is_lime(base::Bytes file);

// Fails where not one range is in the file.
base::Result<Dump> parse_lime(base::Bytes file);

}  // namespace ntstack::dump
