// Publics, procedures and section contributions, each of them, against llvm-pdbutil.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "pdb/contributions.h"
#include "pdb/dbi.h"
#include "pdb/msf.h"
#include "pdbutil.h"
#include "subjects.h"

namespace ntstack::tests {
namespace {

using Names = std::map<std::uint32_t, std::set<std::string>>;

TEST(NamesAgainstPdbutil, EveryPublicIsFoundByItsNameAndByItsAddress) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t by_name = 0, by_address = 0, inside_procedures = 0;
  for (const Subject& subject : subjects()) {
    const Pdbutil truth(tool, subject.pdb);
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    Names at;
    std::map<std::string, std::set<std::uint32_t>> places;
    for (const DumpedPublic& each : truth.publics()) {
      at[each.rva].insert(each.name);
      places[each.name].insert(each.rva);
    }
    for (const DumpedProcedure& each : truth.procedures()) places[each.name].insert(each.rva);
    for (const DumpedPublic& each : truth.publics()) {
      const auto rva = opened.pdb->rva_of(each.name);
      ASSERT_TRUE(rva) << subject.name << " " << each.name;
      EXPECT_TRUE(places[each.name].contains(*rva)) << subject.name << " " << each.name;
      ++by_name;
      const auto function = opened.pdb->function_at(each.rva);
      if (!function) {
        // A section that the image has not (the linker's absolute symbols) or not so long.
        continue;
      }
      if (!function->is_public) {
        EXPECT_LE(function->rva, each.rva);
        ++inside_procedures;
        continue;
      }
      EXPECT_TRUE(at[each.rva].contains(std::string(function->name)))
          << subject.name << " " << each.name << " is " << function->name;
      EXPECT_EQ(function->rva, each.rva);
      ++by_address;
    }
  }
  std::printf("publics: %zu by name, %zu by address, %zu in procedures\n", by_name, by_address,
              inside_procedures);
}

TEST(NamesAgainstPdbutil, EveryProcedureSpansItsCode) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t count = 0, by_name = 0, discarded = 0;
  for (const Subject& subject : subjects()) {
    const Pdbutil truth(tool, subject.pdb);
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto procedures = truth.procedures();
    std::map<std::uint32_t, std::set<std::pair<std::string, std::uint32_t>>> at;
    std::map<std::string, std::set<std::uint32_t>> places;
    for (const DumpedPublic& each : truth.publics()) places[each.name].insert(each.rva);
    for (const DumpedProcedure& each : procedures) {
      at[each.rva].insert({each.name, each.size});
      places[each.name].insert(each.rva);
    }
    for (const DumpedProcedure& each : procedures) {
      if (each.section == 0 || each.size == 0) {
        ++discarded;
        continue;
      }
      for (const std::uint32_t rva : {each.rva, each.rva + each.size - 1}) {
        const auto function = opened.pdb->function_at(rva);
        ASSERT_TRUE(function) << subject.name << " " << each.name;
        EXPECT_TRUE(at[each.rva].contains({std::string(function->name), function->size}))
            << subject.name << " " << each.name << " is " << function->name << " of "
            << function->size;
        EXPECT_EQ(function->rva, each.rva);
        EXPECT_FALSE(function->is_public);
      }
      ++count;
      if (each.is_thunk) continue;
      const auto rva = opened.pdb->rva_of(each.name);
      ASSERT_TRUE(rva) << subject.name << " " << each.name;
      EXPECT_TRUE(places[each.name].contains(*rva)) << subject.name << " " << each.name;
      ++by_name;
    }
  }
  std::printf("procedures: %zu by address, %zu by name; %zu without code\n", count, by_name,
              discarded);
}

TEST(NamesAgainstPdbutil, EverySectionContributionIsOfItsModule) {
  NTSTACK_NEED_TOOL(tool, "llvm-pdbutil-19");
  std::size_t count = 0;
  for (const Subject& subject : subjects()) {
    const Pdbutil truth(tool, subject.pdb);
    const OpenedPdb opened(subject);
    ASSERT_TRUE(opened.pdb);
    const auto msf = pdb::Msf::open(opened.file->bytes());
    ASSERT_TRUE(msf);
    const auto stream = msf->stream(3);
    ASSERT_TRUE(stream);
    const auto dbi = pdb::read_dbi(stream->bytes());
    ASSERT_TRUE(dbi);
    const pdb::Contributions contributions(dbi->contributions);
    const auto dumped = truth.contributions();
    EXPECT_EQ(contributions.size(), dumped.size()) << subject.name;
    for (const DumpedContribution& each : dumped) {
      if (each.size == 0) continue;
      for (const std::uint32_t offset : {each.offset, each.offset + each.size - 1}) {
        const auto found = contributions.find(static_cast<std::uint16_t>(each.section), offset);
        ASSERT_TRUE(found) << subject.name << " " << each.section << ":" << each.offset;
        EXPECT_EQ(found->module, each.module);
        EXPECT_EQ(found->offset, each.offset);
        EXPECT_EQ(found->size, each.size);
      }
      ++count;
    }
  }
  std::printf("section contributions: %zu\n", count);
}

}  // namespace
}  // namespace ntstack::tests
