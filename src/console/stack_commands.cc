// The k commands and .kframes.
#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "code/call.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/stack_listing.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;
using stacks::Stack;

constexpr std::uint64_t kLeastAddress = 0x10000;  // what is below is a count, not an address

StackColumns columns_of(std::string_view flags) {
  const auto has = [&](char flag) { return flags.find(flag) != std::string_view::npos; };
  StackColumns columns;
  columns.numbers = has('n') || has('M');
  columns.bytes = has('f');
  columns.arguments = has('b') || has('v');
  columns.notes = has('v');
  columns.lines = !has('L');
  columns.only_names = has('c');
  columns.in_lines = has('P');
  columns.parameters = has('p') || has('P');
  return columns;
}

// Values with blanks or commas between them, as many as there are; at most `most`.
base::Result<std::vector<std::uint64_t>> values_of(Console& console, std::string_view text,
                                                   std::size_t most) {
  std::vector<std::uint64_t> values;
  text = without_blanks(text);
  while (!text.empty()) {
    if (values.size() == most)
      return base::fail("Extra character error in '{}'", base::printable(text));
    const auto value = console.evaluate_first(text);
    if (!value) return std::unexpected(value.error());
    values.push_back(as_address(value->value, console.is_64_bit()));
    text = without_blanks(text.substr(value->length));
    if (text.starts_with(',')) text = without_blanks(text.substr(1));
  }
  return values;
}

// Where a stack is to begin, and how many frames are wanted.
struct Start {
  std::optional<stacks::Registers> registers;
  std::uint64_t count = 0;
};

// Behind "=": BasePtr StackPtr InstructionPtr (x86), StackPtr InstructionPtr (x64, ARM64), and a
// count; those that are left out are the context's.
base::Result<Start> start_of(Console& console, std::string_view text) {
  const bool is_x86 = console.architecture() == base::Architecture::x86;
  const std::size_t pointers = is_x86 ? 3 : 2;
  auto values = values_of(console, text, pointers + 1);
  if (!values) return std::unexpected(values.error());
  if (values->empty()) return base::fail("k = takes addresses: help k tells which");
  Start start{{}, console.settings.frames};
  const bool has_count =
      values->size() > pointers || (values->size() > 1 && values->back() < kLeastAddress);
  if (has_count) {
    start.count = values->back();
    values->pop_back();
  }
  std::uint64_t base = is_x86 ? values->front() : 0;
  const std::size_t first = is_x86 ? 1 : 0;
  std::optional<std::uint64_t> sp, ip;
  if (values->size() > first) sp = (*values)[first];
  if (values->size() > first + 1) ip = (*values)[first + 1];
  if (!sp || !ip) {
    const auto registers = console.registers();
    if (!registers) return std::unexpected(registers.error());
    if (!sp) sp = stacks::sp_of(registers->registers);
    if (!ip) ip = stacks::ip_of(registers->registers);
  }
  start.registers = is_x86 ? stacks::registers_at(console.architecture(), *ip, *sp, base)
                           : stacks::registers_at(console.architecture(), *ip, *sp);
  return start;
}

// A return address given as the instruction pointer is that of a call that has not returned.
bool follows_call(Console& console, std::uint64_t ip) {
  return console.slots().as_return_address(ip).has_value();
}

Stack stack_at(Console& console, const stacks::Registers& registers) {
  const target::Thread* thread = thread_with_stack(console.machine(), stacks::sp_of(registers));
  const bool is_return = follows_call(console, stacks::ip_of(registers));
  return console.walker().walk_from(registers, is_return, thread ? thread : console.context.thread);
}

