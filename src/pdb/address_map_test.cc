// The OMAP vectors are made by hand from the documented meaning of the tables (dbghelp.h: OMAP;
// each entry maps the addresses up to the next one's): no image rearranged so was at hand.
#include "pdb/address_map.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;

TEST(AddressMap, SectionsHoldTheirAddresses) {
  const Blob headers =
      Blob().add(testing::section_header(0x1000, 0x800)).add(testing::section_header(0x2000, 0x10));
  const AddressMap map(headers.bytes(), {}, {});
  EXPECT_EQ(map.locate(0x17ff)->section, 1);
  EXPECT_EQ(map.locate(0x17ff)->offset, 0x7ffU);
  EXPECT_EQ(map.locate(0x2003)->section, 2);
  EXPECT_FALSE(map.locate(0x1800));
  EXPECT_FALSE(map.locate(0xfff));
  EXPECT_FALSE(map.locate(0x2010));
  EXPECT_EQ(map.rva({2, 3}), 0x2003U);
  EXPECT_FALSE(map.rva({0, 3}));
  EXPECT_FALSE(map.rva({3, 3}));
  EXPECT_FALSE(map.rva({2, 0xffffffff}));
}

TEST(AddressMap, OmapMapsUpToTheNextEntryAndZeroIsNowhere) {
  const Blob table = Blob().u32(0x1000).u32(0x5000).u32(0x1010).u32(0).u32(0x1020).u32(0x4000);
  const Omap omap(table.bytes());
  EXPECT_FALSE(omap.map(0xfff));
  EXPECT_EQ(omap.map(0x1000), 0x5000U);
  EXPECT_EQ(omap.map(0x100f), 0x500fU);
  EXPECT_FALSE(omap.map(0x1010));
  EXPECT_EQ(omap.map(0x1024), 0x4004U);
}

TEST(AddressMap, AnOmapOutOfOrderIsPutInOrder) {
  const Blob table = Blob().u32(0x2000).u32(0x20).u32(0x1000).u32(0x10);
  const Omap omap(table.bytes());
  EXPECT_EQ(omap.map(0x1001), 0x11U);
  EXPECT_EQ(omap.map(0x2001), 0x21U);
}

TEST(AddressMap, RecordsOfTheSourceAreGivenTheImagesAddresses) {
  const AddressMap map(testing::section_header(0x1000, 0x1000).bytes(),
                       Omap(Blob().u32(0x7000).u32(0x1100).bytes()),
                       Omap(Blob().u32(0x1100).u32(0x7000).bytes()));
  EXPECT_EQ(map.source_of(0x7004), 0x1104U);
  EXPECT_EQ(map.rva({1, 0x104}), 0x7004U);
  EXPECT_FALSE(map.rva({1, 0x50}));
}

}  // namespace
}  // namespace ntstack::pdb
