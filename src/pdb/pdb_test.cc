// The whole reader on PDBs built byte by byte: of every lack that files have.
#include "pdb/pdb.h"

#include <gtest/gtest.h>

#include <map>

#include "base/mapped_file.h"
#include "pdb/pdb_builder.h"
#include "pdb/symbol_records.h"
#include "test_files.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;
using testing::PdbBuilder;
using testing::procedure_record;
using testing::record;

class Opened {
 public:
  explicit Opened(const PdbBuilder& builder, bool scattered = false)
      : file_(builder.build(scattered)) {
    auto opened = Pdb::open(file_.bytes());
    if (opened)
      pdb_ = std::make_unique<Pdb>(std::move(*opened));
    else
      ADD_FAILURE() << opened.error().text();
  }
  const Pdb* operator->() const { return pdb_.get(); }

  // "name+offset"
  std::string at(std::uint32_t rva) const {
    const auto found = pdb_->function_at(rva);
    if (!found) return "none";
    return std::string(found->name) + "+" + std::to_string(rva - found->rva);
  }

 private:
  Blob file_;
  std::unique_ptr<Pdb> pdb_;
};

PdbBuilder two_functions() {
  PdbBuilder builder;
  builder.modules.push_back({"a.obj",
                             Blob()
                                 .add(procedure_record(0x10, 0x20, "first"))
                                 .add(procedure_record(0x40, 0x10, "second")),
                             testing::lines_subsection(0x10, 0x20, 0, {{0, 7}, {4, 8}})});
  builder.contribute(0, 0x10, 0x20);
  builder.contribute(0, 0x40, 0x10);
  builder.add_public(0x10, "?first@@YAXXZ");
  builder.add_public(0x80, "KiSystemCall64");
  builder.add_public(0x90, "a_table", 0);
  builder.add_public(0x90, "KiSystemServiceCopyEnd");
  return builder;
}

TEST(Pdb, ProceduresComeBeforePublicsAndPublicsNameTheRest) {
  for (const bool scattered : {false, true}) {
    const Opened pdb(two_functions(), scattered);
    EXPECT_EQ(pdb.at(0x1010), "first+0");
    EXPECT_EQ(pdb.at(0x102f), "first+31");
    EXPECT_EQ(pdb.at(0x1044), "second+4");
    EXPECT_EQ(pdb.at(0x1030), "?first@@YAXXZ+32");
    EXPECT_EQ(pdb.at(0x1085), "KiSystemCall64+5");
    EXPECT_EQ(pdb.at(0x1095), "KiSystemServiceCopyEnd+5");
    EXPECT_EQ(pdb.at(0x100f), "none");
    EXPECT_EQ(pdb.at(0x3000), "none");
    EXPECT_EQ(pdb->line_at(0x1015)->line, 8U);
    EXPECT_EQ(pdb->rva_of("KiSystemCall64"), 0x1080U);
    EXPECT_FALSE(pdb->rva_of("kisystemcall64"));
    EXPECT_EQ(pdb->age(), 7U);
    EXPECT_EQ(pdb->machine(), 0x8664U);
  }
}

TEST(Pdb, WhatWasHandedOutOutlivesTheModulesThatAreForgotten) {
  for (const bool scattered : {false, true}) {
    const Opened pdb(two_functions(), scattered);
    const auto before = pdb->function_at(0x1014);
    ASSERT_TRUE(before);
    const std::string name(before->name);
    pdb->forget_modules();
    EXPECT_EQ(before->name, name);
    const auto after = pdb->function_at(0x1014);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->name, name);
  }
}

TEST(Pdb, WithoutContributionsModulesAreSearched) {
  PdbBuilder builder = two_functions();
  builder.contributions = {};
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x102f), "first+31");
  EXPECT_EQ(pdb.at(0x1044), "second+4");
  EXPECT_EQ(pdb->line_at(0x1015)->line, 8U);
  EXPECT_EQ(pdb.at(0x1085), "KiSystemCall64+5");
}

TEST(Pdb, WithPublicsAlonePublicsAreNearest) {
  PdbBuilder builder = two_functions();
  builder.modules = {};
  builder.contributions = {};
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x102f), "?first@@YAXXZ+31");
  EXPECT_TRUE(pdb->function_at(0x102f)->is_public);
  EXPECT_FALSE(pdb->line_at(0x102f));
}

TEST(Pdb, WithoutSectionHeadersThereAreNoAddresses) {
  PdbBuilder builder = two_functions();
  builder.sections = {};
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x1010), "none");
  EXPECT_FALSE(pdb->rva_of("KiSystemCall64"));
}

