#include "console/event_text.h"

#include <fmt/format.h>

#include "analysis/bugcheck.h"
#include "analysis/effective_address.h"
#include "analysis/listing.h"
#include "base/text.h"
#include "code/disassembler.h"
#include "console/exception_words.h"
#include "report/disassembly.h"

namespace ntstack::console {
namespace {

using analysis::EffectiveAddress;

// Where FS and GS begin: the processor's block, or the thread's of user mode. Others begin at 0.
std::optional<std::uint64_t> segment_base(const Console& console, const RegisterContext& context,
                                          char segment) {
  if (segment != 'f' && segment != 'g') return 0;
  const base::Architecture architecture = console.architecture();
  const bool is_own = segment == (architecture == base::Architecture::x64 ? 'g' : 'f');
  if (!is_own) return std::nullopt;
  if (stacks::is_user_address(stacks::ip_of(context.registers), architecture))
    return console.context.thread ? console.context.thread->teb : std::nullopt;
  const target::Processor* processor = console.context.processor;
  if (!processor || processor->prcb == 0) return std::nullopt;
  // KPCR.Prcb
  return processor->prcb - (architecture == base::Architecture::x64 ? 0x180 : 0x120);
}

// "ss:0018:"; a 64-bit process's segments have no numbers that matter.
std::string segment_text(const Console& console, const RegisterContext& context, char segment) {
  if (console.architecture() == base::Architecture::arm64) return {};
  std::string out = fmt::format("{}s:", segment);
  if (!context.flags || (console.is_user_dump() && console.is_64_bit())) return out;
  const ProcessorFlags& flags = *context.flags;
  const std::uint16_t selector = segment == 'c'   ? flags.cs
                                 : segment == 's' ? flags.ss
                                 : segment == 'e' ? flags.es
                                 : segment == 'f' ? flags.fs
                                 : segment == 'g' ? flags.gs
                                                  : flags.ds;
  // 0: a trap frame, which does not have it.
  return selector == 0 ? out : out + fmt::format("{:04x}:", selector);
}

// What is in memory as one number; question marks where the dump lacks it.
std::string value_text(const Console& console, std::optional<std::uint64_t> address,
                       std::size_t size) {
  const std::vector<std::byte> bytes =
      address ? console.context_memory().copy(*address, size) : std::vector<std::byte>();
  if (bytes.size() != size) return std::string(size * 2, '?');
  std::string out;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte)
    out += fmt::format("{:02x}", std::to_integer<unsigned>(*byte));
  return out;
}

std::string operand_text(Console& console, const RegisterContext& context,
                         const code::Disassembled& instruction, const EffectiveAddress& operand) {
  std::string out =
      segment_text(console, context, operand.segment) + console.address_text(operand.address);
  constexpr std::size_t most = 64;
  if (operand.size == 0 || operand.size > most) return out;
  const auto base = segment_base(console, context, operand.segment);
  const auto address =
      base ? std::optional(as_address(*base + operand.address, console.is_64_bit())) : std::nullopt;
  const bool leads_on = instruction.target_memory.has_value();
  const auto pointer = leads_on && address
                           ? console.context_memory().pointer(*address, console.is_64_bit())
                           : std::nullopt;
  if (!pointer) return out + "=" + value_text(console, address, operand.size);
  return out + fmt::format("={{{} ({})}}", base::printable(console.name_of(*pointer)),
                           console.address_text(*pointer));
}

// The instruction's line, without where pointers in memory lead: the operands say it.
std::string line_text(Console& console, const RegisterContext& context) {
  const std::uint64_t ip = stacks::ip_of(context.registers);
  const auto instruction = console.code_at(ip).instruction_at(ip);
  if (!code::can_disassemble() || !instruction) return {};
  analysis::Line line = analysis::line_of(console.code_at(ip), *instruction, nullptr);
  for (analysis::Reference& reference : line.references) {
    reference.value.reset();
    reference.import_name.clear();
  }
  std::string out = report::line_text(line, console.code_at(ip).is_64_bit_at(ip));
  out.pop_back();
  for (const EffectiveAddress& operand :
       analysis::effective_addresses(*instruction, context.registers))
    out += " " + operand_text(console, context, *instruction, operand);
  const auto taken = context.flags
                         ? analysis::is_taken(*instruction, context.flags->flags, context.registers)
                         : std::nullopt;
  if (taken) out += *taken ? " [br=1]" : " [br=0]";
  return out + "\n";
}

std::string exception_text(const Console& console, const dump::ExceptionRecord& record) {
  const dump::Dump& dump = console.machine().dump();
  const std::string_view words = exception_words(record.code);
  return fmt::format("({:x}.{:x}): {} - code {:08x} (first/second chance not available)\n",
                     dump.process_id.value_or(0), dump.exception_thread_id.value_or(0),
                     words.empty() ? "Unknown exception" : words, record.code);
}

std::string first_instruction(Console& console) {
  const auto registers = registers_of(first_context(console.machine()), console.machine());
  return registers ? instruction_text(console, *registers) : std::string();
}

}  // namespace

std::string instruction_text(Console& console, const RegisterContext& context) {
  const std::uint64_t ip = stacks::ip_of(context.registers);
  return base::printable(console.name_of(ip)) + ":\n" + line_text(console, context);
}

std::string opening_text(Console& console) {
  const dump::Dump& dump = console.machine().dump();
  std::string out;
  if (console.is_user_dump() && dump.exception)
    out +=
        "This dump file has an exception of interest stored in it.\n"
        "The stored exception information can be accessed via .ecxr.\n" +
        exception_text(console, *dump.exception);
  if (dump.bugcheck) out += "For analysis of this file, run !analyze -v\n";
  return out + first_instruction(console);
}

std::string event_text(Console& console) {
  const dump::Dump& dump = console.machine().dump();
  std::string out;
  if (dump.bugcheck) {
    const auto* meaning = analysis::bugcheck_meaning(dump.bugcheck->code);
    out = fmt::format("Last event: Bugcheck code {:08X}{}\nArguments", dump.bugcheck->code,
                      meaning ? fmt::format(" ({})", meaning->name) : "");
    for (const std::uint64_t parameter : dump.bugcheck->parameters)
      out += " " + console.address_text(parameter);
    out += "\n";
  } else if (dump.exception) {
    out = "Last event: " + exception_text(console, *dump.exception);
  } else {
    return {};
  }
  return out + first_instruction(console);
}

}  // namespace ntstack::console
