// CodeView type records decoded into plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pdb/cursor.h"
#include "pdb/type_stream.h"

namespace ntstack::pdb {

enum TypeKind : std::uint16_t {
  LF_MODIFIER = 0x1001,
  LF_POINTER = 0x1002,
  LF_PROCEDURE = 0x1008,
  LF_MFUNCTION = 0x1009,
  LF_ARGLIST = 0x1201,
  LF_FIELDLIST = 0x1203,
  LF_BITFIELD = 0x1205,
  LF_BCLASS = 0x1400,
  LF_VBCLASS = 0x1401,
  LF_IVBCLASS = 0x1402,
  LF_INDEX = 0x1404,
  LF_VFUNCTAB = 0x1409,
  LF_FRIENDCLS = 0x140a,
  LF_VFUNCOFF = 0x140c,
  LF_ENUMERATE = 0x1502,
  LF_ARRAY = 0x1503,
  LF_CLASS = 0x1504,
  LF_STRUCTURE = 0x1505,
  LF_UNION = 0x1506,
  LF_ENUM = 0x1507,
  LF_FRIENDFCN = 0x150c,
  LF_MEMBER = 0x150d,
  LF_STMEMBER = 0x150e,
  LF_METHOD = 0x150f,
  LF_NESTTYPE = 0x1510,
  LF_ONEMETHOD = 0x1511,
  LF_NESTTYPEEX = 0x1512,
  LF_INTERFACE = 0x1519,
  LF_BINTERFACE = 0x151a,
  LF_FUNC_ID = 0x1601,
  LF_MFUNC_ID = 0x1602,
  LF_STRING_ID = 0x1605,
  LF_CLASS2 = 0x1608,  // as without the 2, but for wider properties and count
  LF_STRUCTURE2 = 0x1609,
  LF_UNION2 = 0x160a,
  LF_INTERFACE2 = 0x160b,
};

constexpr std::uint32_t kFirstRecordIndex = 0x1000;  // types below are simple ones

constexpr bool is_class(std::uint16_t kind) {
  return kind == LF_CLASS || kind == LF_STRUCTURE || kind == LF_INTERFACE || kind == LF_CLASS2 ||
         kind == LF_STRUCTURE2 || kind == LF_INTERFACE2;
}
constexpr bool is_union(std::uint16_t kind) { return kind == LF_UNION || kind == LF_UNION2; }

// A number of a record: itself below 0x8000, else its kind and then the number. Negative ones and
// floating point ones are passed and give 0.
std::uint64_t take_number(Cursor& cursor);

// A class, structure, interface, union or enum.
struct UserType {
  std::uint16_t kind = 0;
  bool is_forward = false;
  bool is_local = false;         // in a function: filed under its unique name
  std::uint32_t fields = 0;      // field list
  std::uint32_t underlying = 0;  // of an enum
  std::uint64_t size = 0;        // not of an enum
  std::string_view name;
  std::string_view unique_name;  // may be empty
};
std::optional<UserType> user_type_of(const TypeRecord& record);

struct PointerType {
  std::uint32_t to = 0;
  std::uint32_t size = 0;
  bool is_reference = false, is_rvalue_reference = false, is_const = false, is_volatile = false;
};
std::optional<PointerType> pointer_of(const TypeRecord& record);

struct ArrayType {
  std::uint32_t element = 0;
  std::uint64_t size = 0;  // bytes
};
std::optional<ArrayType> array_of(const TypeRecord& record);

struct BitFieldType {
  std::uint32_t underlying = 0;
  std::uint8_t length = 0, position = 0;
};
std::optional<BitFieldType> bit_field_of(const TypeRecord& record);

struct ModifierType {
  std::uint32_t of = 0;
  bool is_const = false, is_volatile = false;
};
std::optional<ModifierType> modifier_of(const TypeRecord& record);

struct ProcedureType {
  std::uint32_t result = 0;
  std::uint32_t arguments = 0;  // LF_ARGLIST
};
std::optional<ProcedureType> procedure_type_of(const TypeRecord& record);

// One member of a field list.
struct Member {
  std::uint16_t kind = 0;
  std::uint32_t type = 0;  // LF_MEMBER: its type; LF_INDEX: the list that goes on
  std::uint64_t offset = 0;
  std::string_view name;
};
// The next member, or nothing at the end of the list or at a kind that is not known.
std::optional<Member> take_member(Cursor& cursor);

// Types below 0x1000: a kind in the low byte, a pointer's width in the second.
struct SimpleType {
  std::string_view name;
  std::uint32_t size = 0;
  bool is_pointer = false;
};
std::optional<SimpleType> simple_type(std::uint32_t type);

}  // namespace ntstack::pdb
