#include "console/console.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console_scope.h"

namespace ntstack::console {

Console::Console(const Target& target, Sink sink)
    : context(first_context(*target.machine)),
      target_(target),
      sink_(std::move(sink)),
      families_(all_commands()) {}

void Console::run(std::string_view line) {
  constexpr std::size_t most = 40;
  if (depth_ == most) {
    write("commands run commands more than 40 deep: these are left out\n");
    return;
  }
  if (depth_ == 0) control = {};
  const auto replaced = aliases.replaced_in(without_prompt(line));
  if (!replaced) {
    write(replaced.error().text() + "\n");
    return;
  }
  ++depth_;
  run_all(*replaced);
  --depth_;
}

// The commands of a line, from its first on again where z says so.
void Console::run_all(std::string_view line) {
  bool is_first = true;
  while (is_first || control.runs_again) {
    is_first = control.runs_again = false;
    for (const std::string_view command : commands_of(line)) {
      if (is_over_ || control.leave != Control::Leave::nothing) return;
      run_command(command);
      if (is_interrupted()) return;
      if (control.runs_again) break;
    }
  }
}

std::string Console::output_of(std::string_view line) {
  constexpr std::size_t most = 0x4000000;
  std::string text;
  bool is_cut = false;
  const Sink sink = std::exchange(sink_, [&](std::string_view piece) {
    if (text.size() + piece.size() <= most)
      text += piece;
    else
      is_cut = true;
  });
  ++captures_;
  run(line);
  --captures_;
  sink_ = sink;
  if (is_cut) write("the commands answered more than 64 MB: the rest is left out\n");
  return text;
}

base::Result<void> Console::reload() {
  if (!reopen) return base::fail("the symbols of this dump can't be looked up anew here");
  const ContextPlace place = place_of(context);
  const auto opened = reopen(paths);
  if (!opened) return std::unexpected(opened.error());
  target_ = *opened;
  ++reloads_;
  slots_.reset();
  code_.reset();
  user_half_.forget();
  context = context_at(machine(), place);
  return {};
}

void Console::run_command(std::string_view text) {
  const auto found = find_command(families_, text);
  if (!found) {
    const std::string_view name = name_in(text);
    const std::string_view nearest = nearest_name(families_, name);
    write(fmt::format("No command is called '{}'{} (help lists them all)\n",
                      base::printable(name.substr(0, 80)),
                      nearest.empty() ? "" : fmt::format(": did you mean {}?", nearest)));
    return;
  }
  const auto done = found->command->run(*this, found->arguments);
  // Of an interrupted command too: it says so.
  if (!done) put(base::printable(done.error().text()) + "\n");
}

std::string Console::prompt() const {
  if (!is_user_dump())
    return context.processor ? fmt::format("{}: kd> ", context.processor->number) : "kd> ";
  const auto& threads = machine().threads();
  std::size_t index = 0;
  for (std::size_t i = 0; i < threads.size(); ++i)
    if (&threads[i] == context.thread) index = i;
  return fmt::format("0:{:03}> ", index);
}

base::Result<std::uint64_t> Console::evaluate(std::string_view text) {
  ConsoleScope scope(*this);
  return console::evaluate(text, scope, settings.radix);
}

base::Result<Evaluated> Console::evaluate_first(std::string_view text) {
  ConsoleScope scope(*this);
  return console::evaluate_first(text, scope, settings.radix);
}

base::Result<RegisterContext> Console::registers() const {
  auto found = registers_of(context, machine());
  if (found) return std::move(*found);
  return base::fail("the dump has no registers of this {}: k shows what is known of its stack",
                    context.thread ? "thread" : "processor");
}

analysis::SlotReader& Console::slots() {
  if (!slots_) slots_ = std::make_unique<analysis::SlotReader>(machine(), symbolizer());
  return *slots_;
}

symbols::Symbolizer& Console::symbolizer_at(std::uint64_t address) {
  symbols::Symbolizer* user = user_half_.images_of(context.process);
  return user && user->module_at(address) ? *user : symbolizer();
}

std::vector<symbols::Symbolizer*> Console::symbolizers() {
  std::vector<symbols::Symbolizer*> all;
  if (symbols::Symbolizer* user = user_half_.images_of(context.process)) all.push_back(user);
  all.push_back(&symbolizer());
  return all;
}

const analysis::CodeView& Console::code_at(std::uint64_t address) {
  symbols::Symbolizer& images = symbolizer_at(address);
  if (code_symbolizer_ != &images) code_.reset();
  if (!code_)
    code_ = std::make_unique<analysis::CodeView>(context_memory(), images, architecture());
  code_symbolizer_ = &images;
  return *code_;
}

std::string Console::address_text(std::uint64_t address) const {
  return base::address_text(address, is_64_bit());
}

std::string Console::name_of(std::uint64_t address) {
  const std::string text = symbolizer_at(address).name(address, false).function.text();
  return text.empty() ? address_text(address) : text;
}

}  // namespace ntstack::console
