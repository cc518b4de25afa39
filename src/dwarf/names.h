// What DIEs are called, with the namespaces, classes and functions around them.
#pragma once

#include <string>
#include <string_view>

#include "dwarf/units.h"

namespace ntstack::dwarf {

// The DIE that declares what `die` defines or is an instance of; `die` itself where none does.
llvm::DWARFDie declaration_of(Units& units, llvm::DWARFDie die);

// Without scopes; empty for what has no name. Valid as long as the file.
std::string_view name_of(const llvm::DWARFDie& die);

// "ns::Class::f"; empty for what has no name.
std::string qualified_name(Units& units, const llvm::DWARFDie& die);

// "_ZN2ns1fEi", as linkers know it; empty for what has none.
std::string_view linkage_name(Units& units, const llvm::DWARFDie& die);

}  // namespace ntstack::dwarf
