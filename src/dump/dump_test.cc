#include "dump/dump.h"

#include <gtest/gtest.h>

#include <fstream>

#include "dump/dump_builder.h"
#include "test_files.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::TriageBuilder;
using building::view;

std::string refusal_of(std::string_view bytes) {
  auto dump = parse(base::Bytes::of(bytes));
  return dump ? "accepted" : dump.error().text();
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(Dump, WhatStandsBehindTheHeaderIsNamedWhereItDoesNotFitTheKind) {
  const std::pair<std::uint32_t, std::string_view> kinds[] = {
      {2, "a kernel summary dump (type 2)"},
      {3, "a kernel dump of a header alone (type 3)"},
      {5, "a bitmap complete dump (type 5)"},
      {6, "a bitmap kernel dump (type 6)"},
      {9, "a kernel and user dump written by a debugger (type 9)"},
      {99, "unknown kind (type 99)"},
  };
  for (const auto& [type, text] : kinds) {
    TriageBuilder builder;
    builder.dump_type = type;
    const Data file = builder.build();
    const auto dump = parse(view(file));
    ASSERT_FALSE(dump) << type;
    EXPECT_TRUE(has(dump.error().text(), text)) << dump.error().text();
    if (type != 3) {
      EXPECT_TRUE(has(dump.error().text(), "behind its header stands 00 00 00 00"))
          << dump.error().text();
    }
  }
}

TEST(Dump, EncryptedDumpsAreRecognisedUnlessTheyWereDecrypted) {
  TriageBuilder builder;
  builder.attributes = 0x100;
  const Data encrypted = builder.build();
  const auto refused = parse(view(encrypted));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(has(refused.error().text(), "encrypted")) << refused.error().text();
  builder.attributes = 0x300;
  const Data decrypted = builder.build();
  EXPECT_TRUE(parse(view(decrypted)));
}

TEST(Dump, FilesThatAreNoDumpsAreNamedWithWhatToDo) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(has(refusal_of(""), "empty file"));
  EXPECT_TRUE(has(refusal_of("\x01\x02\x03"), "3 bytes, too short"));
  EXPECT_TRUE(has(refusal_of("PK\x03\x04 and more"), "zip archive: unpack it"));
  EXPECT_TRUE(has(refusal_of("MSCF and more"), "CAB"));
  EXPECT_TRUE(has(refusal_of("7z\xbc\xaf\x27\x1c more"), "7z archive: unpack it"));
  EXPECT_TRUE(has(refusal_of("\x1f\x8b\x08 and more"), "gzip file: unpack it"));
  EXPECT_TRUE(has(refusal_of("\n<!DOCTYPE html><html>"), "web page"));
  EXPECT_TRUE(has(refusal_of("<HTML lang=en>\xc3\xa9"), "web page"));
  EXPECT_TRUE(has(refusal_of("some notes on a crash\r\n"), "text file"));
  EXPECT_TRUE(has(refusal_of("PAGEDU65 and more"), "damaged kernel dump"));
  EXPECT_TRUE(has(refusal_of("USERDU64 and more"), "USERDUMP"));
  EXPECT_TRUE(has(refusal_of("MZ\x90\0\x03\0\0\0\x04"sv), "program, DLL or driver"));
  EXPECT_TRUE(has(refusal_of("Microsoft C/C++ MSF 7.00\r\n\x1a"), "PDB"));
  EXPECT_TRUE(has(refusal_of("\x7f"
                             "ELF\x02\x01\x01\0"sv),
                  "ELF file of type 0"));
  EXPECT_TRUE(has(refusal_of("KDUMP   and more"), "kdump"));
  EXPECT_TRUE(has(refusal_of(std::string(5000, '\0')), "zeros"));
  EXPECT_TRUE(has(refusal_of("\x01\x02\x03\x04\x05\x06\x07\x08\x09"),
                  "begins with 01 02 03 04 05 06 07 08"));
}

TEST(Dump, ATriageDumpCutInsideItsHeadersSaysSo) {
  const Data file = TriageBuilder().build();
  for (const std::size_t size : {8uz, 0x1000uz, 0x1fffuz, 0x2000uz, 0x207fuz}) {
    const auto dump = parse(view(file).clamp(0, size));
    ASSERT_FALSE(dump) << size;
    EXPECT_TRUE(has(dump.error().text(), "cut off inside its header")) << dump.error().text();
  }
  EXPECT_TRUE(parse(view(file).clamp(0, 0x2080)));
}

TEST(Dump, ErrorsOfFilesNameTheFile) {
  const auto path = std::filesystem::temp_directory_path() / "ntstack_dump_test.txt";
  std::ofstream(path) << "only words, no dump";
  const auto dump = open(path);
  std::filesystem::remove(path);
  ASSERT_FALSE(dump);
  EXPECT_TRUE(has(dump.error().text(), "ntstack_dump_test.txt")) << dump.error().text();
  EXPECT_TRUE(has(dump.error().text(), "text file"));
  const auto missing = open(path);
  ASSERT_FALSE(missing);
  EXPECT_TRUE(has(missing.error().text(), "ntstack_dump_test.txt"));
}

TEST(Dump, AnOpenedDumpOwnsItsFileAndSurvivesAMove) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_17763.dmp");
  auto opened = open(path);
  ASSERT_TRUE(opened) << opened.error().text();
  const Dump dump = std::move(*opened);
  ASSERT_TRUE(dump.file);
  EXPECT_EQ(dump.file->path(), path);
  EXPECT_EQ(dump.kdbg.text(0x10, 4), "KDBG");
}

TEST(Dump, KindsHaveTheNamesOfTheSchema) {
  EXPECT_EQ(name_of(Kind::triage), "triage");
  EXPECT_EQ(name_of(Kind::minidump), "minidump");
  EXPECT_EQ(name_of(Kind::full), "full");
  EXPECT_EQ(name_of(Kind::summary), "summary");
  EXPECT_EQ(name_of(Kind::bitmap), "bitmap");
  EXPECT_EQ(name_of(Kind::rdmp), "rdmp");
  EXPECT_EQ(name_of(Kind::elf), "elf");
  EXPECT_EQ(name_of(Kind::lime), "lime");
  EXPECT_EQ(name_of(Kind::vmware), "vmware");
  EXPECT_EQ(name_of(Kind::raw), "raw");
}

}  // namespace
}  // namespace ntstack::dump
