// Reads MSVC's decorated names into the structs of undecorate_nodes.h. The grammar's parts refer to
// each other, so they share one class; each part has its own file: undecorate_symbols.cc (whole
// symbols), undecorate_functions.cc, undecorate_specials.cc (tables, guards, RTTI, literals),
// undecorate_names.cc, undecorate_templates.cc and undecorate_types.cc.
//
// After a failure functions return nodes that are in part empty; ask failed() before their use.
#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <string_view>
#include <utility>

#include "symbols/undecorate_nodes.h"
#include "symbols/undecorate_reader.h"

namespace ntstack::symbols::undecorating {

class Parser {
 public:
  Parser(std::string_view decorated, std::pmr::memory_resource* arena)
      : in_(decorated), arena_(arena) {}

  // The symbol that the text begins with; what follows it is left over.
  Symbol* symbol();
  bool failed() const { return in_.failed(); }

 private:
  // The first ten names and types of a scope can be repeated by a digit.
  struct BackReferences {
    std::array<Identifier*, 10> names{};
    std::size_t name_count = 0;
    std::array<const Type*, 10> types{};
    std::size_t type_count = 0;
  };
  enum class Remember : bool { no, yes };
  // Where cv-qualifiers stand before a type: nowhere, always, or behind a '?'.
  enum class Leading : std::uint8_t { nothing, qualifiers, question_mark };
  class Level;  // one step of recursion

  // Whole symbols.
  Symbol* type_descriptor_name();
  Symbol* hashed_name();
  Symbol* declared();
  Symbol* variable(char storage);
  void variable_qualifiers(Type& type);
  Symbol* bare(Name* name);
  Symbol* text_symbol(std::string_view text);

  // Tables, guards, RTTI and other names that the compiler invents.
  Symbol* special();
  Symbol* table(std::string_view name);
  Symbol* virtual_call();
  Symbol* local_guard(std::string_view name);
  Symbol* type_descriptor();
  Symbol* rtti_table(std::string_view name);
  Symbol* base_descriptor();
  Symbol* dynamic_structor(IdentifierKind kind);
  Symbol* string_literal();

  // Functions.
  Symbol* function_symbol();
  void function_class(Function& function);
  void thunk_class(Function& function);
  Type* function_type(Function& function, bool has_this);
  std::string_view calling_convention();
  void parameter_list(Function& function);
  void throw_specification(Function& function);

  // Names.
  Name* symbol_name();
  Name* type_name();
  Name* scopes_around(Identifier* innermost);
  Identifier* unqualified_symbol_name();
  Identifier* unqualified_type_name();
  Identifier* scope();
  Identifier* simple_name(Remember remember);
  Identifier* anonymous_namespace();
  Identifier* local_scope();
  Identifier* back_reference();
  Identifier* operator_name();
  void remember(Identifier* identifier);
  void remember_rendered(const Identifier& identifier);

  // Templates.
  enum class Place : bool { symbol, scope };
  Identifier* template_name(Place place);
  void template_arguments(Identifier& identifier);
  TemplateArgument template_argument();
  bool address_argument(bool is_deduced, TemplateArgument& argument);
  bool member_offsets_argument(bool is_deduced, TemplateArgument& argument);
  void offsets(TemplateArgument& argument, unsigned count);

  // Types.
  Type* type(Leading leading);
  Type* unqualified_type();
  Type* primitive();
  std::string_view extended_primitive();
  Type* tagged(std::string_view tag);
  Type* custom();
  Type* array();
  Type* pointer();
  Type* pointer_to_member(Type& pointer);
  bool points_to_member();
  Qualifiers pointer_extensions();
  // The qualifiers, and whether they are of a member of a class.
  std::pair<Qualifiers, bool> qualifiers();

  template <class T, class... Args>
  T* make(Args&&... args) {
    return std::pmr::polymorphic_allocator<>(arena_).new_object<T>(std::forward<Args>(args)...);
  }
  Identifier* make_text(std::string_view text);
  Type* make_type(TypeKind kind, std::string_view word);
  std::string_view keep(std::string_view text);

  Reader in_;
  std::pmr::memory_resource* arena_;
  BackReferences back_references_;
  int depth_ = 0;
  std::size_t rendered_ = 0;  // bytes printed for the sake of back-references
};

// One step of recursion: the name fails where it nests too deep.
class Parser::Level {
 public:
  explicit Level(Parser& parser) : parser_(parser) {
    if (++parser_.depth_ > kMaxDepth) parser_.in_.fail();
  }
  ~Level() { --parser_.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  static constexpr int kMaxDepth = 300;
  Parser& parser_;
};

// The longest text that is made of one name.
inline constexpr std::size_t kMaxOutput = std::size_t{16} * 1024;

}  // namespace ntstack::symbols::undecorating
