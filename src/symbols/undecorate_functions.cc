// Functions: access and kind, thunks, calling conventions, parameters.
#include "symbols/undecorate_parser.h"

namespace ntstack::symbols::undecorating {
namespace {

constexpr std::string_view kAccess[] = {"private", "protected", "public"};

}  // namespace

Symbol* Parser::function_symbol() {
  auto* result = make<Symbol>();
  result->kind = SymbolKind::function;
  auto* function = make<Function>(arena_);
  result->function = function;
  const bool is_extern_c = in_.consume("$$J0");
  function_class(*function);
  if (is_extern_c) function->is_extern_c = true;
  if (!function->has_parameter_list) return result;
  const bool has_this = !function->access.empty() && !function->is_static;
  result->qualifiers = function_type(*function, has_this)->qualifiers;
  return result;
}

// 'A' to 'X' are members, in eights by access: plain, static, virtual and adjusting `this`, each
// twice (near, far); 'Y' and 'Z' are free functions; '9' is an extern "C" function without a type.
void Parser::function_class(Function& function) {
  if (in_.consume('$')) return thunk_class(function);
  const char code = in_.take();
  if (code == '9') {
    function.is_extern_c = true;
    function.has_parameter_list = false;
    return;
  }
  if (code == 'Y' || code == 'Z') return;
  if (code < 'A' || code > 'X') return in_.fail();
  function.access = kAccess[(code - 'A') / 8];
  switch ((code - 'A') % 8 / 2) {
    case 0:
      break;
    case 1:
      function.is_static = true;
      break;
    case 2:
      function.is_virtual = true;
      break;
    default:
      // As llvm-undname has it, only two of the three are called virtual.
      function.is_virtual = code != 'G' && code != 'H';
      function.is_thunk = true;
      function.thunk = Thunk::adjustor;
      function.offsets[0] = static_cast<std::uint32_t>(in_.signed_number());
  }
}

// "$0" to "$5": virtual functions that adjust `this` by a displacement found at run time.
void Parser::thunk_class(Function& function) {
  const bool is_extended = in_.consume('R');
  const char code = in_.take();
  if (code < '0' || code > '5') return in_.fail();
  function.access = kAccess[(code - '0') / 2];
  function.is_virtual = true;
  function.is_thunk = true;
  function.thunk = is_extended ? Thunk::vtordispex : Thunk::vtordisp;
  // All are of 32 bits, the fixed adjustment (the last) without a sign.
  const std::size_t last = is_extended ? 3 : 1;
  for (std::size_t i = 0; i < last; ++i) {
    function.offsets[i] = static_cast<std::int32_t>(in_.signed_number());
  }
  function.offsets[last] = static_cast<std::uint32_t>(in_.signed_number());
}

// Unknown letters mean no convention, as llvm-undname has it.
std::string_view Parser::calling_convention() {
  switch (in_.take()) {
    case 'A':
    case 'B':
      return "__cdecl";
    case 'C':
    case 'D':
      return "__pascal";
    case 'E':
    case 'F':
      return "__thiscall";
    case 'G':
    case 'H':
      return "__stdcall";
    case 'I':
    case 'J':
      return "__fastcall";
    case 'M':
    case 'N':
      return "__clrcall";
    case 'O':
    case 'P':
      return "__eabi";
    case 'Q':
      return "__vectorcall";
    case 'S':
      return "__attribute__((__swiftcall__)) ";
    case 'W':
      return "__attribute__((__swiftasynccall__)) ";
    default:
      return {};
  }
}

Type* Parser::function_type(Function& function, bool has_this) {
  const Level level(*this);
  Type* result = make_type(TypeKind::function, {});
  result->function = &function;
  if (has_this) {
    result->qualifiers = pointer_extensions();
    if (in_.consume('G')) {
      function.reference = " &";
    } else if (in_.consume('H')) {
      function.reference = " &&";
    }
    result->qualifiers |= qualifiers().first;
  }
  function.calling_convention = calling_convention();
  // Constructors and destructors have no result.
  if (!in_.consume('@')) function.result = type(Leading::question_mark);
  parameter_list(function);
  throw_specification(function);
  return result;
}

void Parser::parameter_list(Function& function) {
  if (in_.consume('X')) {
    function.is_void_list = true;
    return;
  }
  while (!in_.failed() && !in_.at('@') && !in_.at('Z')) {
    if (in_.at_digit()) {
      const auto index = static_cast<std::size_t>(in_.take() - '0');
      if (index >= back_references_.type_count) return in_.fail();
      function.parameters.push_back(back_references_.types[index]);
      continue;
    }
    const std::size_t before = in_.rest().size();
    const Type* parameter = type(Leading::nothing);
    function.parameters.push_back(parameter);
    // A type of one character is as short as a reference to it.
    if (before - in_.rest().size() <= 1) continue;
    if (back_references_.type_count == back_references_.types.size()) continue;
    back_references_.types[back_references_.type_count++] = parameter;
  }
  if (in_.consume('@')) return;
  in_.expect('Z');
  function.is_variadic = true;
}

void Parser::throw_specification(Function& function) {
  if (in_.consume("_E")) {
    function.is_noexcept = true;
  } else {
    in_.expect('Z');
  }
}

}  // namespace ntstack::symbols::undecorating