TEST(Pdb, OfTypesAloneHasNoDbi) {
  const Blob file = testing::msf({{}, testing::info_stream(), {}, {}, {}});
  const auto pdb = Pdb::open(file.bytes());
  ASSERT_TRUE(pdb) << pdb.error().text();
  EXPECT_EQ(pdb->age(), 3U);
  EXPECT_EQ(pdb->machine(), 0U);
  EXPECT_FALSE(pdb->function_at(0x1000));
  EXPECT_FALSE(pdb->rva_of("f"));
  EXPECT_FALSE(pdb->structure("s"));
  EXPECT_FALSE(pdb->fpo_at(0x1000));
}

TEST(Pdb, NamesAreFoundByProcedureThenPublicThenData) {
  PdbBuilder builder = two_functions();
  const Blob reference = record(S_PROCREF, Blob().u32(0).u32(4).u16(1).text("first"));
  builder.add_global("first", reference);
  builder.add_global("gone", record(S_PROCREF, Blob().u32(0).u32(4).u16(9).text("gone")));
  builder.add_global("KiData", record(S_GDATA32, Blob().u32(0).u32(0x100).u16(1).text("KiData")));
  const Opened pdb(builder);
  EXPECT_EQ(pdb->rva_of("first"), 0x1010U);
  EXPECT_EQ(pdb->rva_of("KiData"), 0x1100U);
  EXPECT_FALSE(pdb->rva_of("gone"));
  EXPECT_FALSE(pdb->rva_of(""));
}

TEST(Pdb, EveryNameIsListedOnceWithItsPlace) {
  PdbBuilder builder = two_functions();
  builder.add_global("first", record(S_PROCREF, Blob().u32(0).u32(4).u16(1).text("first")));
  builder.add_global("gone", record(S_PROCREF, Blob().u32(0).u32(4).u16(9).text("gone")));
  builder.add_global("KiData", record(S_GDATA32, Blob().u32(0).u32(0x100).u16(1).text("KiData")));
  for (const bool scattered : {false, true}) {
    const Opened pdb(builder, scattered);
    std::map<std::string, std::uint32_t> found;
    const auto all = [](std::string_view, NameKind) { return true; };
    pdb->each_symbol(all, [&](const ListedSymbol& symbol) {
      EXPECT_TRUE(found.emplace(symbol.name, symbol.rva).second) << symbol.name;
      return true;
    });
    EXPECT_EQ(found["first"], 0x1010U);
    EXPECT_EQ(found["KiData"], 0x1100U);
    EXPECT_EQ(found["KiSystemCall64"], 0x1080U);
    EXPECT_FALSE(found.contains("gone"));
    std::size_t count = 0;
    pdb->each_symbol(all, [&](const ListedSymbol&) { return ++count < 2; });
    EXPECT_EQ(count, 2U);
  }
}

TEST(Pdb, DecoratedNamesOfX86AreFoundByTheirPlainName) {
  PdbBuilder builder;
  builder.machine = 0x14c;
  builder.add_public(0, "_cdecl_one");
  builder.add_public(4, "_stdcall_one@12");
  builder.add_public(8, "@fastcall_one@8");
  const Opened pdb(builder);
  EXPECT_EQ(pdb->rva_of("cdecl_one"), 0x1000U);
  EXPECT_EQ(pdb->rva_of("stdcall_one"), 0x1004U);
  EXPECT_EQ(pdb->rva_of("fastcall_one"), 0x1008U);
  EXPECT_EQ(pdb->rva_of("_stdcall_one@12"), 0x1004U);
}

TEST(Pdb, CodeSetApartBearsItsFunctionsName) {
  PdbBuilder builder = two_functions();
  // S_SEPCODE: parent, end, length, flags, offset, parent's offset, section, parent's section
  builder.modules[0].symbols.add(
      record(S_SEPCODE, Blob().zeros(8).u32(0x20).u32(0).u32(0x200).u32(0x10).u16(1).u16(1)));
  builder.modules[0].symbols.add(
      record(S_SEPCODE, Blob().zeros(8).u32(8).u32(0).u32(0).u32(0x40).u16(1).u16(1)));
  builder.contribute(0, 0x200, 0x20);
  builder.contribute(0, 0, 8);
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x1210), "first+512");
  EXPECT_EQ(pdb.at(0x1004), "second+4");  // before its function: counts from its own start
}

TEST(Pdb, SizelessProceduresNameWhatNoPublicDoes) {
  PdbBuilder builder = two_functions();
  builder.modules.push_back({"asm.obj", procedure_record(0x110, 0, "assembly"), {}});
  builder.contribute(1, 0x100, 0x80);
  EXPECT_EQ(Opened(builder).at(0x1120), "assembly+16");
  builder.add_public(0x108, "nearer_module");
  EXPECT_EQ(Opened(builder).at(0x1120), "nearer_module+24");
}

