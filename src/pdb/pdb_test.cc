#include "pdb/pdb.h"

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "test_files.h"

namespace ntstack::pdb {
namespace {

TEST(Pdb, KnowsWhatItIs) {
  NTSTACK_NEED_DATA(path, "systeminformer_x64/systeminformer.pdb");
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto pdb = Pdb::open(file->bytes());
  ASSERT_TRUE(pdb) << pdb.error().text();
  EXPECT_EQ(pdb->guid().text(), "{95435CEC-4AB1-04C5-E86B-FBEA4416C4A3}");
  EXPECT_EQ(pdb->machine(), 0x8664U);
}

TEST(Pdb, FindsAFunctionByItsNameAndBack) {
  NTSTACK_NEED_DATA(path, "systeminformer_x64/systeminformer.pdb");
  const auto file = base::MappedFile::open(path);
  ASSERT_TRUE(file);
  const auto pdb = Pdb::open(file->bytes());
  ASSERT_TRUE(pdb) << pdb.error().text();
  const auto rva = pdb->rva_of("DriverEntry");
  ASSERT_TRUE(rva);
  const auto function = pdb->function_at(*rva + 5);
  ASSERT_TRUE(function);
  EXPECT_EQ(function->name, "DriverEntry");
  EXPECT_EQ(function->rva, *rva);
}

}  // namespace
}  // namespace ntstack::pdb
