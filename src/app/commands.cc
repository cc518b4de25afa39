#include "app/commands.h"

#include <charconv>
#include <cstdlib>
#include <optional>

#include "app/exit_code.h"
#include "base/text.h"
#include "report/json.h"
#include "report/text.h"
#include "stacks/walker.h"

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace ntstack::app {
namespace {

bool is_terminal(std::FILE* file) {
#ifdef _WIN32
  return _isatty(_fileno(file)) != 0;
#else
  return isatty(fileno(file)) != 0;
#endif
}

// Colour on a terminal alone, and never where NO_COLOR is set (no-color.org).
bool wants_colour(std::FILE* out) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(out) && !(no_colour && *no_colour);
}

int write(const std::string& text, std::FILE* out, std::FILE* err) {
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0)
    return kOk;
  fmt::print(err, "ntstack: the output could not be written whole\n");
  return kFailed;
}

int failed(const base::Error& error, std::FILE* err) {
  fmt::print(err, "ntstack: {}\n", base::printable(error.text()));
  return kFailed;
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  int radix = 10;
  std::string digits;
  for (const char c : text) {
    if (c != '`') digits += c;
  }
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    digits.erase(0, 2);
    radix = 16;
  }
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data(), end, value, radix);
  return error == std::errc() && at == end && !digits.empty() ? std::optional(value) : std::nullopt;
}

bool is_chosen(const stacks::Stack& stack, std::uint64_t number) {
  return stack.thread && (stack.thread->id == number || stack.thread->address == number);
}

}  // namespace

int run_stacks(const StacksOptions& options, std::FILE* out, std::FILE* err) {
  std::optional<std::uint64_t> chosen;
  if (!options.thread.empty()) {
    chosen = number_of(options.thread);
    if (!chosen) {
      fmt::print(err, "ntstack: --thread takes an ID or an address (0x...), not \"{}\"\n",
                 base::printable(options.thread));
      return kUsage;
    }
  }
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  stacks::Walker walker(session->machine(), session->symbolizer(), session->symbolizer_maker());
  std::vector<stacks::Stack> stacks = walker.walk_all();
  if (chosen) {
    std::erase_if(stacks, [&](const stacks::Stack& stack) { return !is_chosen(stack, *chosen); });
    if (stacks.empty()) {
      fmt::print(err, "ntstack: no thread {} is in {}\n", base::printable(options.thread),
                 session->facts().file_name);
      return kFailed;
    }
  }
  const report::StackFacts facts{session->facts(), stacks, walker.missing()};
  if (options.json) return write(report::stacks_json(facts), out, err);
  return write(report::stacks_text(facts, {wants_colour(out), options.group}), out, err);
}

int run_info(const ListOptions& options, std::FILE* out, std::FILE* err) {
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  return write(
      options.json ? report::info_json(facts) : report::info_text(facts, {wants_colour(out), true}),
      out, err);
}

int run_modules(const ListOptions& options, std::FILE* out, std::FILE* err) {
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  return write(options.json ? report::modules_json(facts) : report::modules_text(facts), out, err);
}

}  // namespace ntstack::app
