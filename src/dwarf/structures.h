// Structures, their members and sizes, by name. Units are looked through one after the other, as
// far as a name needs, and each once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dwarf/units.h"
#include "pdb/pdb.h"

namespace ntstack::dwarf {

class Structures {
 public:
  explicit Structures(Units& units) : units_(&units) {}

  std::optional<pdb::Structure> by_name(std::string_view name);
  std::optional<pdb::Structure> by_type(std::uint32_t type);
  std::optional<std::uint64_t> size_of(std::uint32_t type);
  std::string type_name(std::uint32_t type);

 private:
  std::optional<DieRef> definition(std::string_view name);
  void index(std::uint32_t unit);
  void index(const llvm::DWARFDie& die);
  std::optional<pdb::Structure> structure(const llvm::DWARFDie& die);
  // The type behind typedefs and qualifiers, and the definition of one that is only declared.
  llvm::DWARFDie resolved(llvm::DWARFDie type);
  llvm::DWARFDie definition_of(const llvm::DWARFDie& declaration);
  void add_members(const llvm::DWARFDie& of, std::uint64_t offset, int depth,
                   pdb::Structure& structure);
  void add_member(const llvm::DWARFDie& member, std::uint64_t offset, int depth,
                  pdb::Structure& structure);
  std::optional<std::uint64_t> size_of(llvm::DWARFDie type, int depth);
  std::string type_name(llvm::DWARFDie type, int& left);

  Units* units_;
  std::uint32_t next_unit_ = 0;  // not looked through yet
  std::unordered_map<std::string, DieRef> definitions_;
};

}  // namespace ntstack::dwarf
