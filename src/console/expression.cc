#include "console/expression.h"

#include <array>

#include "console/expression_number.h"
#include "console/expression_reader.h"

namespace ntstack::console {
namespace {

using Value = base::Result<std::uint64_t>;

constexpr int kDeepest = 64;  // parentheses and unary operators within each other

enum class Operation : std::uint8_t {
  multiply,
  divide,
  remainder,
  add,
  subtract,
  shift_left,
  shift_right,
  shift_right_signed,
  equal,
  not_equal,
  at_most,
  at_least,
  less,
  greater,
  bit_and,
  bit_xor,
  bit_or
};

struct Binary {
  std::string_view symbol;
  int strength;  // of how it binds, the table of Microsoft's page from its end
  Operation operation;
};

// Longer ones first.
constexpr std::array<Binary, 18> kBinaries{{{">>>", 5, Operation::shift_right_signed},
                                            {"<<", 5, Operation::shift_left},
                                            {">>", 5, Operation::shift_right},
                                            {"==", 4, Operation::equal},
                                            {"!=", 4, Operation::not_equal},
                                            {"<=", 4, Operation::at_most},
                                            {">=", 4, Operation::at_least},
                                            {"<", 4, Operation::less},
                                            {">", 4, Operation::greater},
                                            {"=", 4, Operation::equal},
                                            {"*", 7, Operation::multiply},
                                            {"/", 7, Operation::divide},
                                            {"%", 7, Operation::remainder},
                                            {"+", 6, Operation::add},
                                            {"-", 6, Operation::subtract},
                                            {"&", 3, Operation::bit_and},
                                            {"^", 2, Operation::bit_xor},
                                            {"|", 1, Operation::bit_or}}};
constexpr std::array<Binary, 4> kWords{{{"mod", 7, Operation::remainder},
                                        {"and", 3, Operation::bit_and},
                                        {"xor", 2, Operation::bit_xor},
                                        {"or", 1, Operation::bit_or}}};

std::uint64_t shifted_right_signed(std::uint64_t value, std::uint64_t by) {
  const auto wide = static_cast<std::int64_t>(value);
  return static_cast<std::uint64_t>(wide >> (by > 63 ? 63 : by));
}

// Nothing: a division by zero.
std::optional<std::uint64_t> applied(Operation operation, std::uint64_t a, std::uint64_t b) {
  switch (operation) {
    case Operation::multiply:
      return a * b;
    case Operation::divide:
      return b == 0 ? std::nullopt : std::optional(a / b);
    case Operation::remainder:
      return b == 0 ? std::nullopt : std::optional(a % b);
    case Operation::add:
      return a + b;
    case Operation::subtract:
      return a - b;
    case Operation::shift_left:
      return b > 63 ? 0 : a << b;
    case Operation::shift_right:
      return b > 63 ? 0 : a >> b;
    case Operation::shift_right_signed:
      return shifted_right_signed(a, b);
    case Operation::equal:
      return a == b;
    case Operation::not_equal:
      return a != b;
    case Operation::at_most:
      return a <= b;
    case Operation::at_least:
      return a >= b;
    case Operation::less:
      return a < b;
    case Operation::greater:
      return a > b;
    case Operation::bit_and:
      return a & b;
    case Operation::bit_xor:
      return a ^ b;
    case Operation::bit_or:
      break;
  }
  return a | b;
}

class Evaluation {
 public:
  Evaluation(std::string_view text, Scope& scope, unsigned radix)
      : reader_(text), scope_(scope), radix_(radix) {}

  base::Result<Evaluated> run() {
    const Value value = binary(1);
    if (!value) return std::unexpected(value.error());
    return Evaluated{*value, end_};
  }

 private:
  std::unexpected<base::Error> refuse(std::string_view what, std::size_t at) {
    reader_.go_to(at);
    const std::string_view rest = reader_.rest();
    return base::fail("{} at '{}'", what, base::printable(rest.substr(0, 200)));
  }

  // The operator here, of at least `strength`; it is consumed.
  const Binary* take_binary(int strength) {
    const std::size_t before = reader_.position();
    reader_.skip_blanks();
    const Binary* found = nullptr;
    for (const Binary& each : kWords)
      if (base::equals_ignoring_case(reader_.word(), each.symbol)) found = &each;
    for (const Binary& each : kBinaries)
      if (!found && reader_.rest().starts_with(each.symbol)) found = &each;
    if (found && found->strength >= strength) {
      reader_.skip(found->symbol.size());
      return found;
    }
    reader_.go_to(before);
    return nullptr;
  }

