// Whether a unit's DIEs lie inside of their section. LLVM's library skips a value by the length
// that the value itself gives and reads on from there without a look at where the section ends, so
// bytes of strangers are walked over here first.
#pragma once

#include <llvm/DebugInfo/DWARF/DWARFUnit.h>

namespace ntstack::dwarf {

// Of the first DIE alone: the unit's own.
bool first_die_is_inside(llvm::DWARFUnit& unit);

// Of all that the library would read: until the unit ends, or the first DIE's children do.
bool dies_are_inside(llvm::DWARFUnit& unit);

}  // namespace ntstack::dwarf
