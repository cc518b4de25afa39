#include "store/symbol_path.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/key.h"

namespace ntstack::store {
namespace {

using Kind = Place::Kind;
constexpr const char* kDefault = "/default";

std::vector<Place> places_of(std::string_view text) {
  return SymbolPath::parse(text, kDefault).places;
}

struct Expected {
  Kind kind;
  std::string where;
  std::vector<std::string> keep_in;
};

void expect_places(std::string_view text, const std::vector<Expected>& expected) {
  const auto places = places_of(text);
  ASSERT_EQ(places.size(), expected.size()) << text;
  for (std::size_t i = 0; i < places.size(); ++i) {
    EXPECT_EQ(places[i].kind, expected[i].kind) << text << ": " << i;
    EXPECT_EQ(places[i].where, expected[i].where) << text << ": " << i;
    EXPECT_EQ(places[i].keep_in, expected[i].keep_in) << text << ": " << i;
  }
}

TEST(SymbolPath, PlainFoldersStandBetweenSemicolons) {
  expect_places(" c:\\syms ; ;d:\\more syms;./here;\\\\server\\share;",
                {{Kind::folder, "c:\\syms", {}},
                 {Kind::folder, "d:\\more syms", {}},
                 {Kind::folder, "./here", {}},
                 {Kind::folder, "\\\\server\\share", {}}});
}

TEST(SymbolPath, NothingGivesAnEmptyPath) {
  EXPECT_TRUE(SymbolPath::parse("").empty());
  EXPECT_TRUE(SymbolPath::parse(" ; ;").empty());
  EXPECT_TRUE(SymbolPath::parse("\"\"").empty());
}

TEST(SymbolPath, EachStoreOfAChainKeepsWhatIsFoundBehindIt) {
  expect_places("srv*/var/syms", {{Kind::store, "/var/syms", {}}});
  expect_places("SRV*c:\\a*\\\\server\\b",
                {{Kind::store, "c:\\a", {}}, {Kind::store, "\\\\server\\b", {"c:\\a"}}});
  expect_places("symsrv*symsrv.dll*a*b*https://symbols.example/x",
                {{Kind::store, "a", {}},
                 {Kind::store, "b", {"a"}},
                 {Kind::server, "https://symbols.example/x", {"b", "a"}}});
}

TEST(SymbolPath, ACacheKeepsWhatElementsToItsRightFindElsewhere) {
  expect_places(
      "d:\\left;cache*c:\\cache;srv*\\\\server\\b;srv*own*HTTP://symbols.example;d:\\here",
      {{Kind::folder, "d:\\left", {}},
       {Kind::store, "c:\\cache", {}},
       {Kind::store, "\\\\server\\b", {"c:\\cache"}},
       {Kind::store, "own", {"c:\\cache"}},
       {Kind::server, "HTTP://symbols.example", {"own"}},
       {Kind::folder, "d:\\here", {}}});
  expect_places("cache*c;\\\\server\\share",
                {{Kind::store, "c", {}}, {Kind::folder, "\\\\server\\share", {"c"}}});
}

TEST(SymbolPath, AnEmptyPlaceIsTheDefaultStore) {
  expect_places("cache*", {{Kind::store, kDefault, {}}});
  expect_places(
      "srv**https://symbols.example/x",
      {{Kind::store, kDefault, {}}, {Kind::server, "https://symbols.example/x", {kDefault}}});
}

TEST(SymbolPath, AServerWithoutACacheIsKeptInTheDefaultStore) {
  for (const char* text : {"srv*https://symbols.example/x", "https://symbols.example/x"})
    expect_places(text, {{Kind::store, kDefault, {}},
                         {Kind::server, "https://symbols.example/x", {kDefault}}});
  expect_places("cache*c;https://symbols.example/x",
                {{Kind::store, "c", {}}, {Kind::server, "https://symbols.example/x", {"c"}}});
}

TEST(SymbolPath, SrvAloneIsMicrosoftsServerAsInWinDbg) {
  for (const char* text : {"srv*", "symsrv*symsrv.dll"})
    expect_places(text, {{Kind::store, kDefault, {}},
                         {Kind::server, std::string(kMicrosoftServer), {kDefault}}});
}

TEST(SymbolPath, AServerBehindCacheIsAServerThatTheCacheKeepsCopiesOf) {
  expect_places("cache*c:\\c*https://a/s",
                {{Kind::store, "c:\\c", {}}, {Kind::server, "https://a/s", {"c:\\c"}}});
}

TEST(SymbolPath, OfALongChainTenStoresKeepCopies) {
  std::string text = "srv";
  for (int i = 0; i < 1000; ++i) text += fmt::format("*{}", i);
  const auto places = places_of(text);
  ASSERT_EQ(places.size(), 1000U);
  EXPECT_EQ(places.back().keep_in.size(), 10U);
  EXPECT_EQ(places.back().keep_in.back(), "0");
}

TEST(SymbolPath, CompressedFilesAreExpandedIntoTheNearestStoreElseTheDefault) {
  const auto places = places_of("srv*a*b;srv*c;d");
  EXPECT_EQ(places[0].expand_in, kDefault);
  EXPECT_EQ(places[1].expand_in, "a");
  EXPECT_EQ(places[2].expand_in, kDefault);
  EXPECT_EQ(places[3].expand_in, kDefault);
}

TEST(SymbolPath, QuotesHoldAPartTogetherAndAreDropped) {
  expect_places("\"c:\\a;srv*c:\\b\"", {{Kind::folder, "c:\\a", {}}, {Kind::store, "c:\\b", {}}});
  expect_places("\"c:\\my;syms\";srv*\"d:\\a b\"",
                {{Kind::folder, "c:\\my;syms", {}}, {Kind::store, "d:\\a b", {}}});
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
