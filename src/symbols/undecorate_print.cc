// Symbols, names and template arguments.
#include "symbols/undecorate_print.h"

#include <fmt/format.h>

#include <iterator>

namespace ntstack::symbols::undecorating {
namespace {

bool ends_in_word(const std::string& text) {
  if (text.empty()) return false;
  const char c = text.back();
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '>';
}

}  // namespace

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

}  // namespace ntstack::symbols::undecorating
