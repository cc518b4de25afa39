// Names of bugchecks. Truth: Microsoft's public bug check reference.
#include "analysis/bugcheck.h"

#include <gtest/gtest.h>

namespace ntstack::analysis {
namespace {

TEST(Bugcheck, CommonCodesHaveTheReferencesNames) {
  EXPECT_EQ(bugcheck_meaning(0x0a)->name, "IRQL_NOT_LESS_OR_EQUAL");
  EXPECT_EQ(bugcheck_meaning(0x7f)->name, "UNEXPECTED_KERNEL_MODE_TRAP");
  EXPECT_EQ(bugcheck_meaning(0x139)->name, "KERNEL_SECURITY_CHECK_FAILURE");
  EXPECT_EQ(bugcheck_meaning(0x1000007e)->name, "SYSTEM_THREAD_EXCEPTION_NOT_HANDLED_M");
}

TEST(Bugcheck, UnknownCodesHaveNone) { EXPECT_EQ(bugcheck_meaning(0x12345678), nullptr); }

}  // namespace
}  // namespace ntstack::analysis
