// Compressed symbol files ("nt.pd_"): cabinets, expanded by libmspack, and by the system's own
// cabinet.dll on Windows.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::store {

bool is_cabinet(base::Bytes file);  // by its first bytes

// The size that the cabinet itself claims to have, for whoever gets it piece by piece; 0 where
// `head` is too short to tell (36 bytes do).
std::uint64_t cabinet_size(base::Bytes head);

// Hands the bytes of one file of a cabinet to `take`, in order: of the one called `name` without
// regard to case, else of the only one in it. Where `take` returns false, or there would be more
// than `most` bytes, it ends with an error. No memory but a window of some MB is used; bytes are
// hostile.
using TakeBytes = std::function<bool(base::Bytes)>;
base::Result<void> expand_cabinet(base::Bytes cabinet, std::string_view name, std::uint64_t most,
                                  const TakeBytes& take);

}  // namespace ntstack::store
