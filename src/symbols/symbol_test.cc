#include "symbols/symbol.h"

#include <gtest/gtest.h>

namespace ntstack::symbols {
namespace {

Symbol symbol(const char* module, const char* name, std::uint64_t offset) {
  Symbol made;
  made.module = module;
  made.name = name;
  made.offset = offset;
  return made;
}

TEST(Symbol, TextIsModuleNameAndOffset) {
  EXPECT_EQ(symbol("nt", "KeWaitForSingleObject", 0x19f).text(), "nt!KeWaitForSingleObject+0x19f");
  EXPECT_EQ(symbol("nt", "KiSwapContext", 0).text(), "nt!KiSwapContext");
}

TEST(Symbol, WithoutANameTheModuleAndWithoutAModuleTheAddressIsLeft) {
  EXPECT_EQ(symbol("rdbss", "", 0x1c0).text(), "rdbss+0x1c0");
  EXPECT_EQ(symbol("", "", 0xfffff8045e688b51).text(), "0xfffff8045e688b51");
}

TEST(Symbol, HostileNamesAreMadePrintable) {
  EXPECT_EQ(symbol("a\x1b[2J", "f\n\xff", 0).text(), "a?[2J!f??");
}

}  // namespace
}  // namespace ntstack::symbols
