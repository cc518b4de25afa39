// Expressions in MASM syntax, as WinDbg's default evaluator takes them: numbers, registers,
// symbols, memory, operators. From Microsoft's "MASM Numbers and Operators" and "Sign Extension".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_source.h"
#include "base/error.h"

namespace ntstack::console {

// What names in an expression stand for.
class Scope {
 public:
  virtual ~Scope() = default;
  virtual bool is_64_bit() const = 0;
  // In kernel mode numbers from 80000000 to ffffffff are sign-extended, unless they have a `.
  virtual bool is_kernel() const = 0;
  virtual const base::ByteSource& memory() const = 0;
  // A register or a pseudo-register ("eax", "$thread"), in any case of letters; nothing where there
  // is none of that name. An error: there is one, and its value is not known.
  virtual base::Result<std::optional<std::uint64_t>> register_named(std::string_view name) = 0;
  // Of "module!name", "module" or "name".
  virtual std::optional<std::uint64_t> address_of(const std::string& symbol) = 0;
};

struct Evaluated {
  std::uint64_t value = 0;
  std::size_t length = 0;  // of the text that was the expression
};

// The expression that `text` begins with; it ends where no operator follows. `radix` (2 to 16) is
// that of numbers without a prefix. All is computed in 64 bits, without a sign, as WinDbg does.
// Errors are worded as WinDbg words them, with the text from where it went wrong.
base::Result<Evaluated> evaluate_first(std::string_view text, Scope& scope, unsigned radix = 16);

// `text` as a whole.
base::Result<std::uint64_t> evaluate(std::string_view text, Scope& scope, unsigned radix = 16);

// A value as an address of the target: 32 bits of it, or all.
constexpr std::uint64_t as_address(std::uint64_t value, bool is_64_bit) {
  return is_64_bit ? value : value & UINT32_MAX;
}
// A 32-bit value as the evaluator has registers, pointers and symbols of a 32-bit target.
constexpr std::uint64_t sign_extended(std::uint64_t value) {
  return static_cast<std::uint64_t>(
      static_cast<std::int64_t>(static_cast<std::int32_t>(static_cast<std::uint32_t>(value))));
}

}  // namespace ntstack::console
