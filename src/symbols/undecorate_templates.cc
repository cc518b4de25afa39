// Template instances: their names and their arguments, types and values.
#include "symbols/undecorate_parser.h"

namespace ntstack::symbols::undecorating {

// "?$name@args@". Its arguments' back-references are their own.
Identifier* Parser::template_name(Place place) {
  const Level level(*this);
  in_.expect('?');
  in_.expect('$');
  const BackReferences outer = std::exchange(back_references_, {});
  // A copy: the arguments may refer to the bare name.
  auto* result = make<Identifier>(*unqualified_symbol_name());
  if (!in_.failed()) template_arguments(*result);
  back_references_ = outer;
  if (place == Place::symbol) return result;
  // These have no meaning outside their class.
  if (result->kind == IdentifierKind::conversion || result->kind == IdentifierKind::constructor ||
      result->kind == IdentifierKind::destructor) {
    in_.fail();
  }
  remember_rendered(*result);
  return result;
}

void Parser::template_arguments(Identifier& identifier) {
  auto* arguments = make<List<TemplateArgument>>();
  while (!in_.failed() && !in_.consume('@')) {
    if (in_.at_end()) return in_.fail();
    // An empty pack, or a mark between packs.
    if (in_.consume("$S") || in_.consume("$$V") || in_.consume("$$$V") || in_.consume("$$Z")) {
      continue;
    }
    arguments->push_back(template_argument());
  }
  identifier.arguments = arguments;
  identifier.has_arguments = true;
}

TemplateArgument Parser::template_argument() {
  TemplateArgument result;
  // "$M": the type of an `auto` parameter stands before the value, which then lacks its '$'.
  const bool is_deduced = in_.consume("$M");
  if (is_deduced) type(Leading::nothing);
  if (in_.consume("$$Y")) {
    result.kind = ArgumentKind::name;
    result.name = type_name();
  } else if (in_.consume("$$C")) {
    result.type = type(Leading::qualifiers);
  } else if (address_argument(is_deduced, result) || member_offsets_argument(is_deduced, result)) {
    return result;
  } else if (in_.at("$E?")) {
    in_.skip(2);
    result.kind = ArgumentKind::reference;
    result.symbol = symbol();
  } else if (in_.consume(is_deduced ? "0" : "$0")) {
    result.kind = ArgumentKind::integer;
    result.integer = in_.number();
  } else {
    in_.consume("$$B");  // may stand before an array
    result.type = type(Leading::nothing);
  }
  return result;
}

// "$1?symbol": an address; "$H", "$I", "$J": a member function with 1 to 3 adjustments of `this`.
bool Parser::address_argument(bool is_deduced, TemplateArgument& argument) {
  const std::string_view rest = in_.rest().substr(is_deduced || in_.at_end() ? 0 : 1);
  if (!is_deduced && !in_.at('$')) return false;
  if (rest.empty()) return false;
  const char code = rest.front();
  if (code != '1' && code != 'H' && code != 'I' && code != 'J') return false;
  in_.skip(is_deduced ? 1 : 2);
  argument.kind = ArgumentKind::address;
  if (in_.at('?')) {
    const Symbol* found = symbol();
    argument.symbol = found;
    if (!in_.failed() && (!found->name || found->name->parts.empty())) in_.fail();
    if (!in_.failed()) remember_rendered(*found->name->parts.back());
  }
  if (code != '1') offsets(argument, static_cast<unsigned>(code - 'H') + 1);
  return true;
}

// "$F" and "$G": a data member by 2 or 3 offsets.
bool Parser::member_offsets_argument(bool is_deduced, TemplateArgument& argument) {
  if (in_.consume(is_deduced ? "F" : "$F")) {
    offsets(argument, 2);
  } else if (in_.consume(is_deduced ? "G" : "$G")) {
    offsets(argument, 3);
  } else {
    return false;
  }
  return true;
}

void Parser::offsets(TemplateArgument& argument, unsigned count) {
  argument.kind = ArgumentKind::member_pointer;
  argument.offset_count = static_cast<std::uint8_t>(count);
  for (unsigned i = 0; i < count; ++i) argument.offsets[i] = in_.signed_number();
}

}  // namespace ntstack::symbols::undecorating