void show(Console& console, const Stack& stack, const StackColumns& columns, std::uint64_t most) {
  if (stack.frames.empty()) {
    console.write(fmt::format("no frames: {}\n", stack.end_reason));
    return;
  }
  const StackListing listing = list_stack(console, stack, columns, most);
  console.write(listing_text(listing, columns, console.architecture()));
  if (listing.is_cut) return;
  const bool is_whole = stack.end == stacks::End::base || stack.end == stacks::End::user_mode;
  if (!is_whole) console.write(fmt::format("note: the stack is not whole: {}\n", stack.end_reason));
  for (const std::string& note : stack.notes) console.write(fmt::format("note: {}\n", note));
  if (columns.parameters)
    console.write(
        "note: parameters are those that private symbols have in memory, with what lies there: "
        "optimized code may keep others in registers and put other things there\n");
  const bool has_home = columns.arguments && console.is_64_bit();
  if (has_home && !console.memory.has_told_of_home_space) {
    console.memory.has_told_of_home_space = true;
    console.write(
        "note: Args to Child are the words at the caller's stack pointer: on x64 the callee's home "
        "space, which optimized code uses for other things; arguments are in registers\n");
  }
}

Done k_command(Console& console, const Arguments& arguments) {
  const StackColumns columns = columns_of(arguments.flags);
  const std::string_view text = arguments.text;
  if (text.starts_with('=')) {
    const auto start = start_of(console, text.substr(1));
    if (!start) return std::unexpected(start.error());
    show(console, stack_at(console, *start->registers), columns, start->count);
    return {};
  }
  std::uint64_t most = console.settings.frames;
  if (!text.empty()) {
    const auto count = console.evaluate(text);
    if (!count) return std::unexpected(count.error());
    most = *count;
  }
  const auto stack = stack_of_context(console);
  if (!stack) return std::unexpected(stack.error());
  if (console.context.is_set || console.context.given)
    console.write("  *** Stack trace for last set context - .thread/.cxr resets it\n");
  show(console, *stack, columns, most);
  return {};
}

Done kframes_command(Console& console, const Arguments& arguments) {
  if (!arguments.text.empty()) {
    const auto count = console.evaluate(arguments.text);
    if (!count) return std::unexpected(count.error());
    constexpr std::uint64_t most = 0xffff;
    if (*count == 0 || *count > most)
      return base::fail("the depth is a number from 1 to 0x{:x}", most);
    console.settings.frames = *count;
  }
  console.write(fmt::format("Default stack trace depth is 0n{} frames\n", console.settings.frames));
  return {};
}

constexpr std::string_view kDetails =
    "The stack of the context: of the crash's processor at first, of what .thread, .trap, .cxr and "
    "~\n"
    "chose then. Letters may be put together (kvn, knf): b and v show the words where the first\n"
    "arguments are, v also what the PDB says of x86 frames and trap frames, n numbers the frames, "
    "f\n"
    "shows the bytes from the frame before, p shows parameters with values where symbols are "
    "private "
    "(P\n"
    "each on a line), L leaves source lines out, c shows names alone. COUNT and\n"
    "all numbers are hexadecimal.\n"
    "Behind = stands where to begin, for stacks whose start is lost: x86 BasePtr, StackPtr and\n"
    "InstructionPtr; x64 and ARM64 StackPtr and InstructionPtr; with blanks or commas between "
    "them.\n"
    "What is left out is taken from the registers. A last number below 10000 is a count.\n"
    "Frames behind the WARNING line are guesses, or (x86) of code without symbols; `ntstack "
    "stacks`\n"
    "says of each frame how it was found.";

}  // namespace

std::vector<Command> stack_commands() {
  return {{{"k"},
           "bcfnpPvLM",
           {"k[bcfnpPvL] [COUNT]", "k[bcfnvL] = BASEPTR STACKPTR INSTRUCTIONPTR [COUNT]    (x86)",
            "k[bcfnvL] = STACKPTR INSTRUCTIONPTR [COUNT]    (x64, ARM64)"},
           "The stack",
           kDetails,
           {{"k", "the stack"},
            {"kvn 10", "16 frames with numbers, arguments and notes"},
            {"kf=b8ae6100 b8ae60ec 8081df65", "from a frame found by hand, with each one's bytes"}},
           Completion::expression,
           k_command},
          {{".kframes"},
           "",
           {".kframes [COUNT]"},
           "How many frames k shows; 0n256 at first",
           "",
           {{".kframes 200", "0n512 frames"}},
           Completion::none,
           kframes_command}};
}

}  // namespace ntstack::console
