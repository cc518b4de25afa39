#include "store/symbol_path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ntstack::store {
namespace {

using Kind = PathElement::Kind;
using Places = std::vector<std::string>;

PathElement only_element_of(std::string_view text) {
  const SymbolPath path = SymbolPath::parse(text);
  EXPECT_EQ(path.elements.size(), 1u) << text;
  return path.elements.empty() ? PathElement() : path.elements.front();
}

void expect_element(std::string_view text, Kind kind, const Places& places) {
  const PathElement element = only_element_of(text);
  EXPECT_EQ(element.kind, kind) << text;
  EXPECT_EQ(element.places, places) << text;
}

TEST(SymbolPath, PlainFoldersStandBetweenSemicolons) {
  const SymbolPath path = SymbolPath::parse(" c:\\syms ; ;d:\\more syms;./here;\\\\server\\share;");
  ASSERT_EQ(path.elements.size(), 4u);
  EXPECT_EQ(path.elements[0].places, Places{"c:\\syms"});
  EXPECT_EQ(path.elements[1].places, Places{"d:\\more syms"});
  EXPECT_EQ(path.elements[2].places, Places{"./here"});
  EXPECT_EQ(path.elements[3].places, Places{"\\\\server\\share"});
  for (const PathElement& element : path.elements) EXPECT_EQ(element.kind, Kind::folder);
}

TEST(SymbolPath, NothingGivesAnEmptyPath) {
  EXPECT_TRUE(SymbolPath::parse("").empty());
  EXPECT_TRUE(SymbolPath::parse(" ; ;").empty());
  EXPECT_TRUE(SymbolPath::parse("\"\"").empty());
}

TEST(SymbolPath, StoresAndCachesKeepTheirPlacesInOrder) {
  expect_element("srv*/var/syms", Kind::store, {"/var/syms"});
  expect_element("SRV*c:\\a*\\\\server\\b", Kind::store, {"c:\\a", "\\\\server\\b"});
  expect_element("cache*c:\\cache", Kind::cache, {"c:\\cache"});
  expect_element("symsrv*symsrv.dll*c:\\a*d:\\b", Kind::store, {"c:\\a", "d:\\b"});
}

TEST(SymbolPath, AnEmptyPlaceIsTheDefaultStore) {
  expect_element("srv*", Kind::store, {""});
  expect_element("cache*", Kind::cache, {""});
  expect_element("symsrv*symsrv.dll", Kind::store, {""});
  expect_element("srv**https://symbols.example/x", Kind::server, {"", "https://symbols.example/x"});
}

TEST(SymbolPath, AServerAnywhereMakesTheElementAServer) {
  expect_element("srv*c:\\cache*https://symbols.example/x", Kind::server,
                 {"c:\\cache", "https://symbols.example/x"});
  expect_element("HTTP://symbols.example", Kind::server, {"HTTP://symbols.example"});
}

TEST(SymbolPath, QuotesHoldAPartTogetherAndAreDropped) {
  const SymbolPath whole = SymbolPath::parse("\"c:\\a;srv*c:\\b\"");
  ASSERT_EQ(whole.elements.size(), 2u);
  EXPECT_EQ(whole.elements[1].kind, Kind::store);
  const SymbolPath parts = SymbolPath::parse("\"c:\\my;syms\";srv*\"d:\\a b\"");
  ASSERT_EQ(parts.elements.size(), 2u);
  EXPECT_EQ(parts.elements[0].places, Places{"c:\\my;syms"});
  EXPECT_EQ(parts.elements[1].places, Places{"d:\\a b"});
}

TEST(SymbolPath, KeysAreThoseOfSymbolServers) {
  EXPECT_EQ(store_key(ImageKey{"a.sys", 0x5a1b2c3d, 0x4f000, {}, 0}), "5A1B2C3D4f000");
  EXPECT_EQ(store_key(ImageKey{"nt", 0x0d8333e6, 0x1046000, {}, 0}), "0D8333E61046000");
  const base::Guid guid{
      0xc8c2329e, 0x0e99, 0x49e6, {0x8b, 0x6f, 0x13, 0x2b, 0xec, 0xa6, 0x9e, 0x7e}};
  EXPECT_EQ(store_key(PdbKey{"a.pdb", guid, 0x1a}), "C8C2329E0E9949E68B6F132BECA69E7E1a");
}

}  // namespace
}  // namespace ntstack::store
