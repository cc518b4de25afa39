#include "store/file_name.h"

#include <gtest/gtest.h>

#include <string>

namespace ntstack::store {
namespace {

TEST(FileName, TheLastComponentAloneIsTaken) {
  EXPECT_EQ(safe_file_name("ntkrnlmp.pdb"), "ntkrnlmp.pdb");
  EXPECT_EQ(safe_file_name("C:\\build\\obj\\a b.pdb"), "a b.pdb");
  EXPECT_EQ(safe_file_name("/home/someone/a.pdb"), "a.pdb");
  EXPECT_EQ(safe_file_name("..\\..\\..\\etc/passwd"), "passwd");
  EXPECT_EQ(safe_file_name("\\SystemRoot\\system32\\drivers\\r\xc3\xa9seau.sys"),
            "r\xc3\xa9seau.sys");
}

TEST(FileName, NamesThatLeadElsewhereAreRefused) {
  for (const char* name : {"",
                           "/",
                           "a\\",
                           ".",
                           "..",
                           "...",
                           ". .",
                           "C:a.pdb",
                           "a.pdb:stream",
                           "*",
                           "a?.pdb",
                           "a\nb.pdb",
                           "a\x1b[2J.pdb",
                           "a\xff.pdb",
                           "a<b>",
                           "a|b",
                           "\"a\"",
                           "NUL",
                           "com1.pdb",
                           "Con .sys",
                           "lpt9.a.b",
                           "a\xe2\x80\xae"
                           "bdp.exe"}) {
    EXPECT_FALSE(safe_file_name(name)) << name;
  }
  EXPECT_FALSE(safe_file_name(std::string("a\0.pdb", 6)));
}

TEST(FileName, ANameLongerThanFileSystemsTakeIsRefused) {
  EXPECT_TRUE(safe_file_name(std::string(255, 'a')));
  EXPECT_FALSE(safe_file_name(std::string(256, 'a')));
}

}  // namespace
}  // namespace ntstack::store
