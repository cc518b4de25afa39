// undecorate() gives what llvm-undname gives without the parameters, and reads what it reads.
#include <gtest/gtest.h>

#include <iostream>

#include "comparison.h"
#include "mutations.h"
#include "names.h"
#include "tool.h"
#include "undname.h"

namespace ntstack::tests {
namespace {

void expect_alike(const std::string& title, const Names& names) {
  const Comparison comparison = compare(names);
  std::cout << line(title, comparison);
  EXPECT_EQ(comparison.names, names.size());
  EXPECT_EQ(comparison.differences(), 0U) << comparison.examples;
}

TEST(OracleUndecorate, PublicsOfRealPdbsAreNamedAlike) {
  NTSTACK_NEED_TOOL(tool, "llvm-undname-19");
  const Names names = names_of_pdbs();
  if (names.empty()) GTEST_SKIP() << "no PDBs at hand";
  expect_alike("PDBs", names);
}

TEST(OracleUndecorate, ExportsOfRuntimeDllsAreNamedAlike) {
  NTSTACK_NEED_TOOL(tool, "llvm-undname-19");
  const Names names = names_of_dlls();
  if (names.empty()) GTEST_SKIP() << "no DLLs of Wine at hand";
  expect_alike("DLLs", names);
}

TEST(OracleUndecorate, WhatClangCompilesIsNamedAlike) {
  NTSTACK_NEED_TOOL(tool, "llvm-undname-19");
  NTSTACK_NEED_TOOL(clang, "clang++-19");
  const Names names = names_of_compiler();
  ASSERT_GT(names.size(), 4000U);
  expect_alike("clang", names);
}

TEST(OracleUndecorate, NamesByHandAreNamedAlike) {
  NTSTACK_NEED_TOOL(tool, "llvm-undname-19");
  const Names names = names_by_hand();
  ASSERT_GT(names.size(), 1000U);
  expect_alike("by hand", names);
}

// The tool forgets errors that it met before a pointer or a reference ("??3@-AXPEAX@Z", whose '-'
// is no kind of function, is read on), we do not: such names are the whole of `tool_alone`.
TEST(OracleUndecorate, SpoiltNamesAreReadOrRefusedAlike) {
  NTSTACK_NEED_TOOL(tool, "llvm-undname-19");
  Names names = names_by_hand();
  for (const Names& more :
       {names_of_pdbs(), names_of_dlls(), names_of_compiler(), names_by_hand()}) {
    names.insert(names.end(), more.begin(), more.end());
  }
  const Comparison comparison = compare(spoilt(names, 60000, 1));
  std::cout << line("spoilt", comparison);
  EXPECT_EQ(comparison.names, 60000U);
  EXPECT_EQ(comparison.we_alone + comparison.different + comparison.wrong_name, 0U)
      << comparison.examples;
  EXPECT_LT(comparison.tool_alone, comparison.names / 100) << comparison.examples;
}

TEST(OracleUndecorate, TheToolsParametersAreCutOffByTheirParentheses) {
  EXPECT_EQ(without_parameters("n::f(int, char) const &"), "n::f");
  EXPECT_EQ(without_parameters("[thunk]: C::f`adjustor{8}'(void)"), "C::f`adjustor{8}'");
  EXPECT_EQ(without_parameters("C::operator()(int (*)(int))"), "C::operator()");
  EXPECT_EQ(without_parameters("C::operator int const(void) const"), "C::operator int const");
  EXPECT_EQ(without_parameters("f<int (int)>"), "f<int (int)>");
  EXPECT_EQ(without_parameters("f)"), std::nullopt);
  EXPECT_EQ(without_parameters("f<int (* (*)(int)>(int (* (*)(int))"), std::nullopt);
}

}  // namespace
}  // namespace ntstack::tests
