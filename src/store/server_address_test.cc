#include "store/server_address.h"

#include <gtest/gtest.h>

namespace ntstack::store {
namespace {

TEST(ServerAddress, IsNameKeyName) {
  EXPECT_EQ(url_of("https://s.example/symbols", "", "nt.pdb", "ABC1", "nt.pd_"),
            "https://s.example/symbols/nt.pdb/ABC1/nt.pd_");
  EXPECT_EQ(url_of("https://s.example/symbols//", "nt", "nt.pdb", "ABC1", "nt.pdb"),
            "https://s.example/symbols/nt/nt.pdb/ABC1/nt.pdb");
}

TEST(ServerAddress, ATokenStaysAtTheEnd) {
  EXPECT_EQ(url_of("https://s.example/x?sig=1/2", "", "a", "k", "a"),
            "https://s.example/x/a/k/a?sig=1/2");
}

TEST(ServerAddress, NothingOfANameIsMoreThanAName) {
  EXPECT_EQ(url_part("a b#?&%.pdb"), "a%20b%23%3F%26%25.pdb");
  EXPECT_EQ(url_part("../\r\nHost: x"), "..%2F%0D%0AHost%3A%20x");
  EXPECT_EQ(url_part("r\xc3\xa9seau.sys"), "r%C3%A9seau.sys");
}

TEST(ServerAddress, SecretsAreNotShown) {
  EXPECT_EQ(shown("https://user:pass@s.example/x"), "https://s.example/x");
  EXPECT_EQ(shown("https://u@v@s.example"), "https://s.example");
  EXPECT_EQ(shown("https://s.example/x?sig=secret"), "https://s.example/x");
  EXPECT_EQ(shown("https://s.example/a@b"), "https://s.example/a@b");
  EXPECT_EQ(shown("http://s\x1b[2J"), "http://s?[2J");
}

}  // namespace
}  // namespace ntstack::store
