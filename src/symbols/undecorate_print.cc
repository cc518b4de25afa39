#include "symbols/undecorate_print.h"

#include <fmt/format.h>

#include <iterator>

namespace ntstack::symbols::undecorating {
namespace {

// Back-references can chain types deeper than the name's own text nests.
constexpr int kMaxDepth = 600;

bool ends_in_word(const std::string& text) {
  if (text.empty()) return false;
  const char c = text.back();
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '>';
}

bool needs_parentheses(const Type& pointee) {
  return pointee.kind == TypeKind::function || pointee.kind == TypeKind::array;
}

}  // namespace

class Printer::Level {
 public:
  explicit Level(Printer& printer) : printer_(printer) {
    if (++printer_.depth_ > kMaxDepth) printer_.overflowed_ = true;
  }
  ~Level() { --printer_.depth_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  Printer& printer_;
};

void Printer::add(std::string_view text) {
  if (overflowed_) return;
  if (text.size() > limit_ - out_.size()) {
    overflowed_ = true;
    return;
  }
  out_ += text;
}

void Printer::add_signed(std::int64_t value) { add(fmt::format_int(value).c_str()); }
void Printer::add_unsigned(std::uint64_t value) { add(fmt::format_int(value).c_str()); }

void Printer::add_number(Number number) {
  if (number.is_negative) add("-");
  add_unsigned(number.magnitude);
}

void Printer::add_offsets(const std::int64_t* offsets, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (i != 0) add(", ");
    add_signed(offsets[i]);
  }
}

void Printer::space_after_word() {
  if (ends_in_word(out_)) add(" ");
}

void Printer::symbol(const Symbol& symbol, Detail detail) {
  const Level level(*this);
  if (overflowed_) return;
  switch (symbol.kind) {
    case SymbolKind::text:
      return add(symbol.text);
    case SymbolKind::bare:
      return name(*symbol.name, detail);
    case SymbolKind::table:
      return table(symbol, detail);
    case SymbolKind::variable:
      return variable(symbol, detail);
    case SymbolKind::function:
      break;
  }
  before_function(*symbol.function, detail);
  space_after_word();
  name(*symbol.name, detail);
  thunk_adjustment(*symbol.function);
  after_function(*symbol.function, symbol.qualifiers, detail);
}

void Printer::symbol_name(const Symbol& of) {
  if (of.kind != SymbolKind::function) return symbol(of, Detail::names);
  name(*of.name, Detail::names);
  thunk_adjustment(*of.function);
}

void Printer::table(const Symbol& symbol, Detail detail) {
  if (symbol.qualifiers != kNone) {
    add_qualifiers(symbol.qualifiers);
    add(" ");
  }
  name(*symbol.name, detail);
  if (!symbol.table_target) return;
  add("{for `");
  name(*symbol.table_target, detail);
  add("'}");
}

void Printer::variable(const Symbol& symbol, Detail detail) {
  if (detail == Detail::names) return name(*symbol.name, detail);
  add(symbol.access);
  if (!symbol.access.empty()) add(": ");
  if (symbol.is_static) add("static ");
  before(*symbol.type, detail);
  space_after_word();
  name(*symbol.name, detail);
  after(*symbol.type, detail);
}

void Printer::name(const Name& name, Detail detail) {
  bool is_first = true;
  for (const Identifier* part : name.parts) {
    if (!is_first) add("::");
    is_first = false;
    identifier(*part, detail);
  }
}

void Printer::identifier(const Identifier& id, Detail detail) {
  const Level level(*this);
  if (overflowed_) return;
  switch (id.kind) {
    case IdentifierKind::text:
      add(id.text);
      break;
    case IdentifierKind::destructor:
      add("~");
      [[fallthrough]];
    case IdentifierKind::constructor:
      identifier(*id.owner, detail);
      break;
    case IdentifierKind::conversion:
      add("operator");
      break;
    case IdentifierKind::literal_operator:
      add("operator \"\"");
      add(id.text);
      break;
    case IdentifierKind::local_scope:
      add("`");
      symbol(*id.subject, Detail::full);
      add("'::`");
      add_unsigned(id.number.magnitude);
      add("'");
      break;
    case IdentifierKind::local_guard:
      add(id.text);
      if (id.number.magnitude == 0) break;
      add("{");
      add_unsigned(id.number.magnitude);
      add("}");
      break;
    case IdentifierKind::base_descriptor:
      add("`RTTI Base Class Descriptor at (");
      add_offsets(id.offsets.data(), id.offsets.size());
      add(")'");
      break;
    case IdentifierKind::vcall:
      add("`vcall'{");
      add_unsigned(id.number.magnitude);
      add(", {flat}}");
      break;
    case IdentifierKind::dynamic_initializer:
    case IdentifierKind::dynamic_destructor:
      dynamic_structor(id, detail);
      break;
  }
  arguments(id, detail);
  if (id.kind == IdentifierKind::conversion) {
    add(" ");
    before(*id.target, detail);
    after(*id.target, detail);
  }
}

void Printer::dynamic_structor(const Identifier& id, Detail detail) {
  add(id.kind == IdentifierKind::dynamic_destructor ? "`dynamic atexit destructor for "
                                                    : "`dynamic initializer for ");
  if (id.subject->kind == SymbolKind::variable) {
    add("`");
    symbol(*id.subject, detail);
  } else {
    add("'");
    name(*id.subject->name, detail);
  }
  add("''");
}

void Printer::arguments(const Identifier& id, Detail detail) {
  if (!id.has_arguments) return;
  add("<");
  bool is_first = true;
  for (const TemplateArgument& each : *id.arguments) {
    if (!is_first) add(", ");
    is_first = false;
    argument(each, detail);
  }
  add(">");
}

void Printer::argument(const TemplateArgument& of, Detail detail) {
  switch (of.kind) {
    case ArgumentKind::type:
      before(*of.type, detail);
      after(*of.type, detail);
      break;
    case ArgumentKind::name:
      name(*of.name, detail);
      break;
    case ArgumentKind::integer:
      add_number(of.integer);
      break;
    case ArgumentKind::address:
      add("&");
      if (of.symbol) symbol(*of.symbol, detail);
      break;
    case ArgumentKind::reference:
      symbol(*of.symbol, detail);
      break;
    case ArgumentKind::member_pointer:
      member_pointer(of, detail);
      break;
  }
}

void Printer::member_pointer(const TemplateArgument& of, Detail detail) {
  add("{");
  if (of.symbol) {
    symbol(*of.symbol, detail);
    add(", ");
  }
  add_offsets(of.offsets.data(), of.offset_count);
  add("}");
}

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
