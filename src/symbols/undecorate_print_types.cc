// Types and functions, inside out.
#include <utility>

#include "symbols/undecorate_print.h"

namespace ntstack::symbols::undecorating {
namespace {

bool needs_parentheses(const Type& pointee) {
  return pointee.kind == TypeKind::function || pointee.kind == TypeKind::array;
}

}  // namespace

void Printer::add_qualifiers(Qualifiers qualifiers) {
  constexpr std::pair<Qualifiers, std::string_view> kWords[] = {
      {kConst, "const"}, {kVolatile, "volatile"}, {kRestrict, "__restrict"}};
  bool is_first = true;
  for (const auto& [bit, word] : kWords) {
    if ((qualifiers & bit) == 0) continue;
    if (!is_first) add(" ");
    is_first = false;
    add(word);
  }
}

void Printer::before(const Type& type, Detail detail) {
  const Level level(*this);
  if (overflowed_) return;
  switch (type.kind) {
    case TypeKind::pointer:
      return before_pointer(type, detail);
    case TypeKind::function:
      return before_function(*type.function, detail);
    case TypeKind::array:
      before(*type.inner, detail);
      break;
    case TypeKind::tagged:
      add(type.word);
      add(" ");
      name(*type.name, detail);
      break;
    case TypeKind::word:
      if (type.identifier) return identifier(*type.identifier, detail);
      add(type.word);
      break;
  }
  if ((type.qualifiers & (kConst | kVolatile | kRestrict)) == 0) return;
  add(" ");
  add_qualifiers(type.qualifiers);
}

void Printer::before_pointer(const Type& type, Detail detail) {
  const Type& pointee = *type.inner;
  before(pointee, pointee.kind == TypeKind::function ? Detail::no_convention : detail);
  space_after_word();
  if (type.qualifiers & kUnaligned) add("__unaligned ");
  if (needs_parentheses(pointee)) add("(");
  if (pointee.kind == TypeKind::function) {
    calling_convention(*pointee.function);
    add(" ");
  }
  if (type.name) {
    name(*type.name, detail);
    add("::");
  }
  add(type.word);
  add_qualifiers(type.qualifiers);
}

void Printer::after(const Type& type, Detail detail) {
  const Level level(*this);
  if (overflowed_) return;
  switch (type.kind) {
    case TypeKind::word:
    case TypeKind::tagged:
      return;
    case TypeKind::function:
      return after_function(*type.function, type.qualifiers, detail);
    case TypeKind::array:
      extents(type);
      break;
    case TypeKind::pointer:
      if (needs_parentheses(*type.inner)) add(")");
      break;
  }
  after(*type.inner, detail);
}

void Printer::extents(const Type& type) {
  for (const std::uint64_t extent : type.extents) {
    add("[");
    if (extent != 0) add_unsigned(extent);
    add("]");
  }
}

void Printer::calling_convention(const Function& function) {
  if (function.calling_convention.empty()) return;
  space_after_word();
  add(function.calling_convention);
}

void Printer::before_function(const Function& function, Detail detail) {
  if (function.is_thunk) add("[thunk]: ");
  if (detail == Detail::names) return;
  add(function.access);
  if (!function.access.empty()) add(": ");
  if (function.is_static) add("static ");
  if (function.is_virtual) add("virtual ");
  if (function.is_extern_c) add("extern \"C\" ");
  if (function.result) {
    before(*function.result, detail);
    add(" ");
  }
  if (detail == Detail::full) calling_convention(function);
}

void Printer::thunk_adjustment(const Function& function) {
  switch (function.thunk) {
    case Thunk::none:
      return;
    case Thunk::adjustor:
      add("`adjustor{");
      add_offsets(function.offsets.data(), 1);
      break;
    case Thunk::vtordisp:
      add("`vtordisp{");
      add_offsets(function.offsets.data(), 2);
      break;
    case Thunk::vtordispex:
      add("`vtordispex{");
      add_offsets(function.offsets.data(), 4);
      break;
  }
  add("}'");
}

void Printer::after_function(const Function& function, Qualifiers qualifiers, Detail detail) {
  if (function.has_parameter_list) parameters(function, detail);
  if (qualifiers & kConst) add(" const");
  if (qualifiers & kVolatile) add(" volatile");
  if (qualifiers & kRestrict) add(" __restrict");
  if (qualifiers & kUnaligned) add(" __unaligned");
  if (function.is_noexcept) add(" noexcept");
  add(function.reference);
  if (function.result && detail != Detail::names) after(*function.result, detail);
}

void Printer::parameters(const Function& function, Detail detail) {
  add("(");
  if (function.is_void_list) add("void");
  bool is_first = true;
  for (const Type* parameter : function.parameters) {
    if (!is_first) add(", ");
    is_first = false;
    before(*parameter, detail);
    after(*parameter, detail);
  }
  if (function.is_variadic) add(out_.ends_with('(') ? "..." : ", ...");
  add(")");
}

}  // namespace ntstack::symbols::undecorating
