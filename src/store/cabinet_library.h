// What a system's library of cabinets does for expand_cabinet(): libmspack (cabinet_mspack.cc), and
// cabinet.dll on Windows (cabinet_windows.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "store/cabinet.h"

namespace ntstack::store {

// A file in a cabinet, as its directory lists it.
struct CabinetMember {
  std::string name;
  std::uint64_t size = 0;  // expanded, in bytes
};

// The number of the member that is wanted, or why there is none.
using PickMember = std::function<base::Result<std::size_t>(std::span<const CabinetMember>)>;

// Reads the cabinet's directory, asks `pick` once, and expands that member into `take`. What `take`
// refuses ends it with an error. Nothing is written to the disk.
base::Result<void> expand_member(base::Bytes cabinet, const PickMember& pick,
                                 const TakeBytes& take);

}  // namespace ntstack::store
