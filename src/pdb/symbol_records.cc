#include "pdb/symbol_records.h"

#include "pdb/cursor.h"

namespace ntstack::pdb {

std::optional<SymbolRecord> symbol_at(base::Bytes symbols, std::uint32_t at) {
  const auto length = symbols.get<std::uint16_t>(at);
  const auto kind = symbols.get<std::uint16_t>(std::uint64_t{at} + 2);
  if (!length || !kind || *length < 2) return std::nullopt;
  const auto fields = symbols.slice(std::uint64_t{at} + 4, *length - 2U);
  if (!fields) return std::nullopt;
  return SymbolRecord{*kind, *fields, at, at + 2 + *length};
}

namespace {

// Reads a procedure up to its name.
std::optional<ProcedureSymbol> take_procedure_place(Cursor& cursor, std::uint16_t kind) {
  ProcedureSymbol procedure;
  cursor.u32();  // parent
  procedure.end = cursor.u32();
  cursor.u32();  // next
  if (is_procedure(kind)) {
    procedure.size = cursor.u32();
    cursor.skip(12);  // where the prolog ends and the epilog begins; the type
    procedure.place.offset = cursor.u32();
    procedure.place.section = cursor.u16();
    cursor.u8();  // flags
  } else if (kind == S_THUNK32) {
    procedure.place.offset = cursor.u32();
    procedure.place.section = cursor.u16();
    procedure.size = cursor.u16();
    cursor.u8();  // kind of thunk
  } else {
    return std::nullopt;
  }
  if (!cursor.ok()) return std::nullopt;
  return procedure;
}

}  // namespace

std::optional<ProcedureSymbol> procedure_place_of(const SymbolRecord& record) {
  Cursor cursor(record.fields);
  return take_procedure_place(cursor, record.kind);
}

std::optional<ProcedureSymbol> procedure_of(const SymbolRecord& record) {
  Cursor cursor(record.fields);
  auto procedure = take_procedure_place(cursor, record.kind);
  if (!procedure) return std::nullopt;
  procedure->name = cursor.text();
  if (!cursor.ok()) return std::nullopt;
  return procedure;
}

std::optional<NamedPlace> label_of(const SymbolRecord& record) {
  if (record.kind != S_LABEL32) return std::nullopt;
  Cursor cursor(record.fields);
  NamedPlace label;
  label.place.offset = cursor.u32();
  label.place.section = cursor.u16();
  label.flags = cursor.u8();
  label.name = cursor.text();
  if (!cursor.ok()) return std::nullopt;
  return label;
}

std::optional<NamedPlace> data_of(const SymbolRecord& record) {
  if (record.kind != S_GDATA32 && record.kind != S_LDATA32) return std::nullopt;
  Cursor cursor(record.fields);
  NamedPlace data;
  cursor.u32();  // type
  data.place.offset = cursor.u32();
  data.place.section = cursor.u16();
  data.name = cursor.text();
  if (!cursor.ok()) return std::nullopt;
  return data;
}

std::optional<NamedPlace> public_of(const SymbolRecord& record) {
  if (record.kind != S_PUB32) return std::nullopt;
  Cursor cursor(record.fields);
  NamedPlace found;
  found.flags = cursor.u32();
  found.place.offset = cursor.u32();
  found.place.section = cursor.u16();
  found.name = cursor.text();
  if (!cursor.ok()) return std::nullopt;
  return found;
}

std::optional<SeparatedCode> separated_code_of(const SymbolRecord& record) {
  if (record.kind != S_SEPCODE) return std::nullopt;
  Cursor cursor(record.fields);
  SeparatedCode code;
  cursor.skip(8);  // parent and end
  code.size = cursor.u32();
  cursor.u32();  // flags
  code.place.offset = cursor.u32();
  code.parent.offset = cursor.u32();
  code.place.section = cursor.u16();
  code.parent.section = cursor.u16();
  if (!cursor.ok()) return std::nullopt;
  return code;
}

std::optional<Trampoline> trampoline_of(const SymbolRecord& record) {
  if (record.kind != S_TRAMPOLINE) return std::nullopt;
  Cursor cursor(record.fields);
  Trampoline trampoline;
  cursor.u16();  // incremental or branch island
  trampoline.size = cursor.u16();
  trampoline.place.offset = cursor.u32();
  trampoline.target.offset = cursor.u32();
  trampoline.place.section = cursor.u16();
  trampoline.target.section = cursor.u16();
  if (!cursor.ok()) return std::nullopt;
  return trampoline;
}

std::optional<ProcedureReference> procedure_reference_of(const SymbolRecord& record) {
  if (record.kind != S_PROCREF && record.kind != S_LPROCREF) return std::nullopt;
  Cursor cursor(record.fields);
  ProcedureReference reference;
  cursor.u32();  // a checksum of the name
  reference.symbol = cursor.u32();
  reference.module = cursor.u16();
  reference.name = cursor.text();
  if (!cursor.ok()) return std::nullopt;
  return reference;
}

}  // namespace ntstack::pdb
