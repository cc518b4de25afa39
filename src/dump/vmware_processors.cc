#include "dump/vmware_processors.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "dump/cpu_context.h"
#include "dump/vmware_tags.h"

namespace ntstack::dump {

namespace {

using R = X86Registers;

constexpr std::uint32_t most_processors = 2048;

// The general registers in the order of the block "gpregs", by the names that they have alone.
constexpr std::pair<std::string_view, std::size_t> general[] = {
    {"rax", R::rax},    {"rcx", R::rcx},    {"rdx", R::rdx},    {"rbx", R::rbx},
    {"rbp", R::rbp},    {"rsp", R::rsp},    {"rsi", R::rsi},    {"rdi", R::rdi},
    {"r8", R::r8},      {"r9", R::r8 + 1},  {"r10", R::r8 + 2}, {"r11", R::r8 + 3},
    {"r12", R::r8 + 4}, {"r13", R::r8 + 5}, {"r14", R::r8 + 6}, {"r15", R::r8 + 7}};

// A processor's registers as they come, tag by tag.
struct Processor {
  X86Registers registers;
  bool is_known = false;  // any of them came
  bool has_rip = false, has_rsp = false;
  std::map<std::uint32_t, std::uint64_t> control;  // by number
  std::optional<std::uint64_t> idt_base;
  std::uint64_t idt_low = 0;
};

bool take_general(Processor& processor, const VmwareTag& tag) {
  if (tag.name == "gpregs" && tag.bytes.size() == std::size(general) * 8) {
    for (std::size_t i = 0; i < std::size(general); ++i) {
      processor.registers.gpr[general[i].second] = tag.bytes.get_or<std::uint64_t>(i * 8, 0);
    }
    processor.has_rsp = true;
    return true;
  }
  for (const auto& [name, place] : general) {
    if (tag.name != name) continue;
    processor.registers.gpr[place] = tag.value();
    processor.has_rsp |= place == R::rsp;
    return true;
  }
  return false;
}

bool take_place(Processor& processor, const VmwareTag& tag) {
  if (tag.name == "rip") {
    processor.registers.rip = tag.value();
    processor.has_rip = true;
    return true;
  }
  if (!base::equals_ignoring_case(tag.name, "eflags")) return false;
  processor.registers.rflags |= tag.value();
  return true;
}

// CR64 and IDTR are a block for each processor, or a value for each part of it.
bool take_control(Processor& processor, const VmwareTag& tag) {
  const bool is_part = tag.index_count == 2;
  if (tag.name == "CR64") {
    if (is_part && tag.index[1] < 16) processor.control[tag.index[1]] = tag.value();
    for (std::uint32_t i = 0; !is_part && i < 5; ++i) {
      if (const auto value = tag.bytes.get<std::uint64_t>(i * 8)) processor.control[i] = *value;
    }
    return true;
  }
  if (tag.name != "IDTR") return false;
  if (!is_part) processor.idt_base = tag.bytes.get<std::uint64_t>(2);  // behind the limit
  if (is_part && tag.index[1] == 1) processor.idt_low = tag.value() & 0xffffffff;
  if (is_part && tag.index[1] == 2) processor.idt_base = processor.idt_low | tag.value() << 32;
  return true;
}

ProcessorRecord record_of(std::uint32_t number, const Processor& from,
                          base::Architecture architecture) {
  ProcessorRecord record;
  record.number = number;
  const bool is_x86 =
      architecture == base::Architecture::x64 || architecture == base::Architecture::x86;
  if (is_x86 && from.has_rip && from.has_rsp) {
    record.context = context_of(from.registers, architecture);
  }
  const auto control = [&](std::uint32_t index) -> std::optional<std::uint64_t> {
    const auto found = from.control.find(index);
    return found == from.control.end() ? std::nullopt : std::optional(found->second);
  };
  record.cr0 = control(0);
  record.cr3 = control(3);
  record.cr4 = control(4);
  record.idt_base = from.idt_base;
  return record;
}

}  // namespace

void read_vmware_processors(base::Bytes state, Dump& dump) {
  std::map<std::uint32_t, Processor> processors;
  for_each_vmware_tag(state, "cpu", [&](const VmwareTag& tag) {
    if (tag.name == "cpu:numVCPUs") {
      dump.processor_count =
          static_cast<std::uint32_t>(std::min<std::uint64_t>(tag.value(), most_processors));
    }
    if (tag.index_count == 0 || tag.index[0] >= most_processors) return;
    Processor& processor = processors[tag.index[0]];
    processor.is_known |=
        take_general(processor, tag) || take_place(processor, tag) || take_control(processor, tag);
  });
  for (const auto& [number, processor] : processors) {
    if (!processor.is_known) continue;
    dump.processors.push_back(record_of(number, processor, dump.architecture));
  }
}

}  // namespace ntstack::dump
