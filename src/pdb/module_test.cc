#include "pdb/module.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;
using testing::procedure_record;
using testing::record;

Blob signed_symbols(const Blob& records) { return Blob().u32(4).add(records); }

std::string_view name_at(const ModuleSymbols& module, std::uint32_t offset,
                         std::uint16_t section = 1) {
  const ModuleSymbol* found = module.spanning({section, offset});
  return found ? module.name(*found) : std::string_view("none");
}

TEST(ModuleSymbols, ProceduresSpanTheirCodeInAnyOrder) {
  const Blob symbols = signed_symbols(
      Blob().add(procedure_record(0x40, 8, "second")).add(procedure_record(0x10, 0x20, "first")));
  const ModuleSymbols module(symbols.bytes());
  EXPECT_EQ(name_at(module, 0x10), "first");
  EXPECT_EQ(name_at(module, 0x2f), "first");
  EXPECT_EQ(name_at(module, 0x30), "none");
  EXPECT_EQ(name_at(module, 0x47), "second");
  EXPECT_EQ(name_at(module, 0x10, 2), "none");
}

TEST(ModuleSymbols, AnInnerProcedureHidesTheOuterOnlyOnItsOwnCode) {
  const Blob symbols = signed_symbols(
      Blob().add(procedure_record(0x10, 0x100, "outer")).add(procedure_record(0x20, 8, "inner")));
  const ModuleSymbols module(symbols.bytes());
  EXPECT_EQ(name_at(module, 0x24), "inner");
  EXPECT_EQ(name_at(module, 0x28), "outer");
  EXPECT_EQ(name_at(module, 0x1f), "outer");
}

TEST(ModuleSymbols, ThunksAreProceduresAndSizelessOnesAreLabels) {
  Blob thunk;
  thunk.zeros(12).u32(0x50).u16(1).u16(6).u8(0).text("thunk");
  const Blob symbols =
      signed_symbols(Blob()
                         .add(record(S_THUNK32, thunk))
                         .add(procedure_record(0x60, 0, "assembly"))
                         .add(record(S_LABEL32, Blob().u32(0x80).u16(1).u8(0).text("label"))));
  const ModuleSymbols module(symbols.bytes());
  EXPECT_EQ(name_at(module, 0x55), "thunk");
  EXPECT_EQ(name_at(module, 0x60), "none");
  EXPECT_EQ(module.name(*module.nearest_label({1, 0x7f})), "assembly");
  EXPECT_EQ(module.name(*module.nearest_label({1, 0x81})), "label");
  EXPECT_EQ(module.nearest_label({1, 0x50}), nullptr);
}

TEST(ModuleSymbols, WhatIsInAProcedureIsPassedByItsEnd) {
  // A label in the procedure is not one of the module's.
  const Blob label = record(S_LABEL32, Blob().u32(0x12).u16(1).u8(0).text("inside"));
  const Blob head = procedure_record(0x10, 0x20, "first");
  const auto end = static_cast<std::uint32_t>(4 + head.size() + label.size());
  const Blob symbols = signed_symbols(Blob()
                                          .add(procedure_record(0x10, 0x20, "first", end))
                                          .add(label)
                                          .add(record(S_END, {}))
                                          .add(procedure_record(0x40, 8, "second")));
  const ModuleSymbols module(symbols.bytes());
  EXPECT_EQ(module.nearest_label({1, 0x12}), nullptr);
  EXPECT_EQ(name_at(module, 0x40), "second");
}

TEST(ModuleSymbols, EndsThatLieAreNotFollowed) {
  for (const std::uint32_t end : {1U, 4U, 5U, 0x7fffffffU, 0xffffffffU}) {
    const Blob symbols = signed_symbols(Blob()
                                            .add(procedure_record(0x10, 8, "first", end))
                                            .add(procedure_record(0x20, 8, "second", end)));
    const ModuleSymbols module(symbols.bytes());
    EXPECT_EQ(name_at(module, 0x10), "first");
    EXPECT_EQ(name_at(module, 0x20), "second");
  }
}

TEST(ModuleSymbols, RecordsWithoutLengthOrPastTheEndEndTheList) {
  for (const std::uint32_t length : {0U, 1U, 0xffffU}) {
    const Blob symbols =
        signed_symbols(Blob().add(procedure_record(0x10, 8, "first")).u16(length).u16(0x1110));
    const ModuleSymbols module(symbols.bytes());
    EXPECT_EQ(module.spans().size(), 1U);
  }
}

TEST(ModuleSymbols, CutShortTheyHaveFewerProcedures) {
  const Blob symbols = signed_symbols(
      Blob().add(procedure_record(0x10, 8, "first")).add(procedure_record(0x20, 8, "second")));
  for (std::size_t size = 0; size <= symbols.size(); ++size) {
    const ModuleSymbols module(symbols.bytes().clamp(0, size));
    EXPECT_LE(module.spans().size(), 2U);
  }
}

TEST(ModuleSymbols, ASizeUpToTheEndOfAddressesDoesNotWrap) {
  const Blob symbols = signed_symbols(procedure_record(0xfffffff0, 0xffffffff, "last"));
  const ModuleSymbols module(symbols.bytes());
  EXPECT_EQ(name_at(module, 0xfffffff8), "last");
  EXPECT_EQ(name_at(module, 0x8), "none");
}

}  // namespace
}  // namespace ntstack::pdb
