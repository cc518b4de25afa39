#include "pdb/types.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"
#include "pdb/type_records.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;
using testing::record;

constexpr std::uint32_t kInt = 0x74;

Blob structure(std::string_view name, std::uint32_t fields, std::uint32_t size,
               std::uint16_t properties = 0) {
  return record(LF_STRUCTURE,
                Blob().u16(1).u16(properties).u32(fields).u32(0).u32(0).u16(size).text(name));
}
Blob member(std::uint32_t type, std::uint32_t offset, std::string_view name) {
  Blob blob = Blob().u16(LF_MEMBER).u16(3).u32(type).u16(offset).text(name);
  while (blob.size() % 4) blob.u8(0xf0 | (4 - blob.size() % 4));
  return blob;
}
Blob index(std::uint32_t list) { return Blob().u16(LF_INDEX).u16(0).u32(list); }

Types types_of(const Blob& file) {
  const auto msf = Msf::open(file.bytes());
  EXPECT_TRUE(msf);
  // Streams in one piece are views of the file: they outlive the container.
  return Types(TypeStream(*msf, 2), TypeStream(*msf, 4));
}
Blob file_of(const std::vector<Blob>& types, const std::vector<Blob>& items = {}) {
  return testing::msf(
      {{}, testing::info_stream(), testing::type_stream(types), {}, testing::type_stream(items)});
}

