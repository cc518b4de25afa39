// Whole symbols: what kind a decorated name is, variables, and names that are mere text.
#include "symbols/undecorate_parser.h"

namespace ntstack::symbols::undecorating {

Symbol* Parser::symbol() {
  const Level level(*this);
  if (in_.at('.')) return type_descriptor_name();
  if (in_.at("??@")) return hashed_name();
  in_.expect('?');
  if (Symbol* found = special()) return found;
  return declared();
}

Symbol* Parser::bare(Name* name) {
  auto* result = make<Symbol>();
  result->name = name;
  return result;
}

Symbol* Parser::text_symbol(std::string_view text) {
  auto* result = make<Symbol>();
  result->kind = SymbolKind::text;
  result->text = text;
  return result;
}

// ".?AVC@@": the text inside a type descriptor, all of which is a type.
Symbol* Parser::type_descriptor_name() {
  in_.expect('.');
  auto* result = bare(make<Name>(arena_));
  result->kind = SymbolKind::variable;
  result->name->parts.push_back(make_text("`RTTI Type Descriptor Name'"));
  result->type = type(Leading::question_mark);
  if (!in_.at_end()) in_.fail();
  return result;
}

// "??@HASH@": the compiler's stand-in for a name longer than 4096 characters.
Symbol* Parser::hashed_name() {
  const std::string_view all = in_.rest();
  in_.skip(3);
  in_.take_until_at();
  in_.consume("??_R4@");
  auto* name = make<Name>(arena_);
  name->parts.push_back(make_text(all.substr(0, all.size() - in_.rest().size())));
  return bare(name);
}

Symbol* Parser::declared() {
  Name* name = symbol_name();
  if (in_.failed()) return make<Symbol>();
  const bool is_variable = !in_.at_end() && in_.rest().front() >= '0' && in_.rest().front() <= '4';
  Symbol* result = is_variable ? variable(in_.take()) : function_symbol();
  result->name = name;
  Identifier& innermost = *name->parts.back();
  if (innermost.kind != IdentifierKind::conversion) return result;
  if (result->function) innermost.target = result->function->result;
  if (!innermost.target) in_.fail();
  return result;
}

Symbol* Parser::variable(char storage) {
  constexpr std::string_view kAccess[] = {"private", "protected", "public", "", ""};
  auto* result = make<Symbol>();
  result->kind = SymbolKind::variable;
  result->access = kAccess[storage - '0'];
  result->is_static = storage <= '2';
  Type* found = type(Leading::nothing);
  variable_qualifiers(*found);
  result->type = found;
  return result;
}

// A pointer's own qualifiers stand with its type; those behind it are of what it points to.
void Parser::variable_qualifiers(Type& type) {
  if (in_.failed()) return;
  if (type.kind != TypeKind::pointer) {
    type.qualifiers = qualifiers().first;
    return;
  }
  type.qualifiers |= pointer_extensions();
  type.inner->qualifiers |= qualifiers().first;
  if (type.name) type_name();
}

}  // namespace ntstack::symbols::undecorating
