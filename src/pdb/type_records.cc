#include "pdb/type_records.h"

#include <array>

namespace ntstack::pdb {
namespace {

enum Numeric : std::uint16_t {
  LF_NUMERIC = 0x8000,
  LF_CHAR = 0x8000,
  LF_SHORT = 0x8001,
  LF_USHORT = 0x8002,
  LF_LONG = 0x8003,
  LF_ULONG = 0x8004,
  LF_REAL32 = 0x8005,
  LF_REAL64 = 0x8006,
  LF_REAL80 = 0x8007,
  LF_REAL128 = 0x8008,
  LF_QUADWORD = 0x8009,
  LF_UQUADWORD = 0x800a,
  LF_VARSTRING = 0x8010,
  LF_OCTWORD = 0x8017,
  LF_UOCTWORD = 0x8018,
};

// CV_prop_t
constexpr std::uint32_t kForward = 0x80, kScoped = 0x100, kHasUniqueName = 0x200;

}  // namespace

std::uint64_t take_number(Cursor& cursor) {
  const std::uint16_t first = cursor.u16();
  if (first < LF_NUMERIC) return first;
  const auto positive = [](std::int64_t value) {
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  };
  switch (first) {
    case LF_CHAR:
      return positive(cursor.take<std::int8_t>());
    case LF_SHORT:
      return positive(cursor.take<std::int16_t>());
    case LF_USHORT:
      return cursor.u16();
    case LF_LONG:
      return positive(cursor.i32());
    case LF_ULONG:
      return cursor.u32();
    case LF_QUADWORD:
      return positive(cursor.take<std::int64_t>());
    case LF_UQUADWORD:
      return cursor.take<std::uint64_t>();
    case LF_REAL32:
      cursor.skip(4);
      return 0;
    case LF_REAL64:
      cursor.skip(8);
      return 0;
    case LF_REAL80:
      cursor.skip(10);
      return 0;
    case LF_REAL128:
    case LF_OCTWORD:
    case LF_UOCTWORD:
      cursor.skip(16);
      return 0;
    case LF_VARSTRING:
      cursor.skip(cursor.u16());
      return 0;
    default:
      cursor.skip(UINT64_MAX);
      return 0;
  }
}

std::optional<UserType> user_type_of(const TypeRecord& record) {
  Cursor cursor(record.fields);
  UserType type;
  type.kind = record.kind;
  const bool is_new = record.kind >= LF_CLASS2 && record.kind <= LF_INTERFACE2;
  if (!is_new) cursor.u16();  // how many members
  const std::uint32_t properties = is_new ? cursor.u32() : cursor.u16();
  if (record.kind == LF_ENUM) {
    type.underlying = cursor.u32();
    type.fields = cursor.u32();
  } else if (is_class(record.kind) || is_union(record.kind)) {
    type.fields = cursor.u32();
    if (is_class(record.kind)) cursor.skip(8);  // derivations, shape of the virtual table
    if (is_new) take_number(cursor);            // how many members
    type.size = take_number(cursor);
  } else {
    return std::nullopt;
  }
  type.name = cursor.text();
  if (!cursor.ok()) return std::nullopt;
  if (properties & kHasUniqueName) type.unique_name = cursor.text();
  type.is_forward = (properties & kForward) != 0;
  type.is_local = (properties & kScoped) != 0;
  return type;
}

std::optional<PointerType> pointer_of(const TypeRecord& record) {
  if (record.kind != LF_POINTER) return std::nullopt;
  Cursor cursor(record.fields);
  PointerType pointer;
  pointer.to = cursor.u32();
  const std::uint32_t attributes = cursor.u32();
  if (!cursor.ok()) return std::nullopt;
  const std::uint32_t mode = (attributes >> 5) & 7;
  pointer.is_reference = mode == 1;
  pointer.is_rvalue_reference = mode == 4;
  pointer.is_volatile = (attributes & 0x200) != 0;
  pointer.is_const = (attributes & 0x400) != 0;
  pointer.size = (attributes >> 13) & 0x3f;
  const std::uint32_t kind = attributes & 0x1f;
  if (pointer.size == 0) pointer.size = kind == 0x0c ? 8 : 4;  // a 64-bit pointer, or a 32-bit one
  return pointer;
}

std::optional<ArrayType> array_of(const TypeRecord& record) {
  if (record.kind != LF_ARRAY) return std::nullopt;
  Cursor cursor(record.fields);
  ArrayType array;
  array.element = cursor.u32();
  cursor.u32();  // the index's type
  array.size = take_number(cursor);
  if (!cursor.ok()) return std::nullopt;
  return array;
}

std::optional<BitFieldType> bit_field_of(const TypeRecord& record) {
  if (record.kind != LF_BITFIELD) return std::nullopt;
  Cursor cursor(record.fields);
  BitFieldType bits;
  bits.underlying = cursor.u32();
  bits.length = cursor.u8();
  bits.position = cursor.u8();
  if (!cursor.ok()) return std::nullopt;
  return bits;
}

std::optional<ModifierType> modifier_of(const TypeRecord& record) {
  if (record.kind != LF_MODIFIER) return std::nullopt;
  Cursor cursor(record.fields);
  ModifierType modifier;
  modifier.of = cursor.u32();
  const std::uint16_t flags = cursor.u16();
  if (!cursor.ok()) return std::nullopt;
  modifier.is_const = (flags & 1) != 0;
  modifier.is_volatile = (flags & 2) != 0;
  return modifier;
}

std::optional<ProcedureType> procedure_type_of(const TypeRecord& record) {
  if (record.kind != LF_PROCEDURE && record.kind != LF_MFUNCTION) return std::nullopt;
  Cursor cursor(record.fields);
  ProcedureType procedure;
  procedure.result = cursor.u32();
  if (record.kind == LF_MFUNCTION) cursor.skip(8);  // the class, this
  cursor.skip(4);  // calling convention, options, how many parameters
  procedure.arguments = cursor.u32();
  if (!cursor.ok()) return std::nullopt;
  return procedure;
}

std::optional<Member> take_member(Cursor& cursor) {
  constexpr std::uint8_t kPadding = 0xf0;  // and above: the low digit says how many bytes to pass
  while (!cursor.at_end() && cursor.rest().get_or<std::uint8_t>(0, 0) >= kPadding)
    cursor.skip(std::max(1, cursor.rest().get_or<std::uint8_t>(0, 0) & 0xf));
  if (cursor.at_end()) return std::nullopt;

  Member member;
  member.kind = cursor.u16();
  const std::uint16_t attributes = cursor.u16();
  switch (member.kind) {
    case LF_MEMBER:
      member.type = cursor.u32();
      member.offset = take_number(cursor);
      member.name = cursor.text();
      break;
    case LF_STMEMBER:
    case LF_NESTTYPE:
    case LF_NESTTYPEEX:
    case LF_METHOD:
    case LF_FRIENDFCN:
      member.type = cursor.u32();
      member.name = cursor.text();
      break;
    case LF_ONEMETHOD: {
      member.type = cursor.u32();
      const std::uint32_t property = (attributes >> 2) & 7;
      if (property == 4 || property == 6) cursor.u32();  // introduces a slot of the virtual table
      member.name = cursor.text();
      break;
    }
    case LF_ENUMERATE:
      take_number(cursor);
      member.name = cursor.text();
      break;
    case LF_BCLASS:
    case LF_BINTERFACE:
      member.type = cursor.u32();
      member.offset = take_number(cursor);
      break;
    case LF_VBCLASS:
    case LF_IVBCLASS:
      member.type = cursor.u32();
      cursor.u32();
      take_number(cursor);
      take_number(cursor);
      break;
    case LF_INDEX:
    case LF_VFUNCTAB:
    case LF_FRIENDCLS:
      member.type = cursor.u32();
      break;
    case LF_VFUNCOFF:
      member.type = cursor.u32();
      cursor.u32();
      break;
    default:
      return std::nullopt;
  }
  if (!cursor.ok()) return std::nullopt;
  return member;
}

std::optional<SimpleType> simple_type(std::uint32_t type) {
  struct Named {
    std::uint8_t kind;
    std::uint8_t size;
    std::string_view name;
  };
  static constexpr std::array<Named, 41> kTypes{{
      {0x00, 0, "<no type>"},
      {0x03, 0, "void"},
      {0x08, 4, "HRESULT"},
      {0x10, 1, "signed char"},
      {0x11, 2, "short"},
      {0x12, 4, "long"},
      {0x13, 8, "__int64"},
      {0x14, 16, "__int128"},
      {0x20, 1, "unsigned char"},
      {0x21, 2, "unsigned short"},
      {0x22, 4, "unsigned long"},
      {0x23, 8, "unsigned __int64"},
      {0x24, 16, "unsigned __int128"},
      {0x30, 1, "bool"},
      {0x31, 2, "__bool16"},
      {0x32, 4, "__bool32"},
      {0x33, 8, "__bool64"},
      {0x40, 4, "float"},
      {0x41, 8, "double"},
      {0x42, 10, "long double"},
      {0x43, 16, "__float128"},
      {0x44, 6, "__float48"},
      {0x45, 4, "float"},
      {0x46, 2, "__half"},
      {0x50, 8, "_Complex float"},
      {0x51, 16, "_Complex double"},
      {0x52, 20, "_Complex long double"},
      {0x53, 32, "_Complex __float128"},
      {0x68, 1, "__int8"},
      {0x69, 1, "unsigned __int8"},
      {0x70, 1, "char"},
      {0x71, 2, "wchar_t"},
      {0x72, 2, "short"},
      {0x73, 2, "unsigned short"},
      {0x74, 4, "int"},
      {0x75, 4, "unsigned"},
      {0x76, 8, "__int64"},
      {0x77, 8, "unsigned __int64"},
      {0x7a, 2, "char16_t"},
      {0x7b, 4, "char32_t"},
      {0x7c, 1, "char8_t"},
  }};
  // By mode: none, near, far, huge, near32, far32, near64, near128
  static constexpr std::array<std::uint32_t, 8> kPointerSizes{0, 2, 4, 4, 4, 6, 8, 16};
  if (type >= kFirstRecordIndex) return std::nullopt;
  if (type == 0x0103) return SimpleType{"std::nullptr_t", 0, false};
  const std::uint32_t mode = (type >> 8) & 7;
  for (const Named& each : kTypes) {
    if (each.kind != (type & 0xff)) continue;
    return SimpleType{each.name, mode ? kPointerSizes[mode] : each.size, mode != 0};
  }
  return std::nullopt;
}

}  // namespace ntstack::pdb
