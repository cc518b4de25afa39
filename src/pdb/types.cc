#include "pdb/types.h"

#include <fmt/format.h>

#include "pdb/type_records.h"

namespace ntstack::pdb {
namespace {

constexpr int kDeepest = 16;  // types within types
constexpr std::uint32_t kMostFields = 1U << 20;
constexpr int kMostTypesInAName = 64;

}  // namespace

void Types::index_definitions() {
  definitions_.emplace();
  for (std::uint32_t i = types_.begin(); i < types_.end(); ++i) {
    const auto record = types_.record(i);
    const auto type = record ? user_type_of(*record) : std::nullopt;
    if (!type || type->is_forward) continue;
    definitions_->try_emplace(type->name, i);
    if (!type->unique_name.empty()) definitions_->try_emplace(type->unique_name, i);
  }
}

std::vector<std::string_view> Types::structure_names() {
  if (!definitions_) index_definitions();
  std::vector<std::string_view> names;
  for (const auto& [name, index] : *definitions_) {
    const auto record = types_.record(index);
    const auto type = record ? user_type_of(*record) : std::nullopt;
    if (type && type->kind != LF_ENUM && type->name == name) names.push_back(name);
  }
  return names;
}

std::optional<std::uint32_t> Types::definition(std::string_view name) {
  std::optional<std::uint32_t> found;
  types_.look_up(name, [&](std::uint32_t index) {
    const auto record = types_.record(index);
    const auto type = record ? user_type_of(*record) : std::nullopt;
    if (!type || type->is_forward || (type->name != name && type->unique_name != name))
      return false;
    found = index;
    return true;
  });
  // Local types are filed under their unique names alone.
  if (found || (types_.has_hashes() && name.find("::") == std::string_view::npos)) return found;
  if (!definitions_) index_definitions();
  const auto place = definitions_->find(name);
  return place != definitions_->end() ? std::optional(place->second) : std::nullopt;
}

// The type itself without modifiers, and its definition for a forward reference.
std::uint32_t Types::resolve(std::uint32_t type) {
  for (int depth = 0; depth < kDeepest; ++depth) {
    const auto record = types_.record(type);
    if (!record) return type;
    if (const auto modifier = modifier_of(*record)) {
      type = modifier->of;
      continue;
    }
    const auto user = user_type_of(*record);
    if (!user || !user->is_forward) return type;
    const std::string_view unique = user->unique_name.empty() ? user->name : user->unique_name;
    const auto by_unique_name = definition(user->is_local ? unique : user->name);
    return by_unique_name.value_or(type);
  }
  return type;
}

std::optional<Structure> Types::structure(std::uint32_t type) {
  const auto record = types_.record(resolve(type));
  const auto user = record ? user_type_of(*record) : std::nullopt;
  if (!user || user->kind == LF_ENUM) return std::nullopt;
  Structure structure{std::string(user->name), user->size, {}};
  if (!user->is_forward) read_fields(user->fields, structure);
  return structure;
}

// A list too long for one record goes on in another. Their bytes together can't be more than the
// stream's: so a chain that comes back to itself ends.
void Types::read_fields(std::uint32_t list, Structure& structure) {
  std::uint64_t left = types_.records_size();
  while (list != 0) {
    const auto record = types_.record(list);
    if (!record || record->kind != LF_FIELDLIST || record->fields.size() + 2 > left) return;
    left -= record->fields.size() + 2;
    list = 0;
    Cursor cursor(record->fields);
    while (const auto member = take_member(cursor)) {
      if (member->kind == LF_INDEX) list = member->type;
      if (member->kind != LF_MEMBER || structure.fields.size() >= kMostFields) continue;
      Field field{std::string(member->name), static_cast<std::uint32_t>(member->offset),
                  member->type, 0, 0};
      const auto type = types_.record(member->type);
      if (const auto bits = type ? bit_field_of(*type) : std::nullopt) {
        field.type = bits->underlying;
        field.bit_position = bits->position;
        field.bit_length = bits->length;
      }
      structure.fields.push_back(std::move(field));
    }
  }
}

std::optional<std::uint64_t> Types::type_size(std::uint32_t type, int depth) {
  if (const auto simple = simple_type(type)) return simple->size;
  if (depth == kDeepest) return std::nullopt;
  const auto record = types_.record(resolve(type));
  if (!record) {
    const auto simple = simple_type(resolve(type));
    return simple ? std::optional<std::uint64_t>(simple->size) : std::nullopt;
  }
  if (const auto pointer = pointer_of(*record)) return pointer->size;
  if (const auto array = array_of(*record)) return array->size;
  if (const auto bits = bit_field_of(*record)) return type_size(bits->underlying, depth + 1);
  const auto user = user_type_of(*record);
  if (!user || user->is_forward) return std::nullopt;
  return user->kind == LF_ENUM ? type_size(user->underlying, depth + 1) : user->size;
}

std::optional<std::uint64_t> Types::size(std::uint32_t type) { return type_size(type, 0); }

std::string Types::name(std::uint32_t type) {
  int left = kMostTypesInAName;
  return type_name(type, left);
}

std::string Types::type_name(std::uint32_t type, int& left) {
  if (const auto simple = simple_type(type))
    return fmt::format("{}{}", simple->name, simple->is_pointer ? "*" : "");
  const auto record = types_.record(type);
  if (!record || left-- <= 0) return "?";
  if (const auto user = user_type_of(*record)) return std::string(user->name);
  if (const auto modifier = modifier_of(*record))
    return fmt::format("{}{}{}", modifier->is_const ? "const " : "",
                       modifier->is_volatile ? "volatile " : "", type_name(modifier->of, left));
  if (const auto pointer = pointer_of(*record))
    return fmt::format("{}{}{}{}", type_name(pointer->to, left),
                       pointer->is_reference          ? "&"
                       : pointer->is_rvalue_reference ? "&&"
                                                      : "*",
                       pointer->is_const ? " const" : "", pointer->is_volatile ? " volatile" : "");
  if (const auto array = array_of(*record)) {
    const std::uint64_t element = size(array->element).value_or(0);
    return fmt::format("{}[{}]", type_name(array->element, left),
                       element ? array->size / element : 0);
  }
  if (const auto bits = bit_field_of(*record))
    return fmt::format("{} : {}", type_name(bits->underlying, left), bits->length);
  if (const auto procedure = procedure_type_of(*record))
    return fmt::format("{} ({})", type_name(procedure->result, left),
                       arguments(procedure->arguments, left));
  return "?";
}

std::string Types::arguments(std::uint32_t list, int& left) {
  const auto record = types_.record(list);
  if (!record || record->kind != LF_ARGLIST) return "?";
  Cursor cursor(record->fields);
  const std::uint32_t count = cursor.u32();
  std::string text;
  for (std::uint32_t i = 0; i < count && left > 0; ++i) {
    const std::uint32_t argument = cursor.u32();
    if (!cursor.ok()) break;
    --left;
    text += (i ? ", " : "") + type_name(argument, left);
  }
  return text;
}

std::string Types::function_name(std::uint32_t item) {
  const auto record = items_.record(item);
  if (!record || (record->kind != LF_FUNC_ID && record->kind != LF_MFUNC_ID)) return {};
  Cursor cursor(record->fields);
  const std::uint32_t scope = cursor.u32();
  cursor.u32();  // type
  const std::string_view name = cursor.text();
  if (!cursor.ok()) return {};
  if (record->kind == LF_MFUNC_ID) return fmt::format("{}::{}", this->name(scope), name);
  const auto around = scope != 0 ? items_.record(scope) : std::nullopt;
  if (!around || around->kind != LF_STRING_ID) return std::string(name);
  Cursor scope_cursor(around->fields, 4);
  return fmt::format("{}::{}", scope_cursor.text(), name);
}

}  // namespace ntstack::pdb