  Value binary(int strength) {
    Value left = unary();
    while (left) {
      const std::size_t at = reader_.position();
      end_ = at;
      const Binary* found = take_binary(strength);
      if (!found) break;
      const Value right = binary(found->strength + 1);
      if (!right) return right;
      const auto result = applied(found->operation, *left, *right);
      if (!result) return refuse("Operand error", at);
      left = *result;
    }
    return left;
  }

  Value unary() {
    if (++depth_ > kDeepest) return refuse("Overflow error: too deeply nested", reader_.position());
    const Value value = unary_here();
    --depth_;
    return value;
  }

  Value unary_here() {
    reader_.skip_blanks();
    const std::size_t at = reader_.position();
    if (reader_.is_at_end()) return base::fail("Numeric expression missing from '<EOL>'");
    if (reader_.take("+") || reader_.take("%")) return unary();
    if (reader_.take("-")) return changed([](std::uint64_t v) { return 0 - v; });
    if (reader_.take("~")) return changed([](std::uint64_t v) { return ~v; });
    if (reader_.take("(")) return parenthesized();
    if (reader_.peek() == '!' && is_word_character(reader_.peek(1))) return symbol();
    if (reader_.take("!") || reader_.take_word("not"))
      return changed([](std::uint64_t v) { return std::uint64_t{v == 0}; });
    if (reader_.take_word("hi")) return changed([](std::uint64_t v) { return v >> 16 & 0xffff; });
    if (reader_.take_word("low")) return changed([](std::uint64_t v) { return v & 0xffff; });
    if (const auto size = take_memory_operator()) return memory(*size, at);
    if (reader_.take("@@")) return other_syntax(at);
    return primary();
  }

  // A unary operator's value.
  template <class Change>
  Value changed(Change change) {
    const Value value = unary();
    return value ? Value(change(*value)) : value;
  }

  // "by", "wo", "dwo", "qwo", "poi": bytes that are read.
  std::optional<unsigned> take_memory_operator() {
    if (reader_.take_word("by")) return 1;
    if (reader_.take_word("wo")) return 2;
    if (reader_.take_word("dwo")) return 4;
    if (reader_.take_word("qwo")) return 8;
    if (reader_.take_word("poi")) return 0;
    return std::nullopt;
  }

  Value memory(unsigned size, std::size_t at) {
    const Value address = unary();
    if (!address) return address;
    const bool is_pointer = size == 0;
    const bool wide = scope_.is_64_bit();
    if (is_pointer) size = wide ? 8 : 4;
    std::uint64_t value = 0;
    const auto out = std::as_writable_bytes(std::span(&value, 1)).first(size);
    if (scope_.memory().read(as_address(*address, wide), out) != size)
      return refuse("Memory access error", at);
    return is_pointer && !wide && scope_.is_kernel() ? sign_extended(value) : value;
  }

  Value parenthesized() {
    const Value value = binary(1);
    if (!value) return value;
    reader_.skip_blanks();
    if (!reader_.take(")")) return refuse("Missing ')'", reader_.position());
    return value;
  }

  Value other_syntax(std::size_t at) {
    if (reader_.take_word("masm") && reader_.take("(")) return parenthesized();
    reader_.go_to(at);
    return base::fail("C++ expressions are not supported: '{}'",
                      base::printable(reader_.rest().substr(0, 200)));
  }

  Value primary() {
    const std::size_t at = reader_.position();
    if (reader_.peek() == '`') return refuse("Source line expressions are not supported", at);
    if (reader_.peek() == '.' && !is_word_character(reader_.peek(1))) {
      reader_.skip();
      return named_register("$ip", at);
    }
    if (reader_.take("@")) {
      const std::string_view name = reader_.word();
      reader_.skip(name.size());
      return named_register(name, at);
    }
    if (reader_.take_word("$vvalid")) return is_valid(at);
    if (const auto common = common_register()) return *common;
    if (const auto number = read_number(reader_.rest(), radix_)) {
      reader_.skip(number->length);
      if (number->overflows) return refuse("Overflow error", at);
      return is_extended(*number) ? sign_extended(number->value) : number->value;
    }
    if (reader_.word().empty()) return refuse("Syntax error", at);
    return symbol();
  }

  bool is_extended(const Number& number) const {
    return scope_.is_kernel() && !number.has_accent && number.value >> 31 == 1;
  }

  Value named_register(std::string_view name, std::size_t at) {
    const auto value = scope_.register_named(name);
    if (!value) return std::unexpected(value.error());
    if (!*value) return refuse("Bad register error", at);
    return **value;
  }

