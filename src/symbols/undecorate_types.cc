// Types: primitive ones, classes, pointers, references, pointers to members, arrays.
#include "symbols/undecorate_parser.h"

namespace ntstack::symbols::undecorating {

Type* Parser::make_type(TypeKind kind, std::string_view word) {
  auto* result = make<Type>(arena_);
  result->kind = kind;
  result->word = word;
  return result;
}

Type* Parser::type(Leading leading) {
  const Level level(*this);
  Qualifiers before = kNone;
  if (leading == Leading::qualifiers || (leading == Leading::question_mark && in_.consume('?'))) {
    before = qualifiers().first;
  }
  Type* result = unqualified_type();
  result->qualifiers |= before;
  return result;
}

Type* Parser::unqualified_type() {
  if (in_.consume('T')) return tagged("union");
  if (in_.consume('U')) return tagged("struct");
  if (in_.consume('V')) return tagged("class");
  if (in_.consume("W4")) return tagged("enum");
  if (in_.consume('Y')) return array();
  if (in_.consume('?')) return custom();
  const bool is_pointer = !in_.at_end() && in_.rest().front() >= 'P' && in_.rest().front() <= 'S';
  if (is_pointer || in_.at('A') || in_.at("$$Q")) {
    return pointer();
  }
  if (in_.consume("$$A8@@")) return function_type(*make<Function>(arena_), true);
  if (in_.consume("$$A6")) return function_type(*make<Function>(arena_), false);
  return primitive();
}

Type* Parser::primitive() {
  if (in_.consume("$$T")) return make_type(TypeKind::word, "std::nullptr_t");
  std::string_view word;
  switch (in_.take()) {
    case 'X':
      word = "void";
      break;
    case 'D':
      word = "char";
      break;
    case 'C':
      word = "signed char";
      break;
    case 'E':
      word = "unsigned char";
      break;
    case 'F':
      word = "short";
      break;
    case 'G':
      word = "unsigned short";
      break;
    case 'H':
      word = "int";
      break;
    case 'I':
      word = "unsigned int";
      break;
    case 'J':
      word = "long";
      break;
    case 'K':
      word = "unsigned long";
      break;
    case 'M':
      word = "float";
      break;
    case 'N':
      word = "double";
      break;
    case 'O':
      word = "long double";
      break;
    case '_':
      word = extended_primitive();
      break;
    default:
      break;
  }
  if (word.empty()) in_.fail();
  return make_type(TypeKind::word, word);
}

std::string_view Parser::extended_primitive() {
  switch (in_.take()) {
    case 'N':
      return "bool";
    case 'J':
      return "__int64";
    case 'K':
      return "unsigned __int64";
    case 'W':
      return "wchar_t";
    case 'Q':
      return "char8_t";
    case 'S':
      return "char16_t";
    case 'U':
      return "char32_t";
    default:
      return {};
  }
}

Type* Parser::tagged(std::string_view tag) {
  Type* result = make_type(TypeKind::tagged, tag);
  result->name = type_name();
  return result;
}

// A bare name in place of a type.
Type* Parser::custom() {
  Type* result = make_type(TypeKind::word, {});
  result->identifier = unqualified_type_name();
  in_.expect('@');
  return result;
}

Type* Parser::array() {
  Type* result = make_type(TypeKind::array, {});
  const std::uint64_t rank = in_.unsigned_number();
  if (rank == 0) in_.fail();
  for (std::uint64_t i = 0; i < rank && !in_.failed(); ++i) {
    result->extents.push_back(in_.unsigned_number());
  }
  if (in_.consume("$$C")) {
    const auto [found, is_member] = qualifiers();
    if (is_member) in_.fail();
    result->qualifiers = found;
  }
  result->inner = type(Leading::nothing);
  return result;
}

// Whether the pointer that is next points to a member of a class.
bool Parser::points_to_member() {
  Reader ahead = in_;
  const char kind = ahead.take();
  if (kind == '$' || kind == 'A') return false;
  if (ahead.at_digit()) {
    if (!ahead.at('6') && !ahead.at('8')) in_.fail();
    return ahead.at('8');
  }
  ahead.consume('E');
  ahead.consume('I');
  ahead.consume('F');
  const char code = ahead.take();
  if (code >= 'A' && code <= 'D') return false;
  if (code < 'Q' || code > 'T') in_.fail();
  return true;
}

Type* Parser::pointer() {
  const bool is_to_member = points_to_member();
  Type* result = make_type(TypeKind::pointer, "*");
  if (in_.consume("$$Q")) {
    result->word = "&&";
  } else {
    switch (in_.take()) {
      case 'A':
        result->word = "&";
        break;
      case 'Q':
        result->qualifiers = kConst;
        break;
      case 'R':
        result->qualifiers = kVolatile;
        break;
      case 'S':
        result->qualifiers = kConst | kVolatile;
        break;
      default:
        break;
    }
  }
  if (is_to_member) return pointer_to_member(*result);
  if (in_.consume('6')) {
    result->inner = function_type(*make<Function>(arena_), false);
    return result;
  }
  result->qualifiers |= pointer_extensions();
  result->inner = type(Leading::qualifiers);
  return result;
}

Type* Parser::pointer_to_member(Type& pointer) {
  pointer.qualifiers |= pointer_extensions();
  if (in_.consume('8')) {
    pointer.name = type_name();
    pointer.inner = function_type(*make<Function>(arena_), true);
    return &pointer;
  }
  const Qualifiers of_member = qualifiers().first;
  pointer.name = type_name();
  pointer.inner = type(Leading::nothing);
  pointer.inner->qualifiers = of_member;
  return &pointer;
}

// __ptr64 (not printed), __restrict and __unaligned, in this order.
Qualifiers Parser::pointer_extensions() {
  in_.consume('E');
  Qualifiers found = kNone;
  if (in_.consume('I')) found |= kRestrict;
  if (in_.consume('F')) found |= kUnaligned;
  return found;
}

std::pair<Qualifiers, bool> Parser::qualifiers() {
  switch (in_.take()) {
    case 'A':
      return {kNone, false};
    case 'B':
      return {kConst, false};
    case 'C':
      return {kVolatile, false};
    case 'D':
      return {kConst | kVolatile, false};
    case 'Q':
      return {kNone, true};
    case 'R':
      return {kConst, true};
    case 'S':
      return {kVolatile, true};
    case 'T':
      return {kConst | kVolatile, true};
    default:
      in_.fail();
      return {kNone, false};
  }
}

}  // namespace ntstack::symbols::undecorating
