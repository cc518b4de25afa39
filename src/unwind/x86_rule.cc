#include "unwind/x86_rule.h"

#include <algorithm>
#include <span>

#include "unwind/x86_frame.h"
#include "unwind/x86_start.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kLowestReturn = 0x10000;
constexpr int kMaximumRecords = 32;          // that share one function's end
constexpr std::uint32_t kFunctionStart = 4;  // of FrameData's flags

std::uint64_t end_of(const pdb::FrameDataRecord& record) {
  return std::uint64_t{record.rva} + record.size;
}

// A function's records begin with its start's, which spans the others. Pieces that a linker moved
// away from their function have none before them that does.
Function function_of(const CodeMap& code, const Module& module, const pdb::FrameDataRecord& inner) {
  pdb::FrameDataRecord record = inner;
  for (int i = 0; i < kMaximumRecords; ++i) {
    if ((record.flags & kFunctionStart) != 0) {
      if (end_of(record) < end_of(inner)) break;
      return {static_cast<std::uint32_t>(module.base) + record.rva, record.size,
              record.prolog_size};
    }
    if (record.rva == 0) break;
    const auto before = code.frame_data_at(module, record.rva - 1);
    if (!before || before->rva >= record.rva) break;
    record = *before;
  }
  return {};
}

// A filter or handler within a function runs as a function of its own, on its parent's EBP.
bool is_funclet(const pdb::FrameDataRecord& record) {
  return (record.flags & kFunctionStart) == 0 &&
         record.program.find(".raSearchStart") != std::string_view::npos;
}

Function function_of(const pdb::FpoRecord& record, std::uint32_t base) {
  return {base + record.rva, record.size, record.prolog_size};
}

void describe_by_frame_data(Rule& rule, const CodeMap& code, const Module& module,
                            std::uint32_t rva) {
  const auto base = static_cast<std::uint32_t>(module.base);
  const auto fpo = code.fpo_at(module, rva);
  // Microsoft's linker writes FPO records of filters and handlers alone, and only these span their
  // return instruction.
  if (fpo && fpo->rva > rule.frame_data->rva && !is_funclet(*rule.frame_data)) {
    const auto outer = code.frame_data_at(module, fpo->rva);
    if (outer && is_funclet(*outer)) rule.frame_data = outer;
  }
  const pdb::FrameDataRecord& record = *rule.frame_data;
  rule.is_funclet = is_funclet(record);
  if (!rule.is_funclet)
    rule.function = function_of(code, module, record);
  else if (fpo && fpo->rva == record.rva)
    rule.function = {base + fpo->rva, std::max(fpo->size, record.size), 0};
  else
    rule.function = {base + record.rva, record.size, 0};
}

void describe(Rule& rule, const CodeMap& code, std::uint32_t address) {
  const Module* module = code.find(address);
  if (!module) return;
  const auto base = static_cast<std::uint32_t>(module->base);
  const std::uint32_t rva = address - base;
  rule.frame_data = code.frame_data_at(*module, rva);
  if (rule.frame_data) return describe_by_frame_data(rule, code, *module, rva);
  rule.fpo = code.fpo_at(*module, rva);
  if (rule.fpo) {
    rule.function = function_of(*rule.fpo, base);
    const auto start = code.function_start_at(*module, rva);
    rule.is_funclet = start && *start < rule.fpo->rva;
  } else if (const auto start = code.function_start_at(*module, rva)) {
    rule.function = {base + *start, kLargestFunction, 0};
  }
}

std::optional<code::Call> call_before(const base::ByteSource& memory, std::uint32_t value,
                                      bool& at_hand) {
  std::array<std::byte, code::kBytesBeforeReturn> bytes;
  at_hand = memory.read(value - bytes.size(), bytes) == bytes.size();
  if (!at_hand) return {};
  return code::call_before(base::Bytes(std::span<const std::byte>(bytes)), code::Mode::x86);
}

// Incremental linking's thunks, and imports' that are called directly.
std::uint32_t behind_jump(const base::ByteSource& memory, std::uint32_t target) {
  const auto first = memory.get<std::uint8_t>(target);
  if (first == 0xe9) {
    const auto distance = memory.get<std::uint32_t>(std::uint64_t{target} + 1);
    return distance ? target + 5 + *distance : 0;
  }
  if (first != 0xff || memory.get<std::uint8_t>(std::uint64_t{target} + 1) != 0x25) return 0;
  const auto pointer = memory.get<std::uint32_t>(std::uint64_t{target} + 2);
  return pointer ? memory.get<std::uint32_t>(*pointer).value_or(0) : 0;
}

bool is_helper(const base::ByteSource& memory, std::uint32_t function) {
  const CallEffect effect = effect_of_call(memory, function);
  return effect.kind != CallEffect::unknown && effect.kind != CallEffect::removes;
}

// Where compilers begin functions, the nearest first.
void find_starts(Rule& rule, const CodeMap& code, const base::ByteSource& memory,
                 std::uint32_t address) {
  const Module* module = code.find(address);
  if (!module) return;
  const auto lowest = static_cast<std::uint32_t>(module->base);
  auto start = padded_start(memory, address, lowest);
  for (std::uint32_t& each : rule.starts) {
    if (!start) break;
    each = *start;
    start = padded_start(memory, *start - 1, lowest);
  }
}

}  // namespace

CompiledProgram compile(std::string_view program) {
  return std::make_shared<const std::expected<Program, ProgramError>>(Program::compile(program));
}

std::optional<FrameState> state_from(const base::ByteSource& memory, Function function,
                                     std::uint32_t eip, bool is_call_site) {
  if (is_call_site) {
    bool at_hand = false;
    const auto call = call_before(memory, eip, at_hand);
    if (!call) return {};
    eip -= call->length;
  }
  return frame_state_at(memory, function, eip);
}

Rule rule_at(const CodeMap& code, const base::ByteSource& memory, std::uint32_t eip,
             bool is_call_site) {
  Rule rule;
  describe(rule, code, eip - (is_call_site ? 1 : 0));
  rule.code_at_hand = memory.get<std::uint8_t>(eip).has_value();
  if (rule.function.start != 0)
    rule.state = state_from(memory, rule.function, eip, is_call_site);
  else
    find_starts(rule, code, memory, eip - (is_call_site ? 1 : 0));
  if (is_call_site) return rule;
  rule.leaving = leaving_frame_at(memory, eip);
  if (rule.function.start != 0) rule.changes_callers_frame = is_helper(memory, rule.function.start);
  return rule;
}

ReturnSite return_site_at(const CodeMap& code, const base::ByteSource& memory,
                          std::uint32_t value) {
  ReturnSite site;
  if (value < kLowestReturn || !code.find(value)) return site;
  site.in_module = true;
  site.call = call_before(memory, value, site.code_at_hand);
  if (site.call) {
    if (site.call->kind == code::CallKind::direct)
      site.target = static_cast<std::uint32_t>(site.call->target(value));
    else if (site.call->kind == code::CallKind::through_pointer)
      site.target =
          memory.get<std::uint32_t>(static_cast<std::uint32_t>(site.call->distance)).value_or(0);
    if (!code.find(site.target)) site.target = 0;
  }
  if (site.target != 0) {
    site.target_behind_jump = behind_jump(memory, site.target);
    site.calls_helper = is_helper(memory, site.target);
  }
  return site;
}

}  // namespace ntstack::unwind::x86