TEST(Types, AListGoesOnInAnother) {
  const Blob file =
      file_of({record(LF_FIELDLIST, Blob().add(member(kInt, 4, "second"))),
               record(LF_FIELDLIST, Blob().add(member(kInt, 0, "first")).add(index(0x1000))),
               structure("s", 0x1001, 8)});
  Types types = types_of(file);
  const auto found = types.structure(*types.definition("s"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->fields.size(), 2U);
  EXPECT_EQ(found->fields[0].name, "first");
  EXPECT_EQ(found->fields[1].name, "second");
  EXPECT_EQ(found->fields[1].offset, 4U);
}

TEST(Types, TheWiderRecordsOfNewCompilersAreRead) {
  const Blob file =
      file_of({record(LF_FIELDLIST, Blob().add(member(kInt, 4, "m"))),
               record(LF_STRUCTURE2,
                      Blob().u32(0x200).u32(0x1000).u32(0).u32(0).u16(1).u16(8).text("wide").text(
                          ".?AUwide@@")),
               record(LF_UNION2, Blob().u32(0).u32(0x1000).u16(1).u16(4).text("wide_union"))});
  Types types = types_of(file);
  EXPECT_EQ(types.structure(*types.definition("wide"))->size, 8U);
  EXPECT_EQ(types.structure(*types.definition("wide"))->fields.size(), 1U);
  EXPECT_EQ(types.size(*types.definition("wide_union")), 4U);
}

TEST(Types, AListThatGoesOnInItselfEnds) {
  const Blob file =
      file_of({record(LF_FIELDLIST, Blob().add(member(kInt, 0, "m")).add(index(0x1000))),
               structure("s", 0x1000, 8)});
  Types types = types_of(file);
  const auto found = types.structure(0x1001);
  ASSERT_TRUE(found);
  EXPECT_LT(found->fields.size(), 10U);
}

TEST(Types, ForwardReferencesWithoutADefinitionHaveNoMembersAndNoSize) {
  const Blob file = file_of({structure("s", 0, 0, 0x80)});
  Types types = types_of(file);
  EXPECT_FALSE(types.definition("s"));
  EXPECT_FALSE(types.size(0x1000));
  EXPECT_TRUE(types.structure(0x1000)->fields.empty());
}

TEST(Types, ModifiersOfThemselvesEnd) {
  const Blob file = file_of({record(LF_MODIFIER, Blob().u32(0x1000).u16(1)),
                             record(LF_BITFIELD, Blob().u32(0x1001).u8(1).u8(0)),
                             record(LF_POINTER, Blob().u32(0x1002).u32(0x1000c)),
                             record(LF_PROCEDURE, Blob().u32(0x1003).u16(0).u16(2).u32(0x1004)),
                             record(LF_ARGLIST, Blob().u32(0xffffffff).u32(0x1003).u32(0x1003))});
  Types types = types_of(file);
  EXPECT_FALSE(types.size(0x1000));
  EXPECT_FALSE(types.size(0x1001));
  for (std::uint32_t type = 0x1000; type < 0x1006; ++type) {
    EXPECT_LT(types.name(type).size(), 10000U);
    (void)types.structure(type);
  }
}

TEST(Types, SizesAreOfWhatTypesAreOf) {
  const Blob file = file_of({record(LF_POINTER, Blob().u32(kInt).u32(0x1000c)),
                             record(LF_ARRAY, Blob().u32(kInt).u32(0x23).u16(40).text("")),
                             record(LF_MODIFIER, Blob().u32(0x1001).u16(1)),
                             record(LF_BITFIELD, Blob().u32(0x22).u8(3).u8(4)),
                             record(LF_ENUM, Blob().u16(0).u16(0).u32(0x20).u32(0).text("e"))});
  Types types = types_of(file);
  EXPECT_EQ(types.size(0x1000), 8U);
  EXPECT_EQ(types.size(0x1001), 40U);
  EXPECT_EQ(types.size(0x1002), 40U);
  EXPECT_EQ(types.size(0x1003), 4U);
  EXPECT_EQ(types.size(0x1004), 1U);
  EXPECT_EQ(types.size(0x0603), 8U);  // void*, 64 bits
  EXPECT_EQ(types.size(0x77), 8U);
  EXPECT_FALSE(types.size(0x2000));
  EXPECT_EQ(types.name(0x1000), "int*");
  EXPECT_EQ(types.name(0x1002), "const int[10]");
  EXPECT_EQ(types.name(0x0603), "void*");
}

TEST(Types, FunctionsAreNamedWithTheirScope) {
  const Blob file = file_of({structure("ns::Class", 0, 4)},
                            {record(LF_STRING_ID, Blob().u32(0).text("ns::inner")),
                             record(LF_FUNC_ID, Blob().u32(0x1000).u32(0).text("f")),
                             record(LF_MFUNC_ID, Blob().u32(0x1000).u32(0).text("method")),
                             record(LF_FUNC_ID, Blob().u32(0).u32(0).text("free"))});
  Types types = types_of(file);
  EXPECT_EQ(types.function_name(0x1001), "ns::inner::f");
  EXPECT_EQ(types.function_name(0x1002), "ns::Class::method");
  EXPECT_EQ(types.function_name(0x1003), "free");
  EXPECT_EQ(types.function_name(0x1000), "");
  EXPECT_EQ(types.function_name(0x80000000), "");
}

TEST(Types, EveryByteOfTheStreamMayLie) {
  const Blob whole = testing::type_stream(
      {record(LF_FIELDLIST, Blob().add(member(kInt, 0, "m")).add(index(0x1000))),
       structure("a::s", 0x1000, 8), structure("a::s", 0, 0, 0x80)});
  for (std::size_t at = 0; at + 4 <= whole.size(); ++at) {
    for (const std::uint32_t value : {0U, 0xffffffffU, 0x80000000U, 0x1000U}) {
      Blob stream = whole;
      stream.set_u32(at, value);
      const Blob file = testing::msf({{}, {}, stream, {}, stream});
      Types types = types_of(file);
      (void)types.definition("a::s");
      for (std::uint32_t type = 0xfff; type < 0x1005; ++type) {
        (void)types.structure(type);
        (void)types.size(type);
        (void)types.name(type);
        (void)types.function_name(type);
      }
    }
  }
}

TEST(TypeStream, RecordsAreFoundWithoutAndWithIndexOffsets) {
  std::vector<Blob> records;
  for (std::uint32_t i = 0; i < 9000; ++i)
    records.push_back(record(LF_POINTER, Blob().u32(i).u32(0x1000c)));
  const Blob file = file_of(records);
  const auto msf = Msf::open(file.bytes());
  TypeStream stream(*msf, 2);
  for (const std::uint32_t i : {8999U, 0U, 1U, 255U, 256U, 257U, 5000U})
    EXPECT_EQ(pointer_of(*stream.record(0x1000 + i))->to, i);
  EXPECT_FALSE(stream.record(0x1000 + 9000));
  EXPECT_FALSE(stream.record(0xfff));
}

}  // namespace
}  // namespace ntstack::pdb
