// !pcr, !prcb, !dpcs: what the kernel has of each processor.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "base/text.h"
#include "console/console.h"
#include "console/deferred_calls.h"
#include "console/processor_block.h"
#include "console/thread_text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

base::Result<const target::Processor*> processor_of(Console& console, std::string_view text) {
  const auto& processors = console.machine().processors();
  if (processors.empty()) return base::fail("the dump tells of no processors");
  if (text.empty()) {
    if (console.context.processor) return console.context.processor;
    return &processors.front();
  }
  const auto number = console.evaluate(text);
  if (!number) return std::unexpected(number.error());
  const auto found = std::ranges::find_if(
      processors, [&](const target::Processor& each) { return each.number == *number; });
  if (found != processors.end()) return &*found;
  return base::fail("no processor of this dump has the number {:x}: it has those up to {:x}",
                    *number, std::ranges::max(processors, {}, &target::Processor::number).number);
}

std::string address_or_unknown(const Console& console, std::optional<std::uint64_t> address) {
  return address ? plain_address(console, *address)
                 : std::string(console.is_64_bit() ? 16 : 8, '?');
}

std::string queue_lines(Console& console, std::uint32_t processor, std::string_view kind,
                        const DpcQueue& queue) {
  std::string out;
  for (const DeferredCall& call : queue.calls)
    out += fmt::format("{:>2}: {:<8}: 0x{} {}\n", processor, kind,
                       plain_address(console, call.address),
                       call.is_there ? fmt::format("0x{} {}", plain_address(console, call.routine),
                                                   base::printable(console.name_of(call.routine)))
                                     : "is not in the dump");
  if (!queue.broken.empty())
    out += fmt::format("note: the {} queue of processor {} is not whole: {}\n", base::lower(kind),
                       processor, queue.broken);
  return out;
}

std::string queues_text(Console& console, const target::Processor& processor) {
  const auto queues = dpc_queues_of(console, processor);
  if (!queues) return fmt::format("note: {}\n", queues.error().text());
  return queue_lines(console, processor.number, "Normal", queues->normal) +
         queue_lines(console, processor.number, "Threaded", queues->threaded);
}

Done pcr_command(Console& console, const Arguments& arguments) {
  const auto processor = processor_of(console, arguments.text);
  if (!processor) return std::unexpected(processor.error());
  const auto block = processor_block_of(console, **processor);
  if (!block) return std::unexpected(block.error());
  std::string out = fmt::format("KPCR for Processor {} at {}:\n", (*processor)->number,
                                plain_address(console, block->address));
  if (!block->doubt.empty())
    out += fmt::format("note: no KPCR is there: {}; its fields are left out\n", block->doubt);
  if (block->major && block->minor)
    out += fmt::format("    Major {} Minor {}\n", *block->major, *block->minor);
  const auto row = [&](std::string_view name, std::optional<std::uint64_t> value) {
    out += fmt::format("{:>23}: {}\n", name, address_or_unknown(console, value));
  };
  row("SelfPcr", block->self);
  row("Prcb", (*processor)->prcb);
  const auto irql = irql_of(console, **processor);
  out += fmt::format("{:>23}: {}\n", "Irql",
                     irql ? fmt::format("{:x} ({})", irql->level, irql->from) : "????");
  if (console.architecture() != base::Architecture::arm64) {
    const auto saved = saved_tables_of(console, **processor);
    row("IDT", block->idt.value_or(0) != 0 || !saved ? block->idt : saved->idt);
    row("GDT", block->gdt.value_or(0) != 0 || !saved ? block->gdt : saved->gdt);
    row("TSS", block->tss);
  }
  out += "\n";
  row("CurrentThread", (*processor)->current_thread);
  row("NextThread", next_thread_of(console, **processor));
  row("IdleThread", (*processor)->idle_thread);
  console.write(out + fmt::format("\n{:>23}:\n", "DpcQueue") + queues_text(console, **processor));
  return {};
}

