#include "unwind/program.h"

#include <bit>
#include <optional>

namespace ntstack::unwind::x86 {
namespace {

constexpr std::size_t kMaximumOperations = 256;
constexpr std::size_t kMaximumOperands = 16;

struct Known {
  std::string_view text;
  Name name;
};
// CodeView's numbers of the registers are those of CV_HREG_e (Microsoft's cvconst.h).
constexpr std::array<Known, 24> kKnown = {{{"$eip", eip},
                                           {"$esp", esp},
                                           {"$ebp", ebp},
                                           {"$ebx", ebx},
                                           {"$esi", esi},
                                           {"$edi", edi},
                                           {"$eax", eax},
                                           {"$ecx", ecx},
                                           {"$edx", edx},
                                           {"$17", eax},
                                           {"$18", ecx},
                                           {"$19", edx},
                                           {"$20", ebx},
                                           {"$21", esp},
                                           {"$22", ebp},
                                           {"$23", esi},
                                           {"$24", edi},
                                           {"$33", eip},
                                           {".raSearch", ra_search},
                                           {".raSearchStart", ra_search_start},
                                           {".cbParams", params_size},
                                           {".cbLocals", locals_size},
                                           {".cbSavedRegs", saved_size},
                                           {".cbCalleeParams", callee_params_size}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_of_name(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

}  // namespace

std::string_view text_of(ProgramError error) {
  switch (error) {
    case ProgramError::too_long:
      return "the program is longer than any compiler's";
    case ProgramError::bad_token:
      return "the program holds what is no name, number or operator";
    case ProgramError::operands_missing:
      return "an operator of the program lacks operands";
    case ProgramError::not_assignable:
      return "the program assigns to what is no register or variable";
    case ProgramError::operands_left:
      return "the program leaves values that nothing uses";
    case ProgramError::name_undefined:
      return "the program uses a name that has no value";
    case ProgramError::memory_missing:
      return "the program reads memory that is not in the dump";
    case ProgramError::division_by_zero:
      return "the program divides by zero";
    case ProgramError::alignment_no_power:
      return "the program aligns to what is no power of two";
  }
  return "unknown";
}

// Takes the text apart and follows the operands' stack, so that evaluating needs no checks of it.
class ProgramCompiler {
 public:
  using Code = Program::Code;
  using Error = std::optional<ProgramError>;

  explicit ProgramCompiler(std::string_view text) : rest_(text) {}

  std::expected<Program, ProgramError> compile() {
    while (true) {
      while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
      if (rest_.empty()) break;
      if (const Error error = token()) return std::unexpected(*error);
      if (program_.operations_.size() > kMaximumOperations)
        return std::unexpected(ProgramError::too_long);
    }
    if (depth_ != 0) return std::unexpected(ProgramError::operands_left);
    return std::move(program_);
  }

 private:
  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  Error token() {
    const char first = rest_.front();
    if (first == '$' || first == '.') return name();
    const bool minus_number = first == '-' && rest_.size() > 1 && is_digit(rest_[1]);
    if (is_digit(first) || minus_number) return number();
    take(1);
    switch (first) {
      case '=':
        return assignment();
      case '^':
        if (depth_ < 1) return ProgramError::operands_missing;
        return emit({Code::dereference}, 0);
      case '+':
        return binary(Code::add);
      case '-':
        return binary(Code::subtract);
      case '*':
        return binary(Code::multiply);
      case '/':
        return binary(Code::divide);
      case '%':
        return binary(Code::remainder);
      case '@':
        return binary(Code::align);
      default:
        return ProgramError::bad_token;
    }
  }

  Error name() {
    std::size_t size = 1;
    while (size < rest_.size() && is_of_name(rest_[size])) ++size;
    if (size == 1) return ProgramError::bad_token;
    const auto index = index_of(take(size));
    if (!index) return ProgramError::too_long;
    return emit({Code::load, *index}, +1);
  }

  std::optional<std::uint8_t> index_of(std::string_view text) {
    for (const Known& each : kKnown)
      if (each.text == text) return each.name;
    for (std::size_t i = 0; i < variable_count_; ++i)
      if (variables_[i] == text) return static_cast<std::uint8_t>(first_variable + i);
    if (variable_count_ == variables_.size()) return {};
    variables_[variable_count_] = text;
    return static_cast<std::uint8_t>(first_variable + variable_count_++);
  }

  Error number() {
    const bool negative = rest_.front() == '-';
    if (negative) take(1);
    std::uint64_t value = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
      value = value * 10 + static_cast<std::uint64_t>(take(1).front() - '0');
      if (value > UINT32_MAX) return ProgramError::bad_token;
    }
    const auto number = static_cast<std::uint32_t>(value);
    return emit({Code::number, 0, negative ? 0u - number : number}, +1);
  }

  Error binary(Code code) {
    if (depth_ < 2) return ProgramError::operands_missing;
    return emit({code}, -1);
  }

  // The operand on the left was loaded as any name; that load goes.
  Error assignment() {
    if (depth_ < 2) return ProgramError::operands_missing;
    auto& operations = program_.operations_;
    const std::size_t left = first_operation_[depth_ - 2];
    const bool is_one_load = first_operation_[depth_ - 1] == left + 1;
    if (!is_one_load || operations[left].code != Code::load) return ProgramError::not_assignable;
    const std::uint8_t name = operations[left].name;
    if (name > eip && (name < first_variable || variables_[name - first_variable][0] != '$'))
      return ProgramError::not_assignable;
    operations.erase(operations.begin() + static_cast<std::ptrdiff_t>(left));
    operations.push_back({Code::store, name});
    depth_ -= 2;
    program_.assigns_ |= 1u << name;
    for (std::size_t i = left; i < operations.size(); ++i)
      if (operations[i].code == Code::load) program_.reads_ |= 1u << operations[i].name;
    return {};
  }

  // `grows` is what the operation does to the number of operands.
  Error emit(Program::Operation operation, int grows) {
    if (grows > 0) {
      if (depth_ == kMaximumOperands) return ProgramError::too_long;
      first_operation_[depth_++] = program_.operations_.size();
    } else if (grows < 0) {
      --depth_;
    }
    program_.operations_.push_back(operation);
    return {};
  }

  std::string_view rest_;
  Program program_;
  std::array<std::string_view, kNames - first_variable> variables_;
  std::size_t variable_count_ = 0;
  std::array<std::size_t, kMaximumOperands> first_operation_{};  // that makes each operand
  std::size_t depth_ = 0;
};

std::expected<Program, ProgramError> Program::compile(std::string_view text) {
  return ProgramCompiler(text).compile();
}

std::expected<std::uint32_t, ProgramError> Program::apply(Code code, std::uint32_t left,
                                                          std::uint32_t right) {
  switch (code) {
    case Code::add:
      return left + right;
    case Code::subtract:
      return left - right;
    case Code::multiply:
      return left * right;
    case Code::divide:
      if (right == 0) return std::unexpected(ProgramError::division_by_zero);
      return left / right;
    case Code::remainder:
      if (right == 0) return std::unexpected(ProgramError::division_by_zero);
      return left % right;
    default:
      if (!std::has_single_bit(right)) return std::unexpected(ProgramError::alignment_no_power);
      return left & (0u - right);
  }
}

std::expected<void, ProgramError> Program::evaluate(Values& values,
                                                    const base::ByteSource& memory) const {
  std::array<std::uint32_t, kMaximumOperands> operands;
  std::size_t depth = 0;
  for (const Operation& operation : operations_) {
    switch (operation.code) {
      case Code::number:
        operands[depth++] = operation.number;
        break;
      case Code::load:
        if (!values.has(operation.name)) return std::unexpected(ProgramError::name_undefined);
        operands[depth++] = values.values[operation.name];
        break;
      case Code::store:
        values.set(operation.name, operands[--depth]);
        break;
      case Code::dereference: {
        const auto read = memory.get<std::uint32_t>(operands[depth - 1]);
        if (!read) return std::unexpected(ProgramError::memory_missing);
        operands[depth - 1] = *read;
        break;
      }
      default: {
        const auto result = apply(operation.code, operands[depth - 2], operands[depth - 1]);
        if (!result) return std::unexpected(result.error());
        operands[--depth - 1] = *result;
        break;
      }
    }
  }
  return {};
}

}  // namespace ntstack::unwind::x86
