#include "console/console_scope.h"

#include <array>
#include <charconv>

#include "analysis/effective_address.h"
#include "base/text.h"

namespace ntstack::console {
namespace {

base::Result<std::optional<std::uint64_t>> known(std::optional<std::uint64_t> value,
                                                 std::string_view name) {
  if (value) return value;
  return base::fail("{} is not known here", name);
}

}  // namespace

base::Result<std::optional<std::uint64_t>> ConsoleScope::register_named(std::string_view name) {
  const std::string lower = base::lower(name);
  return lower.starts_with('$') ? pseudo_register(lower) : of_registers(lower);
}

ConsoleScope::Found ConsoleScope::of_registers(std::string_view name) {
  // Which names there are does not depend on whether registers are known.
  const auto nowhere = stacks::registers_at(console_.architecture(), 0, 0);
  if (name == "efl" && console_.architecture() != base::Architecture::arm64) {
    const auto context = console_.registers();
    if (!context) return std::unexpected(context.error());
    if (!context->flags) return base::fail("efl is not known here");
    return std::optional<std::uint64_t>(context->flags->flags);
  }
  if (!console::register_named(nowhere, name)) return std::nullopt;
  const auto context = console_.registers();
  if (!context) return std::unexpected(context.error());
  const auto found = console::register_named(context->registers, name);
  if (!found || !found->value) return base::fail("{} is not known here", name);
  return std::optional(found->bits == 32 ? sign_extended(*found->value) : *found->value);
}

// $t0 to $t19 and those that are of the session itself; else of the context.
ConsoleScope::Found ConsoleScope::pseudo_register(std::string_view name) {
  if (name.starts_with("$t") && name.size() > 2) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data() + 2, name.data() + name.size(), number);
    const bool is_whole = error == std::errc() && end == name.data() + name.size();
    if (is_whole && number < console_.memory.variables.size())
      return std::optional(console_.memory.variables[number]);
  }
  if (name == "$exp") return std::optional(console_.memory.last_evaluated);
  if (name == "$extret") return std::optional(console_.memory.list_element);
  if (name == "$p") return std::optional(console_.memory.last_shown);
  if (name == "$ptrsize") return std::optional<std::uint64_t>(console_.is_64_bit() ? 8 : 4);
  if (name == "$pagesize") return std::optional<std::uint64_t>(0x1000);
  if (name == "$ra") return return_address();
  const auto& exception = console_.machine().dump().exception;
  if (name == "$exr_code")
    return known(exception ? std::optional<std::uint64_t>(exception->code) : std::nullopt, name);
  if (name == "$exr_numparams")
    return known(
        exception ? std::optional<std::uint64_t>(exception->parameters.size()) : std::nullopt,
        name);
  const auto& bugcheck = console_.machine().dump().bugcheck;
  if (name == "$bug_code")
    return known(bugcheck ? std::optional<std::uint64_t>(bugcheck->code) : std::nullopt, name);
  constexpr std::string_view parameter = "$bug_param";
  if (name.starts_with(parameter) && name.size() == parameter.size() + 1) {
    const auto number = static_cast<std::size_t>(name.back() - '1');
    if (number < 4)
      return known(bugcheck ? std::optional(bugcheck->parameters[number]) : std::nullopt, name);
  }
  return of_objects(name);
}

ConsoleScope::Found ConsoleScope::of_objects(std::string_view name) {
  const Context& context = console_.context;
  const auto of_thread = [&](auto member) {
    return context.thread ? std::optional<std::uint64_t>(context.thread->*member) : std::nullopt;
  };
  if (name == "$eventip") {
    const target::Machine& machine = console_.machine();
    const auto registers = registers_of(first_context(machine), machine);
    return known(registers ? std::optional(stacks::ip_of(registers->registers)) : std::nullopt,
                 name);
  }
  if (name == "$ea" || name == "$ea2") return effective_address(name == "$ea" ? 0 : 1);
  if (name == "$frame") return std::optional(context.frame);
  if (name == "$ip" || name == "$csp" || name == "$scopeip") {
    const auto registers = console_.registers();
    if (!registers) return std::unexpected(registers.error());
    return std::optional(name == "$csp" ? stacks::sp_of(registers->registers)
                                        : stacks::ip_of(registers->registers));
  }
  if (name == "$retreg" || (name == "$retreg64" && console_.is_64_bit())) {
    const bool arm = console_.architecture() == base::Architecture::arm64;
    return of_registers(arm ? "x0" : console_.is_64_bit() ? "rax" : "eax");
  }
  if (name == "$thread") return known(of_thread(&target::Thread::address), name);
  if (name == "$proc")
    return known(context.process ? std::optional(context.process->address) : std::nullopt, name);
  if (name == "$teb") return known(context.thread ? context.thread->teb : std::nullopt, name);
  if (name == "$tid") return known(context.thread ? context.thread->id : std::nullopt, name);
  if (name == "$tpid") return known(context.process ? context.process->id : std::nullopt, name);
  if (name == "$peb") return known(context.process ? context.process->peb : std::nullopt, name);
  return of_no_dump(name);
}

// Those that only a running target has, or that are not looked for: names without values.
ConsoleScope::Found ConsoleScope::of_no_dump(std::string_view name) {
  constexpr std::array<std::string_view, 6> kOfLive = {"$callret", "$previp",  "$relip",
                                                       "$bp",      "$exentry", "$lastclockhresult"};
  for (const std::string_view each : kOfLive)
    if (each == name) return base::fail("{} is not known from a dump", name);
  return std::nullopt;
}

// Of the instruction of the context: what its operand in memory is at.
ConsoleScope::Found ConsoleScope::effective_address(std::size_t number) {
  const auto context = console_.registers();
  if (!context) return std::unexpected(context.error());
  const std::uint64_t ip = stacks::ip_of(context->registers);
  const auto instruction = console_.code_at(ip).instruction_at(ip);
  if (instruction) {
    const auto found = analysis::effective_addresses(*instruction, context->registers);
    if (number < found.size()) return std::optional(found[number].address);
  }
  return base::fail("the instruction has no such operand in memory");
}

ConsoleScope::Found ConsoleScope::return_address() {
  const auto registers = console_.registers();
  if (!registers) return std::unexpected(registers.error());
  const stacks::Stack stack =
      console_.walker().walk_from(registers->registers, false, console_.context.thread);
  if (stack.frames.empty() || stack.frames.front().return_address == 0)
    return base::fail("$ra is not known here");
  return std::optional(stack.frames.front().return_address);
}

}  // namespace ntstack::console