  // Those that need no @. A name that is a number too ("ah" is 0ah) is the number.
  std::optional<Value> common_register() {
    const std::string_view name = reader_.word();
    const char next = reader_.peek(name.size());
    if (name.empty() || next == '!' || next == ':' || read_number(reader_.rest(), radix_))
      return {};
    const auto value = scope_.register_named(name);
    if (value && !*value) return {};
    reader_.skip(name.size());
    return value ? Value(**value) : Value(std::unexpected(value.error()));
  }

  // $vvalid(address, length)
  Value is_valid(std::size_t at) {
    if (!reader_.take("(")) return refuse("Syntax error", at);
    const Value address = binary(1);
    if (!address) return address;
    reader_.skip_blanks();
    if (!reader_.take(",")) return refuse("Syntax error", reader_.position());
    const Value length = parenthesized();
    if (!length) return length;
    constexpr std::uint64_t most = 0x100000;
    if (*length > most) return refuse("Range error", at);
    const auto size = static_cast<std::size_t>(*length);
    const std::uint64_t from = as_address(*address, scope_.is_64_bit());
    return std::uint64_t{scope_.memory().copy(from, size).size() == size};
  }

  // "module!ns::name<args>", "!name", "name". What may be a template's arguments is only that where
  // such a name is known.
  Value symbol() {
    const std::size_t at = reader_.position();
    const bool is_bare = reader_.take("!");
    const std::size_t begin = reader_.position();
    const bool has_module = take_name(is_bare);
    std::string name(reader_.from(begin));
    const std::size_t plain_end = reader_.position();
    if (has_module || is_bare) {
      take_decorations();
      const std::string whole(reader_.from(begin));
      if (whole != name)
        if (const auto address = scope_.address_of(whole)) return of_symbol(*address);
      reader_.go_to(plain_end);
    }
    if (!name.empty())
      if (const auto address = scope_.address_of(name)) return of_symbol(*address);
    return refuse("Couldn't resolve error", at);
  }

  Value of_symbol(std::uint64_t address) const {
    return scope_.is_64_bit() ? address : sign_extended(address);
  }

  // Words joined by ! (once) and ::. Returns whether there was a !.
  bool take_name(bool is_bare) {
    bool has_module = false;
    while (true) {
      reader_.skip(reader_.word().size());
      if (!has_module && !is_bare && reader_.peek() == '!' && reader_.peek(1) != '=') {
        has_module = true;
        reader_.skip();
      } else if (reader_.rest().starts_with("::")) {
        reader_.skip(2);
      } else if (reader_.peek() == '~' && reader_.from(0).ends_with("::")) {
        reader_.skip();
      } else {
        return has_module;
      }
    }
  }

  // What only names with a module have: templates' arguments, `anonymous namespace', @ of decorated
  // names.
  void take_decorations() {
    constexpr std::size_t longest = 4096;
    int angles = 0;
    bool is_quoted = false;
    std::size_t last_good = reader_.position();
    for (std::size_t i = 0; i < longest && !reader_.is_at_end(); ++i) {
      const char c = reader_.peek();
      const bool is_inside = angles > 0 || is_quoted;
      if (c == '`') is_quoted = true;
      if (c == '\'') is_quoted = false;
      if (c == '<') ++angles;
      if (c == '>' && --angles < 0) break;
      const bool joins = is_word_character(c) || c == ':' || c == '~' || c == '`' || c == '\'' ||
                         c == '@' || c == '<' || c == '>';
      if (!joins && !is_inside) break;
      reader_.skip();
      if (angles == 0 && !is_quoted) last_good = reader_.position();
    }
    reader_.go_to(last_good);
  }

  ExpressionReader reader_;
  Scope& scope_;
  unsigned radix_;
  int depth_ = 0;
  std::size_t end_ = 0;
};

}  // namespace

base::Result<Evaluated> evaluate_first(std::string_view text, Scope& scope, unsigned radix) {
  return Evaluation(text, scope, radix).run();
}

base::Result<std::uint64_t> evaluate(std::string_view text, Scope& scope, unsigned radix) {
  const auto found = evaluate_first(text, scope, radix);
  if (!found) return std::unexpected(found.error());
  std::string_view rest = text.substr(found->length);
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t')) rest.remove_prefix(1);
  if (!rest.empty())
    return base::fail("Extra character error in '{}'", base::printable(rest.substr(0, 200)));
  return found->value;
}

}  // namespace ntstack::console
