// Names: scopes, local scopes, anonymous namespaces, back-references.
#include <algorithm>

#include "symbols/undecorate_operators.h"
#include "symbols/undecorate_parser.h"
#include "symbols/undecorate_print.h"

namespace ntstack::symbols::undecorating {
namespace {

// Whether '?', a number and '?' begin `rest`: a scope inside a function. The number is one digit
// (or
// '@', 0), or base 16 digits that do not begin with 'A', which is an anonymous namespace's letter.
bool begins_local_scope(std::string_view rest) {
  if (!rest.starts_with('?')) return false;
  rest.remove_prefix(1);
  if (rest.size() < 2) return false;
  if (rest[1] == '?') return rest[0] == '@' || is_digit(rest[0]);
  if (rest[0] < 'B' || rest[0] > 'P') return false;
  std::size_t i = 1;
  while (i < rest.size() && rest[i] >= 'A' && rest[i] <= 'P') ++i;
  return rest.substr(i).starts_with("@?");
}

}  // namespace

Identifier* Parser::make_text(std::string_view text) {
  auto* result = make<Identifier>();
  result->text = text;
  return result;
}

std::string_view Parser::keep(std::string_view text) {
  char* copy = std::pmr::polymorphic_allocator<>(arena_).allocate_object<char>(text.size());
  std::copy(text.begin(), text.end(), copy);
  return {copy, text.size()};
}

Name* Parser::symbol_name() {
  Name* result = scopes_around(unqualified_symbol_name());
  if (in_.failed()) return result;
  Identifier& innermost = *result->parts.back();
  if (innermost.kind != IdentifierKind::constructor &&
      innermost.kind != IdentifierKind::destructor) {
    return result;
  }
  if (result->parts.size() < 2) {
    in_.fail();
    return result;
  }
  innermost.owner = result->parts[result->parts.size() - 2];
  return result;
}

Name* Parser::type_name() { return scopes_around(unqualified_type_name()); }

// The scopes stand innermost first in the decorated name, and end with '@'.
Name* Parser::scopes_around(Identifier* innermost) {
  auto* result = make<Name>(arena_);
  result->parts.push_back(innermost);
  while (!in_.failed() && !in_.consume('@')) {
    if (in_.at_end()) in_.fail();
    result->parts.push_back(scope());
  }
  std::reverse(result->parts.begin(), result->parts.end());
  return result;
}

Identifier* Parser::unqualified_symbol_name() {
  if (in_.at_digit()) return back_reference();
  if (in_.at("?$")) return template_name(Place::symbol);
  if (in_.at('?')) return operator_name();
  return simple_name(Remember::yes);
}

Identifier* Parser::unqualified_type_name() {
  if (in_.at_digit()) return back_reference();
  if (in_.at("?$")) return template_name(Place::scope);
  return simple_name(Remember::yes);
}

Identifier* Parser::scope() {
  if (in_.at_digit()) return back_reference();
  if (in_.at("?$")) return template_name(Place::scope);
  if (in_.at("?A")) return anonymous_namespace();
  if (begins_local_scope(in_.rest())) return local_scope();
  return simple_name(Remember::yes);
}

Identifier* Parser::simple_name(Remember remembered) {
  Identifier* result = make_text(in_.take_until_at());
  if (result->text.empty()) in_.fail();
  if (remembered == Remember::yes) remember(result);
  return result;
}

// "?A0x1a2b3c4d@". A back-reference to it gives the key alone, as llvm-undname does.
Identifier* Parser::anonymous_namespace() {
  in_.skip(2);
  remember(make_text(in_.take_until_at()));
  return make_text("`anonymous namespace'");
}

Identifier* Parser::local_scope() {
  auto* result = make<Identifier>();
  result->kind = IdentifierKind::local_scope;
  in_.expect('?');
  result->number = in_.number();
  in_.expect('?');
  result->subject = symbol();
  return result;
}

Identifier* Parser::back_reference() {
  const auto index = static_cast<std::size_t>(in_.take() - '0');
  if (index < back_references_.name_count) return back_references_.names[index];
  in_.fail();
  return make_text({});
}

void Parser::remember(Identifier* identifier) {
  BackReferences& known = back_references_;
  if (known.name_count == known.names.size()) return;
  for (std::size_t i = 0; i < known.name_count; ++i) {
    if (known.names[i]->text == identifier->text) return;
  }
  known.names[known.name_count++] = identifier;
}

// Templates, and the names of functions that are template arguments, are repeated as the text that
// they have in full.
void Parser::remember_rendered(const Identifier& identifier) {
  constexpr std::size_t kMaxRendered = std::size_t{1024} * 1024;
  if (in_.failed() || back_references_.name_count == back_references_.names.size()) return;
  Printer printer(kMaxOutput);
  printer.identifier(identifier, Detail::full);
  rendered_ += printer.text().size();
  if (printer.overflowed() || rendered_ > kMaxRendered) return in_.fail();
  remember(make_text(keep(printer.text())));
}

Identifier* Parser::operator_name() {
  in_.expect('?');
  auto* result = make<Identifier>();
  if (in_.consume("__K")) {
    result->kind = IdentifierKind::literal_operator;
    result->text = simple_name(Remember::no)->text;
  } else if (in_.consume('0')) {
    result->kind = IdentifierKind::constructor;
  } else if (in_.consume('1')) {
    result->kind = IdentifierKind::destructor;
  } else if (in_.consume('B')) {
    result->kind = IdentifierKind::conversion;
  } else {
    const std::size_t underscores = in_.consume("__") ? 2 : in_.consume('_') ? 1 : 0;
    const auto text = operator_text(underscores, in_.take());
    if (!text) in_.fail();
    result->text = text.value_or(std::string_view());
  }
  return result;
}

}  // namespace ntstack::symbols::undecorating
