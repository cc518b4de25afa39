// .frame, .exr, .ecxr, .tss: frames and records that hold registers or say what happened.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/exception_words.h"
#include "console/given_registers.h"
#include "console/stack_listing.h"
#include "unwind/x86_task.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done frame_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  while (text.starts_with('/')) {
    const std::size_t end = text.find(' ');
    text = end == std::string_view::npos ? std::string_view() : without_blanks(text.substr(end));
  }
  std::uint64_t number = console.context.frame;
  if (!text.empty()) {
    const auto value = console.evaluate(text);
    if (!value) return std::unexpected(value.error());
    number = *value;
  }
  auto stack = stack_of_context(console);
  if (!stack) return std::unexpected(stack.error());
  if (number >= stack->frames.size())
    return base::fail("the stack has {} frames, from 0 on", stack->frames.size());
  console.context.frame = number;
  StackColumns columns;
  columns.numbers = true;
  const StackListing listing = list_stack(console, *stack, columns, number + 1);
  console.write(frame_line(static_cast<std::size_t>(number), listing.frames.back(), columns,
                           console.is_64_bit()));
  return {};
}

std::string attempt_text(const dump::ExceptionRecord& record, bool is_64_bit) {
  constexpr std::uint32_t access = 0xc0000005, in_page = 0xc0000006;
  if ((record.code != access && record.code != in_page) || record.parameters.size() < 2) return {};
  const std::string at = base::address_text(record.parameters[1], is_64_bit);
  switch (record.parameters[0]) {
    case 0:
      return fmt::format("Attempt to read from address {}\n", at);
    case 1:
      return fmt::format("Attempt to write to address {}\n", at);
    case 8:
      return fmt::format("Attempt to execute non-executable address {}\n", at);
    default:
      return {};
  }
}

std::string record_text(Console& console, const dump::ExceptionRecord& record) {
  const bool wide = console.is_64_bit();
  const std::string_view words = exception_words(record.code);
  std::string out =
      fmt::format("ExceptionAddress: {} ({})\n", base::address_text(record.address, wide),
                  base::printable(console.name_of(record.address)));
  out += fmt::format("   ExceptionCode: {:08x}{}\n  ExceptionFlags: {:08x}\nNumberParameters: {}\n",
                     record.code, words.empty() ? "" : fmt::format(" ({})", words), record.flags,
                     record.parameters.size());
  for (std::size_t i = 0; i < record.parameters.size(); ++i)
    out += fmt::format("   Parameter[{}]: {:0{}x}\n", i, record.parameters[i], wide ? 16 : 8);
  return out + attempt_text(record, wide);
}

// EXCEPTION_RECORD, of the target's own word.
base::Result<dump::ExceptionRecord> record_at(const Console& console, std::uint64_t at) {
  const base::ByteSource& memory = console.machine().memory();
  const bool wide = console.is_64_bit();
  const std::uint64_t word = wide ? 8 : 4;
  const auto code = memory.get<std::uint32_t>(at), flags = memory.get<std::uint32_t>(at + 4);
  const auto address = memory.pointer(at + 8 + word, wide);
  const auto count = memory.get<std::uint32_t>(at + 8 + 2 * word);
  if (!code || !flags || !address || !count)
    return base::fail("the memory at {} is not in the dump", console.address_text(at));
  constexpr std::uint32_t most = 15;  // EXCEPTION_MAXIMUM_PARAMETERS
  if (*count > most)
    return base::fail("no exception record is at {}: it would have {} parameters",
                      console.address_text(at), *count);
  dump::ExceptionRecord record{*code, *flags, *address, {}};
  const std::uint64_t first = at + (wide ? 0x20 : 0x14);
  for (std::uint32_t i = 0; i < *count; ++i)
    record.parameters.push_back(memory.pointer(first + i * word, wide).value_or(0));
  return record;
}

Done exr_command(Console& console, const Arguments& arguments) {
  const auto value = console.evaluate(arguments.text);
  if (!value) return std::unexpected(value.error());
  if (*value == UINT64_MAX) {
    const auto& record = console.machine().dump().exception;
    if (!record) return base::fail("the dump has no exception record of its own");
    console.write(record_text(console, *record));
    return {};
  }
  const auto record = record_at(console, as_address(*value, console.is_64_bit()));
  if (!record) return std::unexpected(record.error());
  console.write(record_text(console, *record));
  return {};
}

Done ecxr_command(Console& console, const Arguments&) {
  const dump::Dump& dump = console.machine().dump();
  const auto registers = stacks::registers_of_context(dump.context, dump.architecture);
  if (!registers) return base::fail("the dump has no context of an exception");
  console.context = first_context(console.machine());
  give_registers(console, {*registers, flags_of_context(dump.context, dump.architecture),
                           "the dump's own context"});
  return show_registers(console);
}

// Where the GDT of the context's processor is: KPCR, which holds KPRCB at 120.
std::optional<std::uint32_t> gdt_of(const Console& console) {
  const target::Processor* processor = console.context.processor;
  if (!processor || processor->prcb == 0) return std::nullopt;
  constexpr std::uint64_t prcb_in_pcr = 0x120, gdt = 0x3c;
  return console.machine().memory().get<std::uint32_t>(processor->prcb - prcb_in_pcr + gdt);
}

Done tss_command(Console& console, const Arguments& arguments) {
  if (console.architecture() != base::Architecture::x86)
    return base::fail("tasks that save registers are x86's alone");
  const auto value = console.evaluate(arguments.text);
  if (!value) return std::unexpected(value.error());
  const auto gdt = gdt_of(console);
  if (!gdt) return base::fail("where the processor's descriptors (GDT) are is not known");
  const base::ByteSource& memory = console.machine().memory();
  const auto selector = static_cast<std::uint16_t>(*value);
  const auto address = unwind::x86::task_address(memory, *gdt, selector);
  if (!address) return base::fail("selector {:x} is no task's", selector);
  const auto task = unwind::x86::read_task_state(memory, *address);
  if (!task)
    return base::fail(
        "the task state segment at {:08x} has no registers: its task runs, or never ran", *address);
  give_registers(console,
                 {task->registers, ProcessorFlags{task->eflags, task->cs, task->ss, 0, 0, 0, 0},
                  fmt::format("the task state segment at {:08x}", *address)});
  return show_registers(console);
}

}  // namespace

std::vector<Command> record_commands() {
  return {{{".frame"},
           "",
           {".frame [NUMBER]"},
           "Chooses a frame of the stack, and shows it",
           "Numbers are those of kn. Registers stay those of the context.",
           {{".frame 2", "the third frame"}},
           Completion::none,
           frame_command},
          {{".exr"},
           "",
           {".exr ADDRESS", ".exr -1"},
           "An exception record; -1: the dump's own",
           "",
           {{".exr -1", "what happened"}},
           Completion::expression,
           exr_command},
          {{".ecxr"},
           "",
           {".ecxr"},
           "Takes the registers of the crash as the context",
           "",
           {},
           Completion::none,
           ecxr_command},
          {{".tss"},
           "",
           {".tss SELECTOR"},
           "x86: takes the registers of a task state segment as the context",
           "After a double fault the task 28 has what was interrupted.",
           {{".tss 28", "where the double fault came"}},
           Completion::none,
           tss_command}};
}

}  // namespace ntstack::console
