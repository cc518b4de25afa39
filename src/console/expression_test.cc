// The evaluator, over a scope of our own. Truth: the examples of Microsoft's pages "MASM Numbers
// and Operators", "Sign Extension", "Address and Address Range Syntax" and "Expression Examples",
// of the debugger's own output quoted at a test, and arithmetic done by hand. tests/console
// compares thousands of random expressions with another language's arithmetic.
#include "console/expression.h"

#include <gtest/gtest.h>

#include <map>

#include "base/text.h"

namespace ntstack::console {
namespace {

class FakeScope : public Scope {
 public:
  bool wide = true, kernel = true;
  std::map<std::string, std::uint64_t> registers, symbols;
  std::array<std::uint8_t, 16> bytes{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x91,
                                     0x10, 0x00, 0x00, 0x80, 0x01, 0x02, 0x03, 0x04};

  bool is_64_bit() const override { return wide; }
  bool is_kernel() const override { return kernel; }
  const base::ByteSource& memory() const override { return memory_; }
  base::Result<std::optional<std::uint64_t>> register_named(std::string_view name) override {
    if (name == "unknown") return base::fail("its value is not known");
    const auto found = registers.find(base::lower(name));
    return found == registers.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::uint64_t> address_of(const std::string& symbol) override {
    const auto found = symbols.find(symbol);
    return found == symbols.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  base::SegmentSource memory_{{{0x1000, base::Bytes::of(std::span<const std::uint8_t>(bytes))}}};
};

class ExpressionTest : public testing::Test {
 protected:
  FakeScope scope;
  std::uint64_t value(std::string_view text, unsigned radix = 16) {
    const auto result = evaluate(text, scope, radix);
    EXPECT_TRUE(result) << text << ": " << result.error().text();
    return result.value_or(0xbad);
  }
  std::string error(std::string_view text) {
    const auto result = evaluate(text, scope);
    EXPECT_FALSE(result) << text;
    return result ? "" : result.error().text();
  }
};

TEST_F(ExpressionTest, NumbersAreHexadecimalByDefault) {
  for (const char* same : {"0x4AB3", "0X4aB3", "4AB3h", "4ab3h", "4aB3H", "4ab3"})
    EXPECT_EQ(value(same), 0x4ab3u) << same;
}

TEST_F(ExpressionTest, APrefixSetsTheRadix) {
  EXPECT_EQ(value("0n10+1"), 11u);
  EXPECT_EQ(value("0t10+1"), 9u);
  EXPECT_EQ(value("0y10+1"), 3u);
  for (const char* zero : {"0", "0x0", "0x", "0n", "0y"}) EXPECT_EQ(value(zero), 0u) << zero;
}

TEST_F(ExpressionTest, TheDefaultRadixCanBeAnother) {
  EXPECT_EQ(value("1+10", 10), 11u);
  EXPECT_EQ(value("1+10", 16), 17u);
  EXPECT_EQ(value("10h + 0x10", 10), 32u);
  EXPECT_EQ(value("17", 8), 15u);
}

TEST_F(ExpressionTest, AMinusBehindAPrefixIsAnOperator) {
  EXPECT_EQ(value("0n-123"), 0 - std::uint64_t{0x123});  // the debugger prints -291
  EXPECT_EQ(value("-0n123"), 0 - std::uint64_t{123});
}

TEST_F(ExpressionTest, KernelModeExtendsTheSignOf32BitNumbers) {
  EXPECT_EQ(value("EEAA1122"), 0xffffffffeeaa1122u);
  EXPECT_EQ(value("00000000EEAA1122"), 0xffffffffeeaa1122u);
  EXPECT_EQ(value("00000000`EEAA1122"), 0xeeaa1122u);
  EXPECT_EQ(value("0`EEAA1122"), 0xeeaa1122u);
  EXPECT_EQ(value("12345678"), 0x12345678u);
  scope.kernel = false;
  EXPECT_EQ(value("EEAA1122"), 0xeeaa1122u);
}

TEST_F(ExpressionTest, OnlyNumbersAreExtendedNotWhatIsComputed) {
  EXPECT_EQ(value("7fffffff+1"), 0x80000000u);
}

TEST_F(ExpressionTest, AddressesMayHaveAnAccent) {
  EXPECT_EQ(value("fffff803`1234abcd"), 0xfffff8031234abcdu);
}

TEST_F(ExpressionTest, OperatorsBindAsTheTableSays) {
  EXPECT_EQ(value("2+3*4"), 14u);
  EXPECT_EQ(value("(2+3)*4"), 20u);
  EXPECT_EQ(value("1<<2+1"), 8u);
  EXPECT_EQ(value("6 & 3 == 3"), 0u);  // a comparison before &: 6 & 1
  EXPECT_EQ(value("1 | 2 ^ 3 & 2"), 1u);
  EXPECT_EQ(value("1 or 2 xor 3 and 2"), 1u);
  EXPECT_EQ(value("7 mod 4 + 7 % 4"), 6u);
  EXPECT_EQ(value("10-4-2"), 0xau);
  EXPECT_EQ(value("5>=5"), 1u);
  EXPECT_EQ(value("5=5"), 1u);
  EXPECT_EQ(value("5!=5"), 0u);
}

TEST_F(ExpressionTest, TheSeedsSumAndQuotientComeOut) {
  EXPECT_EQ(value("0x8+0x80+0x84+0x10+0x28+0x84+0x10+0x28+0x8+0x80+0x84+0x10+0x28+0x84+0x10+0x8+"
                  "0x80+0x84+0x10+0x28+0x28+0x7c+0x94+0x10+0x28+0x50+0x54+0x164+0x40+0x2c4+0x24+"
                  "0x34+0x8+0x60+0x28+0x8c+0x10+0x28+0x9c+0x58+0x50+0x28+0x38+0x124+0x44"),
            4176u);
  EXPECT_EQ(value("4176/1024"), 4u);  // hexadecimal both; 4 in decimal too
}

TEST_F(ExpressionTest, ShiftsAreLogicalOrArithmetic) {
  EXPECT_EQ(value("-1>>0n60"), 15u);
  EXPECT_EQ(value("-10>>>4"), UINT64_MAX);
  EXPECT_EQ(value("1<<40"), 0u);  // by 64
}

TEST_F(ExpressionTest, UnaryOperatorsTakeWhatFollows) {
  EXPECT_EQ(value("not 0"), 1u);
  EXPECT_EQ(value("not 5"), 0u);
  EXPECT_EQ(value("hi 12345678"), 0x1234u);
  EXPECT_EQ(value("low(12345678)"), 0x5678u);
  EXPECT_EQ(value("-1 + ~0"), UINT64_MAX - 1);
  EXPECT_EQ(value("by 1000 + 1"), 0x89u);
}

TEST_F(ExpressionTest, MemoryIsRead) {
  EXPECT_EQ(value("by(1000)"), 0x88u);
  EXPECT_EQ(value("wo(1000)"), 0x7788u);
  EXPECT_EQ(value("dwo(1000)"), 0x55667788u);
  EXPECT_EQ(value("qwo(1000)"), 0x9122334455667788u);
  EXPECT_EQ(value("poi(1000)"), 0x9122334455667788u);
  EXPECT_EQ(value("$vvalid(1000, 0n16)"), 1u);
  EXPECT_EQ(value("$vvalid(1000, 0n17)"), 0u);
  EXPECT_EQ(error("poi(2000)"), "Memory access error at 'poi(2000)'");
}

TEST_F(ExpressionTest, A32BitTargetsPointersAreSignExtended) {
  scope.wide = false;
  EXPECT_EQ(value("poi(1008)"), 0xffffffff80000010u);
  EXPECT_EQ(value("poi(1008) == 80000010"), 1u);
  EXPECT_EQ(value("dwo(1008)"), 0x80000010u);
}

TEST_F(ExpressionTest, RegistersAndSymbolsAreNamed) {
  scope.registers = {{"eax", 7}, {"$t0", 9}, {"$ip", 0x77}, {"ah", 3}};
  scope.symbols = {{"nt", 0x5000}, {"nt!Foo", 0x5010}, {"beef", 1}, {"nt!beef", 0x5020}};
  EXPECT_EQ(value("@eax + @EAX"), 14u);
  EXPECT_EQ(value("eax+1"), 8u);
  EXPECT_EQ(value("$t0"), 9u);
  EXPECT_EQ(value("@$t0"), 9u);
  EXPECT_EQ(value("."), 0x77u);
  EXPECT_EQ(value("ah"), 0xau);  // 0ah
  EXPECT_EQ(value("@ah"), 3u);
  EXPECT_EQ(value("nt!Foo+0x12"), 0x5022u);
  EXPECT_EQ(value("nt+10"), 0x5010u);
  EXPECT_EQ(value("beef"), 0xbeefu);  // could be a number, so it is one
  EXPECT_EQ(value("!beef"), 1u);
  EXPECT_EQ(value("nt!beef"), 0x5020u);
  EXPECT_EQ(error("@nosuch"), "Bad register error at '@nosuch'");
  EXPECT_EQ(error("@unknown"), "its value is not known");
  EXPECT_EQ(error("nt!Nosuch + 1"), "Couldn't resolve error at 'nt!Nosuch + 1'");
  EXPECT_EQ(error("1 + Foo"), "Couldn't resolve error at 'Foo'");
}

TEST_F(ExpressionTest, NamesOfCxxFollowAModule) {
  scope.symbols = {{"m!ns::Class::~Class", 1},
                   {"m!Map<int,Pair<a, b> >::find", 2},
                   {"m!`anonymous namespace'::f", 3},
                   {"m!n", 4}};
  EXPECT_EQ(value("m!ns::Class::~Class"), 1u);
  EXPECT_EQ(value("m!Map<int,Pair<a, b> >::find+1"), 3u);
  EXPECT_EQ(value("m!`anonymous namespace'::f"), 3u);
  EXPECT_EQ(value("m!n<5"), 1u);  // no such template: a comparison
  EXPECT_EQ(value("m!n>1"), 1u);
}

TEST_F(ExpressionTest, WhatIsWrongIsSaidWithItsPlace) {
  EXPECT_EQ(error(""), "Numeric expression missing from '<EOL>'");
  EXPECT_EQ(error("1 +"), "Numeric expression missing from '<EOL>'");
  EXPECT_EQ(error("5/0"), "Operand error at '/0'");
  EXPECT_EQ(error("(1"), "Missing ')' at ''");
  EXPECT_EQ(error("1 2"), "Extra character error in '2'");
  EXPECT_EQ(error("1fffffffffffffffff"), "Overflow error at '1fffffffffffffffff'");
  EXPECT_EQ(error("@@c++(1)"), "C++ expressions are not supported: '@@c++(1)'");
  EXPECT_EQ(value("@@masm(1+1)"), 2u);
}

TEST_F(ExpressionTest, NestingIsBounded) {
  EXPECT_EQ(value(std::string(50, '(') + "1" + std::string(50, ')')), 1u);
  EXPECT_FALSE(evaluate(std::string(100000, '('), scope));
  EXPECT_FALSE(evaluate(std::string(100000, '-'), scope));
}

TEST_F(ExpressionTest, TheFirstExpressionEndsWhereNoOperatorFollows) {
  const auto first = evaluate_first("b8ae6000 b8ae9000", scope);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->length, 8u);
  EXPECT_EQ(evaluate_first("1 + 2 L10", scope)->length, 5u);
  EXPECT_EQ(evaluate_first("b8ae6100, 1", scope)->length, 8u);
}

}  // namespace
}  // namespace ntstack::console
