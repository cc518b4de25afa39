// CodeView symbol records: u16 length (of what follows), u16 kind, the kind's fields, padding.
// Kinds and layouts from Microsoft's published cvinfo.h and LLVM's CodeView sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "pdb/address_map.h"

namespace ntstack::pdb {

enum SymbolKind : std::uint16_t {
  S_END = 0x0006,
  S_THUNK32 = 0x1102,
  S_BLOCK32 = 0x1103,
  S_LABEL32 = 0x1105,
  S_LDATA32 = 0x110c,
  S_GDATA32 = 0x110d,
  S_PUB32 = 0x110e,
  S_LPROC32 = 0x110f,
  S_GPROC32 = 0x1110,
  S_PROCREF = 0x1125,
  S_LPROCREF = 0x1127,
  S_TRAMPOLINE = 0x112c,
  S_SEPCODE = 0x1132,
  S_LPROC32_ID = 0x1146,
  S_GPROC32_ID = 0x1147,
  S_INLINESITE = 0x114d,
  S_INLINESITE_END = 0x114e,
  S_PROC_ID_END = 0x114f,
  S_LPROC32_DPC = 0x1155,
  S_LPROC32_DPC_ID = 0x1156,
  S_INLINESITE2 = 0x115d,
};

constexpr bool is_procedure(std::uint16_t kind) {
  return kind == S_GPROC32 || kind == S_LPROC32 || kind == S_GPROC32_ID || kind == S_LPROC32_ID ||
         kind == S_LPROC32_DPC || kind == S_LPROC32_DPC_ID;
}

// These hold records up to their end record, and begin with their parent's and their end's place.
constexpr bool opens_scope(std::uint16_t kind) {
  return is_procedure(kind) || kind == S_THUNK32 || kind == S_BLOCK32 || kind == S_SEPCODE ||
         kind == S_INLINESITE || kind == S_INLINESITE2;
}
constexpr bool closes_scope(std::uint16_t kind) {
  return kind == S_END || kind == S_PROC_ID_END || kind == S_INLINESITE_END;
}

// A record with its kind; `fields` begins after the kind.
struct SymbolRecord {
  std::uint16_t kind = 0;
  base::Bytes fields;
  std::uint32_t at = 0;    // where the record begins
  std::uint32_t next = 0;  // where the next one does
};

// The record at an offset, or nothing where it is not wholly there.
std::optional<SymbolRecord> symbol_at(base::Bytes symbols, std::uint32_t at);

struct ProcedureSymbol {
  SectionOffset place;
  std::uint32_t size = 0;
  std::uint32_t end = 0;  // where its end record begins
  std::string_view name;
};
// Of a procedure or a S_THUNK32.
std::optional<ProcedureSymbol> procedure_of(const SymbolRecord& record);
// The same but for the name, which is left empty: for indexes of many.
std::optional<ProcedureSymbol> procedure_place_of(const SymbolRecord& record);

// A name at a place: labels, data and publics.
struct NamedPlace {
  SectionOffset place;
  std::string_view name;
  std::uint32_t flags = 0;  // of publics: 1 code, 2 function
};
std::optional<NamedPlace> label_of(const SymbolRecord& record);
std::optional<NamedPlace> data_of(const SymbolRecord& record);
std::optional<NamedPlace> public_of(const SymbolRecord& record);

// Code of a function that stands apart from it.
struct SeparatedCode {
  SectionOffset place;
  std::uint32_t size = 0;
  SectionOffset parent;  // the function's start
};
std::optional<SeparatedCode> separated_code_of(const SymbolRecord& record);

// An incremental linker's jump to a function.
struct Trampoline {
  SectionOffset place;
  std::uint32_t size = 0;
  SectionOffset target;
};
std::optional<Trampoline> trampoline_of(const SymbolRecord& record);

// A global's pointer to the procedure's own record.
struct ProcedureReference {
  std::uint32_t symbol = 0;  // offset in the module's stream
  std::uint16_t module = 0;  // from 1 on
  std::string_view name;
};
std::optional<ProcedureReference> procedure_reference_of(const SymbolRecord& record);

}  // namespace ntstack::pdb
