#include "report/redact.h"

#include <gtest/gtest.h>

namespace ntstack::report {
namespace {

TEST(Redact, UsersInPaths) {
  EXPECT_EQ(redacted(R"(C:\Users\jane\src\drv.pdb)"), R"(C:\Users\(user)\src\drv.pdb)");
  EXPECT_EQ(redacted(R"(\Device\HarddiskVolume3\USERS\Jane Doe\x.sys)"),
            R"(\Device\HarddiskVolume3\USERS\(user)\x.sys)");
  EXPECT_EQ(redacted("/home/jane/dumps/a.dmp: no image"), "/home/(user)/dumps/a.dmp: no image");
  EXPECT_EQ(redacted(R"(C:\Documents and Settings\jane)"), R"(C:\Documents and Settings\(user))");
  EXPECT_EQ(redacted(R"(C:\DOCUME~1\JANE~1\a.c)"), R"(C:\DOCUME~1\(user)\a.c)");
  EXPECT_EQ(redacted("d:/users/jane/a.c @ 12"), "d:/users/(user)/a.c @ 12");
}

TEST(Redact, Hosts) {
  EXPECT_EQ(redacted(R"(\\filer7\symbols\a.pdb)"), R"(\\(host)\symbols\a.pdb)");
  EXPECT_EQ(redacted(R"(look in \\filer7\home\jane\a.pdb, or)"),
            R"(look in \\(host)\home\(user)\a.pdb, or)");
  EXPECT_EQ(redacted(R"(\Device\Mup\filer7\share)"), R"(\Device\Mup\(host)\share)");
  EXPECT_EQ(redacted(R"(\??\UNC\filer7\share)"), R"(\??\UNC\(host)\share)");
  EXPECT_EQ(redacted("srv*/s*https://symbols.corp.example:8080/a"), "srv*/s*https://(host):8080/a");
}

TEST(Redact, SeparatorsMayStandTwiceAsInEscapedText) {
  EXPECT_EQ(redacted(R"(C:\\Users\\jane\\src\\drv.pdb)"), R"(C:\\Users\\(user)\\src\\drv.pdb)");
  EXPECT_EQ(redacted(R"(C:\Users\\jane\x)"), R"(C:\Users\\(user)\x)");
  EXPECT_EQ(redacted("/home//jane/x"), "/home//(user)/x");
  EXPECT_EQ(redacted(R"(\\\\filer7\\symbols)"), R"(\\\\(host)\\symbols)");
  EXPECT_EQ(redacted(R"(\\filer7\Users\\jane)"), R"(\\(host)\Users\\(user))");
}

TEST(Redact, NamesWithApostrophesAndPathsWithoutARoot) {
  EXPECT_EQ(redacted(R"(C:\Users\O'Brien\x)"), R"(C:\Users\(user)\x)");
  EXPECT_EQ(redacted(R"(C:\Users\O'Brien)"), R"(C:\Users\(user))");
  EXPECT_EQ(redacted(R"(in 'C:\Users\jane' or elsewhere)"), R"(in 'C:\Users\(user)' or elsewhere)");
  EXPECT_EQ(redacted(R"(Users\jane\x)"), R"(Users\(user)\x)");
  EXPECT_EQ(redacted("home/jane/x"), "home/(user)/x");
}

TEST(Redact, HostsWithMoreAroundThem) {
  EXPECT_EQ(redacted("//filer7/symbols/a.pdb"), "//(host)/symbols/a.pdb");
  EXPECT_EQ(redacted("https://jane:secret@corp.example/a"), "https://(host)/a");
  EXPECT_EQ(redacted("https://jane:secret@corp.example:8080/a"), "https://(host):8080/a");
  EXPECT_EQ(redacted("https://[fe80::1]:8080/a and"), "https://(host):8080/a and");
  EXPECT_EQ(redacted("srv*https://a.example*https://b.example"),
            "srv*https://(host)*https://(host)");
  EXPECT_EQ(redacted(R"(\Device\Mup\;LanmanRedirector\;Z:00000000000a1b2c\filer7\share)"),
            R"(\Device\Mup\;LanmanRedirector\;Z:00000000000a1b2c\(host)\share)");
  EXPECT_EQ(redacted(R"(\Device\WebDavRedirector\filer7\share)"),
            R"(\Device\WebDavRedirector\(host)\share)");
}

TEST(Redact, WhatIsNeitherStays) {
  for (const char* text :
       {"nt!KeWaitForSingleObject+0x19f", R"(\SystemRoot\system32\ntoskrnl.exe)",
        R"(\??\C:\Windows\a.sys)", R"(\\?\C:\Windows\a.sys)", "std::vector<int>::home",
        R"(C:\Windows\\System32\a.dll)", R"(C:\\Windows\\System32\\a.dll)", "a // b",
        R"(\\.\pipe\x)", "it isn't /here", "", "\\", "\\\\", "/home/", "users"})
    EXPECT_EQ(redacted(text), text);
}

TEST(Redact, EveryStringOfADocument) {
  nlohmann::ordered_json document = {
      {"dump", {{"file", "/home/jane/a.dmp"}, {"comment", "jane's machine"}}},
      {"more_dumps", {{{"file", R"(C:\Users\jane\b.dmp)"}, {"comment", nullptr}}}},
      {"list", {R"(C:\Users\jane\x)", 7, {{"deep", R"(\\filer7\x)"}}}}};
  redact(document);
  EXPECT_EQ(document["dump"]["file"], "a.dmp");
  EXPECT_TRUE(document["dump"]["comment"].is_null());
  EXPECT_EQ(document["more_dumps"][0]["file"], "b.dmp");
  const std::string text = document.dump();
  EXPECT_EQ(text.find("jane"), std::string::npos);
  EXPECT_EQ(text.find("filer7"), std::string::npos);
}

TEST(Redact, FoldersOfTheUsersFiles) {
  nlohmann::ordered_json document = {
      {"dump", {{"file", "a.dmp"}, {"comment", nullptr}}},
      {"list",
       {"left out: opening /cases/jane/set/b.dmp: cut off", "no dump is in /cases/jane/set",
        "a PDB of /cases/jane: damaged", R"(d:\jane\a.pdb)", "/cases/janet/x", "x/cases/jane/y"}}};
  redact(document, {"/cases/jane", "/cases/jane/set/", R"(d:\jane)", "/", ""});
  const auto& list = document["list"];
  EXPECT_EQ(list[0], "left out: opening b.dmp: cut off");
  EXPECT_EQ(list[1], "no dump is in (folder)");
  EXPECT_EQ(list[2], "a PDB of (folder): damaged");
  EXPECT_EQ(list[3], "a.pdb");
  EXPECT_EQ(list[4], "/cases/janet/x");
  EXPECT_EQ(list[5], "x/cases/jane/y");
}

}  // namespace
}  // namespace ntstack::report
