// .if, .for, .while, .do, .break, .continue, .block, j, z: which commands run, and how often.
#include <fmt/format.h>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/repetition.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// Blanks and semicolons may stand between the parts of a command: scripts have line breaks there.
std::string_view next_part(std::string_view text) {
  text = without_blanks(text);
  while (text.starts_with(';')) text = without_blanks(text.substr(1));
  return text;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!base::equals_ignoring_case(text.substr(0, word.size()), word)) return false;
  text = next_part(text.substr(word.size()));
  return true;
}

base::Result<bool> is_true(Console& console, std::string_view condition) {
  const auto replaced = console.aliases.replaced_in(condition);
  if (!replaced) return std::unexpected(replaced.error());
  const auto value = console.evaluate(*replaced);
  if (!value) return std::unexpected(value.error());
  return *value != 0;
}

// What stands behind a command's last brace.
void run_rest(Console& console, std::string_view rest) {
  rest = next_part(rest);
  if (!rest.empty() && console.control.leave == Control::Leave::nothing) console.run(rest);
}

Done if_command(Console& console, const Arguments& arguments) {
  constexpr std::string_view form = ".if takes (CONDITION) { COMMANDS }";
  std::string_view text = arguments.text, chosen;
  bool is_chosen = false, is_next = true;
  while (is_next) {
    const auto condition = take_block(text, '(', ')');
    if (!condition) return base::fail("{}", form);
    const auto body = take_block(next_part(condition->rest), '{', '}');
    if (!body) return base::fail("{}", form);
    if (!is_chosen) {
      const auto truth = is_true(console, condition->inside);
      if (!truth) return std::unexpected(truth.error());
      if (*truth) chosen = body->inside;
      is_chosen = *truth;
    }
    text = next_part(body->rest);
    is_next = take_word(text, ".elsif");
  }
  if (take_word(text, ".else")) {
    const auto body = take_block(text, '{', '}');
    if (!body) return base::fail(".else takes {{ COMMANDS }}");
    if (!is_chosen) chosen = body->inside;
    text = body->rest;
  }
  console.run(chosen);
  run_rest(console, text);
  return {};
}

// Runs `body` as long as `condition` is true, `step` behind each round; at_least_once: .do.
Done run_loop(Console& console, std::string_view condition, std::string_view step,
              std::string_view body, bool at_least_once) {
  Loop loop(console);
  for (bool is_first = true;; is_first = false) {
    if (!is_first || !at_least_once) {
      const auto truth = condition.empty() ? base::Result<bool>(true) : is_true(console, condition);
      if (!truth) return std::unexpected(truth.error());
      if (!*truth) return {};
    }
    const auto goes_on = loop.run(body);
    if (!goes_on) return std::unexpected(goes_on.error());
    if (!*goes_on) return {};
    console.run(step);
  }
}

// "init; condition; step": a semicolon in quotes or parentheses parts nothing.
std::size_t semicolon_in(std::string_view text) {
  bool is_quoted = false;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') is_quoted = !is_quoted;
    if (is_quoted) continue;
    if (c == '(' || c == '{') ++depth;
    if ((c == ')' || c == '}') && depth > 0) --depth;
    if (c == ';' && depth == 0) return at;
  }
  return std::string_view::npos;
}

Done for_command(Console& console, const Arguments& arguments) {
  constexpr std::string_view form = ".for takes (COMMAND ; CONDITION ; COMMANDS) { COMMANDS }";
  const auto head = take_block(arguments.text, '(', ')');
  const auto body = head ? take_block(next_part(head->rest), '{', '}') : std::nullopt;
  if (!body) return base::fail("{}", form);
  const std::size_t first = semicolon_in(head->inside);
  if (first == std::string_view::npos) return base::fail("{}", form);
  const std::string_view behind = head->inside.substr(first + 1);
  const std::size_t second = semicolon_in(behind);
  if (second == std::string_view::npos) return base::fail("{}", form);
  console.run(head->inside.substr(0, first));
  const auto done = run_loop(console, without_blanks(behind.substr(0, second)),
                             behind.substr(second + 1), body->inside, false);
  if (!done) return done;
  run_rest(console, body->rest);
  return {};
}

Done while_command(Console& console, const Arguments& arguments) {
  const auto condition = take_block(arguments.text, '(', ')');
  const auto body = condition ? take_block(next_part(condition->rest), '{', '}') : std::nullopt;
  if (!body || condition->inside.empty())
    return base::fail(".while takes (CONDITION) {{ COMMANDS }}");
  const auto done = run_loop(console, condition->inside, {}, body->inside, false);
  if (!done) return done;
  run_rest(console, body->rest);
  return {};
}

