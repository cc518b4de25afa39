// Against real PDBs: tests/oracle_pdb/locals_test.cc.
#include "pdb/locals.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;
using testing::procedure_record;
using testing::record;

constexpr std::uint32_t kX86 = 0x14c, kX64 = 0x8664, kArm64 = 0xaa64;
constexpr std::uint16_t kRcx = 330, kRbp = 334, kRsp = 335;

Blob local(std::string_view name, std::uint32_t type, std::uint16_t flags = 0) {
  return record(0x113e, Blob().u32(type).u16(flags).text(name));
}
Blob frame_relative(std::int32_t offset) { return record(0x1144, Blob().put(offset)); }
Blob register_relative(std::uint16_t base, std::int32_t offset, std::uint16_t bits = 0) {
  return record(0x1145, Blob().u16(base).u16(bits).put(offset).u32(0).u16(1).u16(4));
}
Blob plain(std::string_view name, std::uint32_t type, std::uint16_t base, std::int32_t offset) {
  return record(0x1111, Blob().put(offset).u32(type).u16(base).text(name));
}
// `bases`: of locals in the low two bits, of parameters above.
Blob frame(std::uint32_t bytes, std::uint32_t saved, std::uint32_t bases) {
  return record(0x1012, Blob().u32(bytes).zeros(8).u32(saved).zeros(6).u32(bases << 14));
}
Blob end() { return record(S_END, {}); }

class Procedure {
 public:
  explicit Procedure(const Blob& inside, std::uint32_t end_at = 0) {
    const auto size =
        static_cast<std::uint32_t>(4 + procedure_record(0, 8, "f").size() + inside.size());
    symbols_.u32(4).add(procedure_record(0, 8, "f", end_at ? end_at : size)).add(inside).add(end());
  }
  ProcedureLocals read(std::uint32_t machine) const {
    return read_locals(ModuleSymbols(symbols_.bytes()), 4, machine);
  }

 private:
  Blob symbols_;
};

TEST(Locals, LieWhereTheFramesBaseIsThoughItsRecordComesLater) {
  const Procedure procedure(Blob()
                                .add(local("buffer", 0x1000))
                                .add(frame_relative(-80))
                                .add(local("n", 0x74, 1))
                                .add(frame_relative(16))
                                .add(frame(120, 8, 2 << 2 | 1)));
  const auto found = procedure.read(kX64);
  ASSERT_EQ(found.locals.size(), 2U);
  EXPECT_EQ(found.frame_bytes, 120U);
  EXPECT_EQ(found.saved_bytes, 8U);
  EXPECT_EQ(found.locals[0].name, "buffer");
  EXPECT_EQ(found.locals[0].type, 0x1000U);
  EXPECT_FALSE(found.locals[0].is_parameter);
  EXPECT_EQ(frame_register(found.locals[0].places[0].base, kX64), "rsp");
  EXPECT_EQ(found.locals[0].places[0].offset, -80);
  EXPECT_TRUE(found.locals[1].is_parameter);
  EXPECT_EQ(frame_register(found.locals[1].places[0].base, kX64), "rbp");
}

TEST(Locals, BehindAPointerOrInRegistersAloneAreNone) {
  const Procedure procedure(Blob()
                                .add(local("pointed_at", 0x1000))
                                .add(register_relative(kRcx, 0))
                                .add(local("in_register", 0x74))
                                .add(plain("also_pointed_at", 0x1000, kRcx, 8))
                                .add(frame(40, 0, 1 << 2 | 1)));
  EXPECT_TRUE(procedure.read(kX64).locals.empty());
}

TEST(Locals, SaidTwiceAreOne) {
  const Procedure procedure(Blob()
                                .add(local("a", 0x1000))
                                .add(register_relative(kRsp, 32))
                                .add(frame(64, 0, 1 << 2 | 1))
                                .add(plain("a", 0x1000, kRsp, 32))
                                .add(plain("a", 0x1000, kRsp, 48)));
  EXPECT_EQ(procedure.read(kX64).locals.size(), 2U);
}

