// Offsets by build, as public PDB types have them.
#include "target/offsets/offsets.h"

#include <gtest/gtest.h>

#include <set>

#include "target/offsets/offset_tables.h"

namespace ntstack::target {
namespace {

using enum base::Architecture;

TEST(Offsets, GiveAFieldThatIsABitItsByteAndItsBit) {
  const Offsets late = Offsets::of(x64, 19041, nullptr);
  EXPECT_EQ(late[Field::kthread_kernel_stack_resident], 0x78 + 17 / 8);
  EXPECT_EQ(late.bit(Field::kthread_kernel_stack_resident), 17 % 8);
  const Offsets seven = Offsets::of(x86, 7601, nullptr);
  EXPECT_EQ(seven[Field::kthread_kernel_stack_resident], 0x3c);
  EXPECT_EQ(seven.bit(Field::kthread_kernel_stack_resident), 0);
}

TEST(Offsets, GiveAFlagThatIsAByteNoBit) {
  const Offsets offsets = Offsets::of(x86, 2600, nullptr);
  EXPECT_EQ(offsets[Field::kthread_kernel_stack_resident], 0x12a);
  EXPECT_EQ(offsets.bit(Field::kthread_kernel_stack_resident), std::nullopt);
}

TEST(Offsets, GiveLargeStackUpToWindows7) {
  EXPECT_EQ(Offsets::of(x64, 7601, nullptr)[Field::kthread_large_stack], 0x2d3);
  EXPECT_EQ(Offsets::of(x86, 7601, nullptr)[Field::kthread_large_stack], 0x1c3);
  EXPECT_EQ(Offsets::of(x64, 6002, nullptr)[Field::kthread_large_stack], 0x1b3);
  EXPECT_EQ(Offsets::of(x86, 2600, nullptr)[Field::kthread_large_stack], 0x142);
  for (const std::uint32_t build : {3790U, 9200U, 9600U, 19041U, 26100U})
    EXPECT_EQ(Offsets::of(x64, build, nullptr)[Field::kthread_large_stack], std::nullopt) << build;
}

TEST(Offsets, SayWhenTheyAreOfAnotherBuild) {
  const Offsets offsets = Offsets::of(x64, 26100, nullptr);
  EXPECT_EQ(offsets.source(Field::kthread_priority), OffsetSource::nearest_table);
  EXPECT_EQ(Offsets::of(x64, 22631, nullptr).source(Field::kthread_priority), OffsetSource::table);
}

TEST(Offsets, AreUnknownBeforeTheFieldWasThere) {
  EXPECT_EQ(Offsets::of(x64, 9600, nullptr)[Field::kprocess_user_directory_table_base],
            std::nullopt);
  EXPECT_EQ(Offsets::of(x64, 9600, nullptr)[Field::ethread_thread_name], std::nullopt);
  EXPECT_EQ(Offsets::of(x86, 19041, nullptr)[Field::eprocess_wow64_process], std::nullopt);
}

TEST(Offsets, LieWithinTheirStructuresInEveryTable) {
  for (const base::Architecture architecture : {x64, x86}) {
    for (const OffsetTable& table : fact_tables(architecture)) {
      for (const OffsetRow& row : table.rows) {
        const Offsets offsets = Offsets::of(architecture, row.first_build, nullptr);
        for (const Field field : table.fields) {
          const auto at = offsets[field];
          if (!at) continue;
          const std::string_view structure = name_of(field).structure;
          const auto size = structure == "_EPROCESS"   ? offsets[Field::eprocess_size]
                            : structure == "_KPROCESS" ? offsets[Field::eprocess_size]
                            : structure == "_KTHREAD"  ? offsets[Field::ethread_create_time]
                                                       : offsets[Field::ethread_size];
          EXPECT_LT(*at, size.value()) << name_of(field).member << " of " << row.first_build;
        }
      }
    }
  }
}

TEST(Offsets, OfDifferentFieldsOfOneStructureDiffer) {
  for (const base::Architecture architecture : {x64, x86}) {
    for (const std::uint32_t build : {2600u, 3790u, 6001u, 7601u, 9200u, 9600u, 10240u, 10586u,
                                      14393u, 15063u, 16299u, 17134u, 17763u, 18362u, 19041u}) {
      const Offsets offsets = Offsets::of(architecture, build, nullptr);
      std::set<std::pair<std::string_view, std::uint16_t>> seen;
      for (std::size_t i = 0; i < static_cast<std::size_t>(Field::count); ++i) {
        const Field field = static_cast<Field>(i);
        const FieldName name = name_of(field);
        const auto at = offsets[field];
        if (!at || name.member.empty()) continue;
        EXPECT_TRUE(seen.emplace(name.structure, *at).second)
            << name.structure << '.' << name.member << " of " << build;
      }
    }
  }
}

TEST(Offsets, HaveANameForEveryField) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Field::count); ++i)
    EXPECT_FALSE(name_of(static_cast<Field>(i)).structure.empty()) << i;
}

}  // namespace
}  // namespace ntstack::target
