// Kernel dumps of Windows up to 7 (DumpType 2, "summary"): a bitmap too, with 32-bit counts.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "dump/bitmap.h"
#include "dump/header.h"

namespace ntstack::dump {

// Where SUMMARY_DUMP32 or 64 behind the header makes sense; nothing where it doesn't.
std::optional<BitmapPlace> summary_place(base::Bytes file, const KernelHeader& header);

}  // namespace ntstack::dump