TEST(Locals, OfInlinedFunctionsBearTheirId) {
  const Blob site = record(S_INLINESITE, Blob().u32(0).u32(0).u32(0x1234));
  const Procedure procedure(Blob()
                                .add(site)
                                .add(local("inner", 0x1000))
                                .add(frame_relative(0))
                                .add(record(S_INLINESITE_END, {}))
                                .add(local("outer", 0x1000))
                                .add(frame_relative(64)));
  const auto found = procedure.read(kX64);
  ASSERT_EQ(found.locals.size(), 2U);
  EXPECT_EQ(found.locals[0].inlinee, 0x1234U);
  EXPECT_EQ(found.locals[1].inlinee, 0U);
}

TEST(Locals, AboveTheReturnAddressAreParameters) {
  const Procedure on_x64(Blob()
                             .add(frame(32, 40, 1 << 2 | 1))
                             .add(plain("local", 0x74, kRsp, 24))
                             .add(plain("parameter", 0x74, kRsp, 80)));
  EXPECT_FALSE(on_x64.read(kX64).locals.at(0).is_parameter);
  EXPECT_TRUE(on_x64.read(kX64).locals.at(1).is_parameter);
  const Blob below = record(0x110b, Blob().put(std::int32_t{-4}).u32(0x74).text("local"));
  const Blob above = record(0x110b, Blob().put(std::int32_t{8}).u32(0x74).text("parameter"));
  const Procedure on_x86(Blob().add(below).add(above));
  EXPECT_FALSE(on_x86.read(kX86).locals.at(0).is_parameter);
  EXPECT_TRUE(on_x86.read(kX86).locals.at(1).is_parameter);
}

TEST(Locals, OnArm64AKeptRegisterIsABaseWhereTheRecordNamesNone) {
  constexpr std::uint16_t kX26 = 76;
  const Blob of_x26 = plain("a", 0x1000, kX26, 16);
  const auto found = Procedure(Blob().add(frame(800, 0, 0)).add(of_x26)).read(kArm64);
  ASSERT_EQ(found.locals.size(), 1U);
  EXPECT_EQ(frame_register(found.locals[0].places[0].base, kArm64), "x26");
  EXPECT_TRUE(
      Procedure(Blob().add(frame(800, 0, 1 << 2 | 1)).add(of_x26)).read(kArm64).locals.empty());
}

TEST(Locals, OfAProcedureThatLiesAreThoseThatAreThere) {
  const Blob one = Blob().add(local("a", 0x1000)).add(frame_relative(8));
  // Its end is far behind the stream's.
  EXPECT_EQ(Procedure(one, 0xffff'fff0U).read(kX64).locals.size(), 1U);
  // A scope is closed that was not open.
  EXPECT_EQ(Procedure(Blob().add(one).add(end()).add(local("b", 1)).add(frame_relative(0)))
                .read(kX64)
                .locals.size(),
            1U);
  // Records without their fields.
  const Procedure cut(Blob()
                          .add(record(0x113e, Blob().u16(1)))
                          .add(frame_relative(8))
                          .add(local("a", 0x1000))
                          .add(record(0x1145, Blob().u16(kRbp)))
                          .add(record(0x1012, Blob().u32(8)))
                          .add(record(0x1111, Blob().u32(0))));
  EXPECT_TRUE(cut.read(kX64).locals.empty());
  EXPECT_TRUE(read_locals(ModuleSymbols(), 4, kX64).locals.empty());
}

TEST(Locals, OfTooManyAreBounded) {
  Blob many;
  for (std::uint32_t i = 0; i < 5000; ++i)
    many.add(local("a", 0x1000 + i)).add(frame_relative(0)).add(frame_relative(4));
  EXPECT_EQ(Procedure(many).read(kX64).locals.size(), 4096U);
}

}  // namespace
}  // namespace ntstack::pdb
