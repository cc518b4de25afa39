// A kernel's structures by name, from whichever debug information its build left: a PDB or DWARF.
#pragma once

#include <optional>
#include <string_view>

#include "dwarf/dwarf.h"
#include "pdb/pdb.h"

namespace ntstack::dwarf {

// A view: what it is made of outlives it. Either may be null: there are no types then.
class TypeSource {
 public:
  TypeSource() = default;
  TypeSource(const pdb::Pdb* pdb) : pdb_(pdb) {}
  TypeSource(const Dwarf* dwarf) : dwarf_(dwarf) {}

  explicit operator bool() const { return pdb_ || dwarf_; }
  // "PDB", "DWARF"; "no".
  std::string_view name() const { return pdb_ ? "PDB" : dwarf_ ? "DWARF" : "no"; }
  std::optional<pdb::Structure> structure(std::string_view structure_name) const {
    if (pdb_) return pdb_->structure(structure_name);
    return dwarf_ ? dwarf_->structure(structure_name) : std::nullopt;
  }

 private:
  const pdb::Pdb* pdb_ = nullptr;
  const Dwarf* dwarf_ = nullptr;
};

}  // namespace ntstack::dwarf