// A number of the KPRCB that types alone lead to.
std::optional<std::uint64_t> number_of(Console& console, const target::Processor& processor,
                                       std::string_view field, std::uint64_t size) {
  const auto place = analysis::field_place(console.kernel_view(), "nt", "_KPRCB", field);
  return place ? PrcbMemory(console, processor).number(place->offset, size) : std::nullopt;
}

Done prcb_command(Console& console, const Arguments& arguments) {
  const auto found = processor_of(console, arguments.text);
  if (!found) return std::unexpected(found.error());
  const target::Processor& processor = **found;
  const auto irql = irql_of(console, processor);
  const auto count = [&](std::string_view field) {
    const auto value = number_of(console, processor, field, 4);
    return value ? fmt::format("{:08x}", *value) : std::string(8, '?');
  };
  std::string out = fmt::format("PRCB for Processor {} at {}:\n", processor.number,
                                plain_address(console, processor.prcb)) +
                    fmt::format("Current IRQL -- {}\n",
                                irql ? fmt::format("{} ({})", irql->level, irql->from) : "????") +
                    fmt::format("Threads--  Current {} Next {} Idle {}\n",
                                plain_address(console, processor.current_thread),
                                address_or_unknown(console, next_thread_of(console, processor)),
                                plain_address(console, processor.idle_thread));
  const auto group = number_of(console, processor, "Group", 1);
  const auto in_group = number_of(console, processor, "GroupIndex", 1);
  out += fmt::format("Processor Index {}", processor.number);
  if (group && in_group) out += fmt::format(" Number ({}, {})", *group, *in_group);
  out += fmt::format("\nInterrupt Count -- {}\n", count("InterruptCount"));
  out += fmt::format("Times -- Dpc    {} Interrupt {}\n", count("DpcTime"), count("InterruptTime"));
  out += fmt::format("         Kernel {} User      {}\n", count("KernelTime"), count("UserTime"));
  if (out.find("????????\n") != std::string::npos &&
      !analysis::field_place(console.kernel_view(), "nt", "_KPRCB", "DpcTime"))
    out += "note: where counts and times are, nt's PDB would tell (-y)\n";
  console.write(out);
  return {};
}

Done dpcs_command(Console& console, const Arguments& arguments) {
  std::vector<const target::Processor*> wanted;
  if (arguments.text.empty()) {
    for (const target::Processor& each : console.machine().processors()) wanted.push_back(&each);
    if (wanted.empty()) return base::fail("the dump tells of no processors");
  } else {
    const auto one = processor_of(console, arguments.text);
    if (!one) return std::unexpected(one.error());
    wanted.push_back(*one);
  }
  console.write("CPU Type      KDPC       Function\n");
  std::string lines;
  for (const target::Processor* processor : wanted) {
    if (console.is_interrupted()) return base::fail("interrupted");
    const std::string text = queues_text(console, *processor);
    console.write(text);
    lines += text;
  }
  if (lines.empty())
    console.write(fmt::format("No DPCs are queued on {} processor{}\n", wanted.size(),
                              wanted.size() == 1 ? "" : "s"));
  return {};
}

}  // namespace

std::vector<Command> processor_commands() {
  return {{{"!pcr"},
           "",
           {"!pcr [PROCESSOR]"},
           "A processor's control region: its tables, threads and DPCs",
           "Of the context's processor, or one of a number. What the dump lacks is shown as ????.",
           {{"!pcr 3", "of processor 3"}},
           Completion::none,
           pcr_command},
          {{"!prcb"},
           "",
           {"!prcb [PROCESSOR]"},
           "A processor's control block: its IRQL, threads and times",
           "Counts and times need nt's PDB.",
           {{"!prcb 1", "of processor 1"}},
           Completion::none,
           prcb_command},
          {{"!dpcs"},
           "",
           {"!dpcs [PROCESSOR]"},
           "DPCs that are queued, of every processor",
           "",
           {{"!dpcs", "what waits to be called"}},
           Completion::none,
           dpcs_command}};
}

}  // namespace ntstack::console
