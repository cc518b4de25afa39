// What a decorated C++ name says, as plain structs: names, types, functions, symbols. They live in
// one arena for as long as one name is read, point to each other and are shared by back-references.
#pragma once

#include <array>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace ntstack::symbols::undecorating {

struct Name;
struct Type;
struct Symbol;

template <class T>
using List = std::pmr::vector<T>;

// Sets of cv-qualifiers and their kin.
using Qualifiers = std::uint8_t;
inline constexpr Qualifiers kNone = 0, kConst = 1, kVolatile = 2, kRestrict = 4, kUnaligned = 8;

struct Number {
  std::uint64_t magnitude = 0;
  bool is_negative = false;
};

enum class ArgumentKind : std::uint8_t {
  type,
  name,  // an alias template's argument: a bare qualified name
  integer,
  address,         // &symbol, or "&" where there is no symbol
  reference,       // symbol
  member_pointer,  // {symbol, 0, 8} or {0, 8}
};

struct TemplateArgument {
  ArgumentKind kind = ArgumentKind::type;
  const Type* type = nullptr;
  const Name* name = nullptr;
  const Symbol* symbol = nullptr;
  Number integer{};
  std::array<std::int64_t, 3> offsets{};
  std::uint8_t offset_count = 0;
};

enum class IdentifierKind : std::uint8_t {
  text,  // as it stands, operators and back-references too
  constructor,
  destructor,
  conversion,           // operator TYPE
  literal_operator,     // operator ""text
  local_scope,          // `subject'::`number'
  local_guard,          // text{number}, without braces where the number is 0
  base_descriptor,      // `RTTI Base Class Descriptor at (...)'
  dynamic_initializer,  // `dynamic initializer for 'subject''
  dynamic_destructor,
  vcall,  // `vcall'{number, {flat}}
};

// One piece of a qualified name.
struct Identifier {
  IdentifierKind kind = IdentifierKind::text;
  std::string_view text;
  bool has_arguments = false;
  const List<TemplateArgument>* arguments = nullptr;
  const Identifier* owner =
      nullptr;                      // constructors, destructors: the class; null until it is known
  const Type* target = nullptr;     // conversion: the type; null until it is known
  const Symbol* subject = nullptr;  // local scope, dynamic initializer
  Number number{};
  std::array<std::int64_t, 4> offsets{};  // base_descriptor
};

// Outermost scope first.
struct Name {
  explicit Name(std::pmr::memory_resource* arena) : parts(arena) {}
  List<Identifier*> parts;
};

enum class Thunk : std::uint8_t { none, adjustor, vtordisp, vtordispex };

struct Function {
  explicit Function(std::pmr::memory_resource* arena) : parameters(arena) {}
  std::string_view access;  // "public", or empty
  bool is_static = false;
  bool is_virtual = false;
  bool is_extern_c = false;
  bool has_parameter_list = true;
  bool is_variadic = false;
  bool is_noexcept = false;
  bool is_void_list = false;            // (void), not ()
  bool is_thunk = false;                // "[thunk]: " leads
  Thunk thunk = Thunk::none;            // what is adjusted, behind the name
  std::string_view calling_convention;  // "__cdecl"
  std::string_view reference;           // " &" and " &&" behind member functions
  const Type* result = nullptr;
  List<const Type*> parameters;
  std::array<std::int64_t, 4> offsets{};  // in the order of printing: 1, 2 or 4 of them
};

enum class TypeKind : std::uint8_t { word, tagged, pointer, array, function };

struct Type {
  explicit Type(std::pmr::memory_resource* arena) : extents(arena) {}
  TypeKind kind = TypeKind::word;
  Qualifiers qualifiers = kNone;           // of a function: those of `this`
  std::string_view word;                   // "int"; "class"; "*", "&", "&&"
  const Name* name = nullptr;              // tagged: the class; pointer to a member: whose member
  const Identifier* identifier = nullptr;  // word: in place of it
  Type* inner = nullptr;                   // what is pointed to, the array's element
  Function* function = nullptr;
  List<std::uint64_t> extents;  // array
};

enum class SymbolKind : std::uint8_t { function, variable, table, bare, text };

struct Symbol {
  SymbolKind kind = SymbolKind::bare;
  Name* name = nullptr;
  Function* function = nullptr;
  Qualifiers qualifiers = kNone;       // function: of `this`; table: of the table
  const Type* type = nullptr;          // variable
  std::string_view access;             // variable
  bool is_static = false;              // variable
  const Name* table_target = nullptr;  // table: {for `target'}
  std::string_view text;               // text: a string literal
};

}  // namespace ntstack::symbols::undecorating
