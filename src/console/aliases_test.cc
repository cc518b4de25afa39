// Aliases as Microsoft's "Using Aliases" and "${ } (Alias Interpreter)" say that they are replaced.
#include "console/aliases.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

Aliases two() {
  Aliases aliases;
  EXPECT_TRUE(aliases.set("top", "poi(@rsp)"));
  EXPECT_TRUE(aliases.set("say", ".echo"));
  aliases.set_fixed(3, "fixed");
  return aliases;
}

TEST(Aliases, WordsThatStandAloneAreReplaced) {
  EXPECT_EQ(two().replaced_in("say top"), ".echo poi(@rsp)");
  EXPECT_EQ(two().replaced_in(".block { say top;say x }"), ".block { .echo poi(@rsp);.echo x }");
  EXPECT_EQ(two().replaced_in("says toptop stop nt!top"), "says toptop stop nt!top");
  EXPECT_EQ(two().replaced_in("Say TOP"), "Say TOP");
}

TEST(Aliases, BracedNamesAreReplacedAnywhere) {
  EXPECT_EQ(two().replaced_in("x${say}y ${top}+8"), "x.echoy poi(@rsp)+8");
  EXPECT_EQ(two().replaced_in("${nothing} ${"), "${nothing} ${");
}

TEST(Aliases, OptionsInBracesTellOfTheNameItself) {
  EXPECT_EQ(two().replaced_in("${/d:top} ${/d:nothing}"), "1 0");
  EXPECT_EQ(two().replaced_in("<${/f:say}> <${/f:nothing}>"), "<.echo> <>");
  EXPECT_EQ(two().replaced_in("${/n:top} ${/n:nothing}"), "top ${/n:nothing}");
  EXPECT_EQ(two().replaced_in("${/v:top}"), "${/v:top}");
}

TEST(Aliases, FixedNamesAreReplacedInsideOfWordsAndEmptyAtFirst) {
  EXPECT_EQ(two().replaced_in("a$u3b$u4c"), "afixedbc");
  EXPECT_EQ(two().replaced_in("$ux $u"), "$ux $u");
}

TEST(Aliases, LinesAboutAliasesKeepTheirNames) {
  for (const char* line : {"as top say", "aS top say", "ad top", "al"})
    EXPECT_EQ(two().replaced_in(line), line);
  EXPECT_EQ(two().replaced_in("aS x ${top}"), "aS x poi(@rsp)");
  EXPECT_EQ(two().replaced_in("assume top"), "assume poi(@rsp)");
}

TEST(Aliases, ValuesAreNotLookedInto) {
  Aliases aliases;
  ASSERT_TRUE(aliases.set("a", "b a"));
  ASSERT_TRUE(aliases.set("b", "c"));
  EXPECT_EQ(aliases.replaced_in("a b"), "b a c");
}

TEST(Aliases, ALineThatWouldGrowTooLongIsRefused) {
  Aliases aliases;
  ASSERT_TRUE(aliases.set("a", std::string(Aliases::kLongest, 'x')));
  EXPECT_TRUE(aliases.replaced_in("a"));
  EXPECT_FALSE(aliases.replaced_in("a a"));
  EXPECT_FALSE(aliases.set("b", std::string(Aliases::kLongest + 1, 'x')));
}

TEST(Aliases, NamesHaveNoBlanksAndBraces) {
  Aliases aliases;
  for (const char* name : {"", "a b", "a;b", "{", "\"q\""}) EXPECT_FALSE(aliases.set(name, "x"));
  EXPECT_EQ(alias_name("${/v:x}"), "x");
  EXPECT_EQ(alias_name("${x}"), "x");
  EXPECT_EQ(alias_name("x"), "x");
}

}  // namespace
}  // namespace ntstack::console
