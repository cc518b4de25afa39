#include "base/text.h"

#include <gtest/gtest.h>

namespace ntstack::base {
namespace {

TEST(Printable, PlainTextStaysAsItIs) {
  EXPECT_EQ(printable(""), "");
  EXPECT_EQ(printable("nt!KeWait+0x1f [d:\\nt.c @ 211] ~"), "nt!KeWait+0x1f [d:\\nt.c @ 211] ~");
}

TEST(Printable, WhatATerminalWouldObeyIsAQuestionMarkWhereverItStands) {
  EXPECT_EQ(printable("\x1b[2J"), "?[2J");
  EXPECT_EQ(printable("a\nb\x7f"), "a?b?");
  EXPECT_EQ(printable("evil\xe2\x80\xae.exe"), "evil?.exe");  // right to left
  EXPECT_EQ(printable("\xc2\x9b"), "?");                      // a C1 control
}

TEST(Printable, OtherLettersStayAndBadUtf8DoesNot) {
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"
                      "e"),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  EXPECT_EQ(printable("a\xff"
                      "b\xe2\x82"),
            "a?b??");
}

}  // namespace
}  // namespace ntstack::base
