// Types as records have them: structures and their members, sizes, names, and the qualified names
// of functions that inline sites refer to. Records: Microsoft's published cvinfo.h, LLVM's CodeView
// sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pdb/pdb.h"
#include "pdb/type_stream.h"

namespace ntstack::pdb {

class Types {
 public:
  Types() = default;
  // `items` may be empty: PDBs before Visual C++ 11 have none.
  Types(TypeStream types, TypeStream items) : types_(std::move(types)), items_(std::move(items)) {}

  // The full definition of a class, structure, union or enum.
  std::optional<std::uint32_t> definition(std::string_view name);
  // Of a class, structure or union, through modifiers and forward references.
  std::optional<Structure> structure(std::uint32_t type);
  // Of all full definitions of classes, structures and unions; for each name once, in no order.
  std::vector<std::string_view> structure_names();
  // Bytes; of arrays, pointers, enums and simple types too.
  std::optional<std::uint64_t> size(std::uint32_t type);
  // As in C: "_KTHREAD*", "unsigned long[4]".
  std::string name(std::uint32_t type);
  // "ns::Class::f" of a function's item id.
  std::string function_name(std::uint32_t item);

 private:
  std::uint32_t resolve(std::uint32_t type);
  void read_fields(std::uint32_t list, Structure& structure);
  // `left`: how many more types may be named; what is past that is "?".
  std::string type_name(std::uint32_t type, int& left);
  std::string arguments(std::uint32_t list, int& left);
  std::optional<std::uint64_t> type_size(std::uint32_t type, int depth);
  void index_definitions();

  TypeStream types_;
  TypeStream items_;
  // Definitions by name and by unique name: of local types, and where the stream has no hashes.
  std::optional<std::unordered_map<std::string_view, std::uint32_t>> definitions_;
};

}  // namespace ntstack::pdb
