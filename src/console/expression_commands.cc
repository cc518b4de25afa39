// ? and .formats.
#include "console/console.h"
#include "console/number_formats.h"

namespace ntstack::console {
namespace {

base::Result<void> evaluate_command(Console& console, const Arguments& arguments) {
  if (arguments.text.empty()) {
    console.write(overview_text(console.families()));
    return {};
  }
  const auto value = console.evaluate(arguments.text);
  if (!value) return std::unexpected(value.error());
  console.memory.last_evaluated = *value;
  console.write(evaluation_text(formats_of(*value, console.is_64_bit())));
  return {};
}

base::Result<void> formats_command(Console& console, const Arguments& arguments) {
  const auto value = console.evaluate(arguments.text);
  if (!value) return std::unexpected(value.error());
  console.memory.last_evaluated = *value;
  console.write(formats_text(formats_of(*value, console.is_64_bit())));
  return {};
}

base::Result<void> cxx_command(Console&, const Arguments&) {
  return base::fail("C++ expressions are not supported: ? takes MASM's");
}

}  // namespace

std::vector<Command> expression_commands() {
  return {
      {{"?"},
       "",
       {"? EXPRESSION"},
       "The value of an expression",
       "Numbers are hexadecimal; 0n, 0t and 0y make them decimal, octal and binary. Operators, as\n"
       "they bind: + - ~ not hi low by wo dwo qwo poi in front; * / %; + -; << >> >>>; = == != < "
       ">\n"
       "<= >=; & (and); ^ (xor); | (or). Registers are @rax or @eip; $ip, $csp, $ra, $retreg,\n"
       "$thread, $proc, $teb, $peb, $exp, $p and $t0 to $t19 are there too. A symbol is its "
       "address:\n"
       "nt!KeBugCheckEx, or a module, or a name alone; what could be a number is one, unless ! is\n"
       "before it. In kernel mode numbers from 80000000 to ffffffff are sign-extended to 64 bits,\n"
       "unless they are written with a `.",
       {{"? 0x8+0x80", "adds"},
        {"? poi(@esp+4)", "what the slot above ESP holds"},
        {"? nt!KeBugCheckEx+0n20", "an address behind a symbol"}},
       Completion::expression,
       evaluate_command},
      {{".formats"},
       "",
       {".formats EXPRESSION"},
       "A value in all formats: numbers, characters, time, floating point",
       "A time of 32 bits is that of C, one of 64 bits a FILETIME; both are UTC.",
       {{".formats 2c4", "Decimal: 708 and more"}},
       Completion::expression,
       formats_command},
      {{"??"},
       "",
       {"?? EXPRESSION"},
       "C++ expressions: not supported",
       "",
       {},
       Completion::none,
       cxx_command}};
}

}  // namespace ntstack::console
