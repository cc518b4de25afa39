// Names, meanings and values of bugchecks. Truth: Microsoft's public bug check reference, as the
// tests have it; of names also public_headers_test.cc.
#include "analysis/bugcheck.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "analysis/bugcheck_values.h"
#include "analysis/status_names.h"

namespace ntstack::analysis {
namespace {

using base::Architecture;

std::string words(std::uint32_t code, std::array<std::uint64_t, 4> parameters, std::size_t which,
                  Architecture architecture = Architecture::x64) {
  return parameter_words({code, parameters}, which, architecture);
}

TEST(Bugcheck, CommonCodesHaveTheReferencesNames) {
  EXPECT_EQ(bugcheck_meaning(0x0a)->name, "IRQL_NOT_LESS_OR_EQUAL");
  EXPECT_EQ(bugcheck_meaning(0x7f)->name, "UNEXPECTED_KERNEL_MODE_TRAP");
  EXPECT_EQ(bugcheck_meaning(0x139)->name, "KERNEL_SECURITY_CHECK_FAILURE");
  EXPECT_EQ(bugcheck_meaning(0x1000007e)->name, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M");
  EXPECT_EQ(bugcheck_meaning(0xed)->name, "UNMOUNTABLE_BOOT_VOLUME");
  EXPECT_EQ(bugcheck_meaning(0x1d5)->name, "DRIVER_PNP_WATCHDOG");
  EXPECT_EQ(bugcheck_meaning(0xc000021a)->name, "WINLOGON_FATAL_ERROR");
}

TEST(Bugcheck, UnknownCodesHaveNone) { EXPECT_EQ(bugcheck_meaning(0x12345678), nullptr); }

TEST(Bugcheck, ACodeWithTheMarkOfSmallDumpsIsFoundWithoutIt) {
  EXPECT_EQ(bugcheck_meaning(0x100000d1)->name, "DRIVER_IRQL_NOT_LESS_OR_EQUAL");
  EXPECT_EQ(plain_code(0x1000007e), 0x7eu);
  EXPECT_EQ(plain_code(0xdeaddead), 0xdeaddeadu);
}

TEST(Bugcheck, AsManyAsTheReferenceHasAreKnownAndTheImportantOnesHaveAMeaning) {
  const auto all = known_bugchecks();
  EXPECT_GE(all.size(), 350u);
  EXPECT_GE(std::ranges::count_if(all, [](const auto& each) { return !each.sentence.empty(); }),
            80);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &BugcheckMeaning::code));
}

TEST(Bugcheck, DumpsThatSomebodyAskedForAreNoCrashes) {
  for (const std::uint32_t code : {0xe2u, 0x161u, 0x15eu, 0x1a3u, 0x69696969u, 0xdeaddeadu})
    EXPECT_TRUE(is_no_crash(code)) << std::hex << code;
  for (const std::uint32_t code : {0x0au, 0xd1u, 0x1000007eu, 0x133u, 0x9fu})
    EXPECT_FALSE(is_no_crash(code)) << std::hex << code;
}

TEST(BugcheckValues, WhatWasTriedAndAtWhichIrql) {
  EXPECT_EQ(words(0xd1, {0, 2, 0, 0}, 1), "DISPATCH_LEVEL");
  EXPECT_EQ(words(0xd1, {0, 2, 0, 0}, 2), "read");
  EXPECT_EQ(words(0xd1, {0, 2, 1, 0}, 2), "write");
  EXPECT_EQ(words(0xd1, {0, 2, 8, 0}, 2), "execute");
  EXPECT_EQ(words(0x0a, {0, 15, 1, 0}, 1), "HIGH_LEVEL");
  EXPECT_EQ(words(0x0a, {0, 28, 1, 0}, 1, Architecture::x86), "CLOCK2_LEVEL");
  EXPECT_EQ(words(0x50, {0, 2, 0, 0}, 1), "write");
  EXPECT_EQ(words(0x50, {0, 0x10, 0, 0}, 1), "execute");
}

TEST(BugcheckValues, ExceptionCodesHaveTheirNames) {
  EXPECT_TRUE(
      words(0x7e, {0xffffffff'c0000005, 0, 0, 0}, 0).starts_with("STATUS_ACCESS_VIOLATION"));
  EXPECT_TRUE(words(0x1000008e, {0x80000003, 0, 0, 0}, 0).starts_with("STATUS_BREAKPOINT"));
  EXPECT_EQ(words(0x3b, {0x12345678, 0, 0, 0}, 0), "");
  EXPECT_EQ(status_name(0xc0000409), "STATUS_STACK_BUFFER_OVERRUN");
}

TEST(BugcheckValues, KindsOfViolationAreTold) {
  EXPECT_TRUE(words(0x139, {3, 0, 0, 0}, 0).contains("LIST_ENTRY"));
  EXPECT_TRUE(words(0x9f, {3, 0, 0, 0}, 0).contains("power IRP"));
  EXPECT_TRUE(words(0x133, {1, 0, 0, 0}, 0).contains("DISPATCH_LEVEL"));
  EXPECT_TRUE(words(0xc4, {0x62, 0, 0, 0}, 0).contains("unloaded"));
  EXPECT_TRUE(words(0x7f, {8, 0, 0, 0}, 0).contains("double fault"));
  EXPECT_TRUE(words(0x1a, {0x41792, 0, 0, 0}, 0).contains("page table"));
  EXPECT_EQ(words(0x9f, {0x7777, 0, 0, 0}, 0), "");
}

}  // namespace
}  // namespace ntstack::analysis