Done do_command(Console& console, const Arguments& arguments) {
  const auto body = take_block(arguments.text, '{', '}');
  const auto condition = body ? take_block(next_part(body->rest), '(', ')') : std::nullopt;
  if (!condition || condition->inside.empty())
    return base::fail(".do takes {{ COMMANDS }} (CONDITION)");
  const auto done = run_loop(console, condition->inside, {}, body->inside, true);
  if (!done) return done;
  run_rest(console, condition->rest);
  return {};
}

Done block_command(Console& console, const Arguments& arguments) {
  const auto body = take_block(arguments.text, '{', '}');
  if (!body) return base::fail("{} takes {{ COMMANDS }}", arguments.name);
  console.run(body->inside);
  run_rest(console, body->rest);
  return {};
}

Done leave(Console& console, Control::Leave what, std::string_view name) {
  if (console.control.loops == 0) return base::fail("no loop is around {}", name);
  console.control.leave = what;
  return {};
}

Done break_command(Console& console, const Arguments&) {
  return leave(console, Control::Leave::loop, ".break");
}
Done continue_command(Console& console, const Arguments&) {
  return leave(console, Control::Leave::round, ".continue");
}

// One of j's two: 'COMMANDS', or what stands up to the next semicolon.
std::string_view take_choice(std::string_view& text) {
  const bool is_quoted = text.starts_with('\'');
  if (is_quoted) text.remove_prefix(1);
  const std::size_t end = std::min(is_quoted ? text.find('\'') : semicolon_in(text), text.size());
  const std::string_view choice = text.substr(0, end);
  text = without_blanks(text.substr(std::min(end + (is_quoted ? 1 : 0), text.size())));
  if (text.starts_with(';')) text = without_blanks(text.substr(1));
  return choice;
}

Done j_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const auto condition = console.evaluate_first(text);
  if (!condition) return std::unexpected(condition.error());
  text = without_blanks(text.substr(condition->length));
  const std::string_view first = take_choice(text), second = take_choice(text);
  console.run(condition->value != 0 ? first : second);
  run_rest(console, text);
  return {};
}

Done z_command(Console& console, const Arguments& arguments) {
  const auto truth = is_true(console, arguments.text);
  if (!truth) return std::unexpected(truth.error());
  if (!*truth) return {};
  const auto begun = begin_round(console);
  console.control.runs_again = begun.has_value();
  return begun;
}

constexpr std::string_view kLoops =
    "CONDITION is an expression: 0 is false. .break and .continue may stand inside. Ctrl-C ends a "
    "loop;\n"
    "all loops of a line together run at most 0x100000 times.";

Command control_command(std::string_view name, std::string_view form, std::string_view brief,
                        std::string_view details, std::vector<Example> examples, RunCommand run) {
  return {{name}, "", {form}, brief, details, std::move(examples), Completion::command, run};
}

}  // namespace

std::vector<Command> control_commands() {
  return {
      control_command(".if",
                      ".if (CONDITION) { COMMANDS } [.elsif (CONDITION) { COMMANDS }] "
                      "[.else { COMMANDS }]",
                      "Runs commands where a condition is true",
                      "CONDITION is an expression: 0 is false.",
                      {{".if (@$t0 > 5) { k } .else { r }", "one or the other"}}, if_command),
      control_command(
          ".for", ".for (COMMAND ; CONDITION ; COMMANDS) { COMMANDS }",
          "Runs commands again and again, counting", kLoops,
          {{".for (r $t0=0; @$t0<4; r $t0=@$t0+1) { dps @rsp+8*@$t0 L1 }", "four slots"}},
          for_command),
      control_command(".while", ".while (CONDITION) { COMMANDS }",
                      "Runs commands as long as a condition is true", kLoops, {}, while_command),
      control_command(".do", ".do { COMMANDS } (CONDITION)", "The same, once at least", kLoops, {},
                      do_command),
      control_command(".break", ".break", "Leaves the loop around it", "", {}, break_command),
      control_command(".continue", ".continue", "Goes on with the loop's next round", "", {},
                      continue_command),
      control_command(
          ".block", ".block { COMMANDS }", "Runs commands, with the aliases that are set by then",
          "", {{"aS /x a @rsp; .block { .echo ${a} }", "a is put in when the block is entered"}},
          block_command),
      control_command("j", "j CONDITION 'COMMANDS' ; 'COMMANDS'",
                      "Runs the first commands where the condition is true, else the second", "",
                      {{"j (@$t0 > 5) 'k' ; 'r'", "one or the other"}}, j_command),
      control_command("z", "COMMANDS ; z (CONDITION)",
                      "Runs the commands before it on its line again, while a condition is true",
                      kLoops, {{"r $t0=@$t0+1; ? @$t0; z (@$t0 < 3)", "1, 2, 3"}}, z_command)};
}

}  // namespace ntstack::console