TEST(Pdb, IncrementalJumpsAreNamedByTheirTarget) {
  PdbBuilder builder = two_functions();
  Blob jumps;
  for (const std::uint32_t offset : {0x300U, 0x305U})
    jumps.add(record(S_TRAMPOLINE, Blob().u16(0).u16(5).u32(offset).u32(0x80).u16(1).u16(1)));
  builder.modules.push_back({"* Linker *", jumps, {}});
  builder.contribute(1, 0x300, 0x10);
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x1305), "ILT+5(KiSystemCall64)+0");
  EXPECT_EQ(pdb.at(0x1302), "ILT+0(KiSystemCall64)+2");
}

// The truth of OMAP is ours: no such image was at hand (see address_map_test.cc).
TEST(Pdb, CodeThatOmapMovedIsNamedByWhereItWasInItsFunction) {
  PdbBuilder builder = two_functions();
  builder.sections_original = testing::section_header(0x1000, 0x1000);
  builder.sections = testing::section_header(0x1000, 0x9000);
  // The image has the source's 0x1010..0x1018 at 0x5000 and 0x1018.. at 0x4000.
  builder.omap_to_source =
      Blob().u32(0x4000).u32(0x1018).u32(0x5000).u32(0x1010).u32(0x5008).u32(0);
  builder.omap_from_source = Blob().u32(0x1010).u32(0x5000).u32(0x1018).u32(0x4000);
  builder.fpo = Blob().u32(0x1010).u32(0x20).zeros(8);
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x5004), "first+4");
  EXPECT_EQ(pdb.at(0x4002), "first+10");
  EXPECT_EQ(pdb.at(0x5008), "none");
  EXPECT_EQ(pdb->rva_of("?first@@YAXXZ"), 0x5000U);
  EXPECT_EQ(pdb->line_at(0x4002)->line, 8U);
  EXPECT_EQ(pdb->fpo_at(0x5004)->rva, 0x5000U);
  EXPECT_FALSE(pdb->fpo_at(0x1010));
}

TEST(Pdb, ModulesThatShareAStreamAreDecodedOnce) {
  PdbBuilder builder = two_functions();
  builder.contributions = {};
  Blob many;
  for (int i = 0; i < 2000; ++i) many.add(procedure_record(static_cast<std::uint32_t>(i), 1, "f"));
  builder.modules[0].symbols = many;
  for (int i = 0; i < 300; ++i) builder.modules.push_back({"empty.obj", {}, {}});
  const Opened pdb(builder);
  EXPECT_EQ(pdb.at(0x1010), "f+0");
}

TEST(Pdb, EveryWordOfTheFileMayLie) {
  PdbBuilder builder = two_functions();
  builder.new_fpo = Blob().u32(0x1010).u32(0x20).zeros(24);
  const Blob whole = builder.build();
  for (std::size_t at = 32; at + 4 <= whole.size(); at += 4) {
    if (whole.bytes().get<std::uint32_t>(at) == 0U) continue;
    for (const std::uint32_t value : {0U, 0xffffffffU, 0x7fffffffU, 1U}) {
      Blob file = whole;
      file.set_u32(at, value);
      const auto pdb = Pdb::open(file.bytes());
      if (!pdb) continue;
      for (const std::uint32_t rva : {0x1010U, 0x1044U, 0x1085U, 0xffffffffU}) {
        (void)pdb->function_at(rva);
        (void)pdb->line_at(rva);
        (void)pdb->inlined_at(rva, nullptr);
        (void)pdb->frame_data_at(rva);
      }
      (void)pdb->rva_of("KiSystemCall64");
      (void)pdb->structure("s");
    }
  }
}

TEST(Pdb, KnowsARealDriversPdb) {
  NTSTACK_NEED_DATA(path, "systeminformer_x64/systeminformer.pdb");
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto pdb = Pdb::open(file->bytes());
  ASSERT_TRUE(pdb) << pdb.error().text();
  EXPECT_EQ(pdb->guid().text(), "{95435CEC-4AB1-04C5-E86B-FBEA4416C4A3}");
  EXPECT_EQ(pdb->machine(), 0x8664U);
  const auto rva = pdb->rva_of("DriverEntry");
  ASSERT_TRUE(rva);
  const auto function = pdb->function_at(*rva + 5);
  ASSERT_TRUE(function);
  EXPECT_EQ(function->name, "DriverEntry");
  EXPECT_EQ(function->rva, *rva);
}

}  // namespace
}  // namespace ntstack::pdb
