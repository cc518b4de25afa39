#include "symbols/short_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ntstack::symbols {
namespace {

using Names = std::vector<std::string>;

ModuleKey module(const char* name, std::uint64_t base) {
  ModuleKey key;
  key.name = name;
  key.base = base;
  return key;
}

TEST(ShortNames, EveryKernelIsNt) {
  for (const char* name : {"ntoskrnl.exe", "NTKRNLMP.EXE", "ntkrnlpa.exe", "ntkrpamp.exe", "nt",
                           "\\SystemRoot\\system32\\ntoskrnl.exe"}) {
    EXPECT_EQ(short_name_of(name), "nt") << name;
  }
}

TEST(ShortNames, AFilesNameLosesItsFolderAndExtensionAndKeepsItsCase) {
  EXPECT_EQ(short_name_of("\\SystemRoot\\System32\\drivers\\Wdf01000.sys"), "Wdf01000");
  EXPECT_EQ(short_name_of("C:/Windows/SYSTEM32/ntdll.dll"), "ntdll");
  EXPECT_EQ(short_name_of("plain"), "plain");
}

TEST(ShortNames, CharactersThatNoIdentifierHasBecomeUnderscores) {
  EXPECT_EQ(short_name_of("my-app 1.2.exe"), "my_app_1_2");
  EXPECT_EQ(short_name_of("a\x1b[2J\xff!.sys"), "a__2J__");
}

TEST(ShortNames, TheSecondOfTwoEqualNamesGetsItsBase) {
  const std::vector<ModuleKey> modules = {
      module("Ntfs.sys", 0xfffff80400000000), module("ntfs.sys", 0xfffff8045e600000),
      module("ntfs.dll", 0xfffff8045e600000), module("", 0x10000)};
  EXPECT_EQ(short_names_of(modules),
            (Names{"Ntfs", "ntfs_fffff8045e600000", "ntfs_fffff8045e600000_2", "image10000"}));
}

TEST(ShortNames, TheKernelsFileMayHaveAnyOfItsNames) {
  EXPECT_EQ(file_names_of("nt").front(), "ntoskrnl.exe");
  const Names names = file_names_of("ntkrnlmp.exe");
  EXPECT_EQ(names.front(), "ntkrnlmp.exe");
  EXPECT_NE(std::ranges::find(names, "ntoskrnl.exe"), names.end());
}

TEST(ShortNames, ADumpDriverIsACopyOfTheStorageDriver) {
  EXPECT_EQ(file_names_of("dump_storahci.sys"), (Names{"dump_storahci.sys", "storahci.sys"}));
}

TEST(ShortNames, ANameWithoutExtensionIsLookedForWithThem) {
  EXPECT_EQ(file_names_of("fltmgr"), (Names{"fltmgr", "fltmgr.sys", "fltmgr.dll", "fltmgr.exe"}));
  EXPECT_EQ(file_names_of("a/b.sys"), Names{"b.sys"});
}

}  // namespace
}  // namespace ntstack::symbols
