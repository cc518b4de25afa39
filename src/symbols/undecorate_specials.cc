// Names that the compiler invents: tables, run-time type information, guards, initializers.
#include "symbols/undecorate_parser.h"

namespace ntstack::symbols::undecorating {

// Null, and nothing read, where no such name is next.
Symbol* Parser::special() {
  if (in_.consume("?_7")) return table("`vftable'");
  if (in_.consume("?_8")) return table("`vbtable'");
  if (in_.consume("?_9")) return virtual_call();
  if (in_.consume("?_B")) return local_guard("`local static guard'");
  if (in_.consume("?_C")) return string_literal();
  if (in_.consume("?_R0")) return type_descriptor();
  if (in_.consume("?_R1")) return base_descriptor();
  if (in_.consume("?_R2")) return rtti_table("`RTTI Base Class Array'");
  if (in_.consume("?_R3")) return rtti_table("`RTTI Class Hierarchy Descriptor'");
  if (in_.consume("?_R4")) return table("`RTTI Complete Object Locator'");
  if (in_.consume("?_S")) return table("`local vftable'");
  if (in_.consume("?__E")) return dynamic_structor(IdentifierKind::dynamic_initializer);
  if (in_.consume("?__F")) return dynamic_structor(IdentifierKind::dynamic_destructor);
  if (in_.consume("?__J")) return local_guard("`local static thread guard'");
  // What never stands in a program: `typeof', `udt returning'.
  if (in_.at("?_A") || in_.at("?_P")) in_.fail();
  return nullptr;
}

Symbol* Parser::table(std::string_view name) {
  Symbol* result = bare(scopes_around(make_text(name)));
  result->kind = SymbolKind::table;
  if (!in_.consume('6')) in_.expect('7');
  result->qualifiers = qualifiers().first;
  if (!in_.consume('@')) result->table_target = type_name();
  return result;
}

// A thunk that calls through the vftable, for a pointer to a virtual member.
Symbol* Parser::virtual_call() {
  auto* identifier = make<Identifier>();
  identifier->kind = IdentifierKind::vcall;
  Symbol* result = bare(scopes_around(identifier));
  result->kind = SymbolKind::function;
  result->function = make<Function>(arena_);
  result->function->is_thunk = true;
  result->function->has_parameter_list = false;
  if (!in_.consume("$B")) in_.fail();
  identifier->number.magnitude = in_.unsigned_number();
  in_.expect('A');
  result->function->calling_convention = calling_convention();
  return result;
}

Symbol* Parser::local_guard(std::string_view name) {
  Identifier* identifier = make_text(name);
  identifier->kind = IdentifierKind::local_guard;
  Symbol* result = bare(scopes_around(identifier));
  if (!in_.consume("4IA")) in_.expect('5');
  if (!in_.at_end()) identifier->number.magnitude = in_.unsigned_number();
  return result;
}

Symbol* Parser::type_descriptor() {
  auto* result = bare(make<Name>(arena_));
  result->kind = SymbolKind::variable;
  result->name->parts.push_back(make_text("`RTTI Type Descriptor'"));
  result->type = type(Leading::question_mark);
  if (!in_.consume("@8") || !in_.at_end()) in_.fail();
  return result;
}

Symbol* Parser::rtti_table(std::string_view name) {
  Symbol* result = bare(scopes_around(make_text(name)));
  in_.expect('8');
  return result;
}

Symbol* Parser::base_descriptor() {
  auto* identifier = make<Identifier>();
  identifier->kind = IdentifierKind::base_descriptor;
  // All are of 32 bits; the second, of the vbtable's pointer, may be negative.
  identifier->offsets[0] = static_cast<std::uint32_t>(in_.unsigned_number());
  identifier->offsets[1] = static_cast<std::int32_t>(in_.signed_number());
  identifier->offsets[2] = static_cast<std::uint32_t>(in_.unsigned_number());
  identifier->offsets[3] = static_cast<std::uint32_t>(in_.unsigned_number());
  Symbol* result = bare(scopes_around(identifier));
  in_.consume('8');
  return result;
}

// The function that initializes a static variable, or destroys it at exit: "??__Ename@@YAXXZ" or
// "??__E?name@@3HA@@YAXXZ".
Symbol* Parser::dynamic_structor(IdentifierKind kind) {
  auto* identifier = make<Identifier>();
  identifier->kind = kind;
  const bool is_whole = in_.consume('?');
  Symbol* subject = declared();
  identifier->subject = subject;
  auto* name = make<Name>(arena_);
  name->parts.push_back(identifier);
  if (in_.failed()) return subject;
  Symbol* result = nullptr;
  if (subject->kind == SymbolKind::variable) {
    in_.expect('@');
    if (is_whole) in_.expect('@');
    result = function_symbol();
  } else {
    if (is_whole) in_.fail();
    result = make<Symbol>(*subject);
  }
  result->name = name;
  return result;
}

}  // namespace ntstack::symbols::undecorating
