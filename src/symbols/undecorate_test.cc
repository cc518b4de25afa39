// Names by hand; tests/oracle_undecorate compares thousands with llvm-undname.
#include "symbols/undecorate.h"

#include <gtest/gtest.h>

#include <string>

namespace ntstack::symbols {
namespace {

std::string x64(std::string_view name) { return undecorate(name); }
std::string x86(std::string_view name) { return undecorate(name, true); }

TEST(Undecorate, GivesQualifiedNamesWithoutParameters) {
  EXPECT_EQ(x64("?f@C@n@@QEAAXXZ"), "n::C::f");
  EXPECT_EQ(x64("?f@@YAHHPEAD@Z"), "f");
  EXPECT_EQ(x64("?x@C@@2HA"), "C::x");
  EXPECT_EQ(x64("?f@C@@QEBAXXZ"), "C::f");
}

TEST(Undecorate, NamesConstructorsAndOperatorsAfterTheirClass) {
  EXPECT_EQ(x64("??0C@n@@QEAA@XZ"), "n::C::C");
  EXPECT_EQ(x64("??1?$A@H@@UEAA@XZ"), "A<int>::~A<int>");
  EXPECT_EQ(x64("??BC@@QEAAPEAHXZ"), "C::operator int *");
  EXPECT_EQ(x64("??__MC@@QEAAHH@Z"), "C::operator<=>");
  EXPECT_EQ(x64("??__K_km@@YAHH@Z"), "operator \"\"_km");
}

TEST(Undecorate, KeepsTheTypesOfTemplateArguments) {
  EXPECT_EQ(x64("??$f@P6AHH@Z@@YAXXZ"), "f<int (__cdecl *)(int)>");
  EXPECT_EQ(x64("??$f@PEAY01$$CBH@@YAXXZ"), "f<int const (*)[2]>");
  EXPECT_EQ(x64("??$f@P8C@@EBAXXZ@@YAXXZ"), "f<void (__cdecl C::*)(void) const>");
  EXPECT_EQ(x64("??$f@$0?0$1?g@@YAXXZ@@YAXXZ"), "f<-1, &g(void)>");
  EXPECT_EQ(x64("??$f@$$V@@YAXXZ"), "f<>");
}

TEST(Undecorate, FollowsBackReferences) {
  EXPECT_EQ(x64("?f@C@1@YAXXZ"), "C::C::f");
  EXPECT_EQ(x64("??$f@V?$A@UB@@@@UB@@@?$A@H@@QEAAXXZ"), "A<int>::f<class A<struct B>, struct B>");
  EXPECT_EQ(x64("??$f@V0@@@YAXXZ"), "f<class f>") << "a template among its own arguments";
  EXPECT_EQ(x64("?f@1@YAXXZ"), "?f@1@YAXXZ") << "a reference to what was not there";
}

TEST(Undecorate, NamesWhatTheCompilerInvents) {
  EXPECT_EQ(x64("??_7C@@6B@"), "const C::`vftable'");
  EXPECT_EQ(x64("??_R4C@@6BD@@@"), "const C::`RTTI Complete Object Locator'{for `D'}");
  EXPECT_EQ(x64("??_R1A@?0A@EA@C@@8"), "C::`RTTI Base Class Descriptor at (0, -1, 0, 64)'");
  EXPECT_EQ(x64("??__Ex@@YAXXZ"), "`dynamic initializer for 'x''");
  EXPECT_EQ(x64("??__F?x@C@@2HA@@YAXXZ"), "`dynamic atexit destructor for `C::x''");
  EXPECT_EQ(x64("??_B?1??f@@YAXXZ@51"), "`void __cdecl f(void)'::`2'::`local static guard'{2}");
  EXPECT_EQ(x64("?x@?1??f@@YAXXZ@4HA"), "`void __cdecl f(void)'::`2'::x");
  EXPECT_EQ(x64("?x@?A0x1b@n@@3HA"), "n::`anonymous namespace'::x");
  EXPECT_EQ(x64("??R<lambda_1>@@QEBA@XZ"), "<lambda_1>::operator()");
}

TEST(Undecorate, TellsThunksByWhatTheyAdjust) {
  EXPECT_EQ(x64("?f@C@@W7EAAXXZ"), "C::f`adjustor{8}'");
  EXPECT_EQ(x64("?f@C@@$4PPPPPPPM@A@EAAXXZ"), "C::f`vtordisp{-4, 0}'");
  EXPECT_EQ(x64("??_9C@@$B7AA"), "C::`vcall'{8, {flat}}");
}

TEST(Undecorate, QuotesStringLiterals) {
  EXPECT_EQ(x64("??_C@_05CJBACGMB@hello?$AA@"), "\"hello\"");
  EXPECT_EQ(x64("??_C@_15ABCDEFGH@?$AAh?$AAi?$AA?$AA@"), "L\"hi\"");
}

TEST(Undecorate, LeavesOtherNamesAsTheyAre) {
  for (const std::string_view name :
       {"", "KeWaitForSingleObject", "_f@8", "_ZN1a1fEv", "_RNvC1a1f", "__imp_?f@@YAXXZ", "?", "?f",
        "??", "?f@@YA", "??_7", ".", "?f@@YAXXX", "??@abc"}) {
    EXPECT_EQ(x64(name), name);
  }
  EXPECT_EQ(x64("??@0123456789abcdef0123456789abcdef@"), "??@0123456789abcdef0123456789abcdef@");
}

TEST(Undecorate, StripsTheDecorationOfCNamesOnX86Alone) {
  EXPECT_EQ(x86("_main"), "main");
  EXPECT_EQ(x86("_NtClose@4"), "NtClose");
  EXPECT_EQ(x86("@KfAcquireSpinLock@4"), "KfAcquireSpinLock");
  EXPECT_EQ(x86("vector_add@@16"), "vector_add");
  EXPECT_EQ(x86("__except_handler4"), "_except_handler4");
  EXPECT_EQ(x86("?f@C@@QAEXXZ"), "C::f");
  for (const std::string_view name : {"", "_", "f", "@", "@@", "f@", "f@8", "@4", "_@4", "@@4"}) {
    EXPECT_EQ(x86(name), name);
  }
  EXPECT_EQ(x64("_main"), "_main");
  EXPECT_EQ(x64("vector_add@@16"), "vector_add@@16");
}

// Each parameter holds the one before it twenty times: 20^8 times the first.
TEST(Undecorate, RefusesNamesThatBlowUp) {
  std::string parameters = "PEAH";
  for (char previous = '0'; previous < '8'; ++previous) {
    parameters += "P6AX" + std::string(20, previous) + "@Z";
  }
  const std::string name = "??$f@P6AX" + parameters + "@Z@@YAXXZ";
  EXPECT_EQ(x64(name), name);
  EXPECT_EQ(x64("?f@@YAX" + parameters + "@Z"), "f") << "parameters are not printed";
}

TEST(Undecorate, RefusesNamesThatNestTooDeep) {
  for (const std::string_view piece : {"PEA", "?$a@", "V?$a@", "P6A", "??_R0", "?1?", "$$A6A"}) {
    std::string name = "??$f@";
    while (name.size() < 60000) name += piece;
    EXPECT_EQ(x64(name), name);
  }
}

}  // namespace
}  // namespace ntstack::symbols
