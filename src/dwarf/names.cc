#include "dwarf/names.h"

#include <algorithm>
#include <vector>

namespace ntstack::dwarf {
namespace {

using namespace llvm::dwarf;
using llvm::DWARFDie;

constexpr int kMostReferences = 8;
constexpr std::size_t kMostScopes = 32;
constexpr std::size_t kLongestName = 4096;

bool is_type_with_scope(Tag tag) {
  return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
         tag == DW_TAG_enumeration_type;
}

// What a scope adds to the names inside of it; empty for a block, say.
std::string_view scope_name(const DWARFDie& scope) {
  const Tag tag = scope.getTag();
  const std::string_view name = name_of(scope);
  if (tag == DW_TAG_namespace) return name.empty() ? "`anonymous namespace'" : name;
  if (is_type_with_scope(tag)) return name.empty() ? "<unnamed-type>" : name;
  return tag == DW_TAG_subprogram ? name : std::string_view();
}

}  // namespace

DWARFDie declaration_of(Units& units, DWARFDie die) {
  for (int i = 0; i < kMostReferences; ++i) {
    DWARFDie next = units.referenced(die, DW_AT_abstract_origin);
    if (!next) next = units.referenced(die, DW_AT_specification);
    if (!next) break;
    die = next;
  }
  return die;
}

std::string_view name_of(const DWARFDie& die) {
  const auto name = toString(die.find(DW_AT_name));
  return name && *name ? std::string_view(*name).substr(0, kLongestName) : std::string_view();
}

std::string qualified_name(Units& units, const DWARFDie& die) {
  DWARFDie at = declaration_of(units, die);
  std::string_view own = name_of(at);
  if (own.empty()) own = name_of(die);
  if (own.empty()) return std::string(linkage_name(units, die));
  std::vector<std::string_view> scopes;
  for (std::size_t i = 0; i < kMostScopes; ++i) {
    at = at.getParent();
    if (!at) break;
    if (at.getTag() == DW_TAG_subprogram) at = declaration_of(units, at);
    if (const auto name = scope_name(at); !name.empty()) scopes.push_back(name);
  }
  std::string name;
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    name += *scope;
    name += "::";
  }
  name += own;
  if (name.size() > kLongestName) name.resize(kLongestName);
  return name;
}

std::string_view linkage_name(Units& units, const DWARFDie& die) {
  DWARFDie at = die;
  for (int i = 0; i < kMostReferences && at; ++i) {
    const auto name = toString(at.find({DW_AT_linkage_name, DW_AT_MIPS_linkage_name}));
    if (name && *name) return std::string_view(*name).substr(0, kLongestName);
    DWARFDie next = units.referenced(at, DW_AT_abstract_origin);
    at = next ? next : units.referenced(at, DW_AT_specification);
  }
  return {};
}

}  // namespace ntstack::dwarf
