#include "analysis/frame_evidence.h"

#include <algorithm>

#include "unwind/x86_frame.h"
#include "unwind/x86_rule.h"
#include "unwind/x86_start.h"

namespace ntstack::analysis {
namespace {

namespace x64 = pe::x64;
namespace arm64 = pe::arm64;
namespace x86 = unwind::x86;
using stacks::Frame;

constexpr int kMostChained = 32;

// A part of an x64 function with unwind data of its own.
struct Part {
  std::uint32_t begin = 0;
  std::uint32_t prologue = 0;  // bytes of it that have run
  std::uint64_t unwind_bytes = 0;
  bool is_trap = false;
  bool is_known = true;  // its codes are
};

Part part_of(const x64::RawUnwindInfo& raw, std::uint32_t run) {
  Part part;
  part.begin = raw.function.begin;
  part.prologue = std::min<std::uint32_t>(raw.prolog_size, run);
  part.is_known = raw.version < 3;
  x64::CodeReader reader(raw);
  while (const auto code = part.is_known ? reader.next() : std::nullopt) {
    if (code->op == x64::Op::push_machframe) part.is_trap = true;
    const bool takes = code->op == x64::Op::push_nonvol || code->op == x64::Op::alloc_large ||
                       code->op == x64::Op::alloc_small;
    if (takes && code->prolog_offset <= run)
      part.unwind_bytes += code->op == x64::Op::push_nonvol ? 8 : code->amount;
  }
  if (reader.error()) part.is_known = false;
  return part;
}

// The function that holds `rva`, its primary part first; empty where it has no unwind data.
std::vector<Part> parts_of(const pe::Image& image, const x64::FunctionTable& table,
                           std::uint32_t rva) {
  std::vector<Part> parts;
  auto function = table.find(rva);
  std::uint32_t run = function && rva >= function->begin ? rva - function->begin : 0;
  for (int i = 0; function && i < kMostChained; ++i) {
    x64::UnwindScratch scratch;
    const auto raw = x64::raw_unwind_info(image, *function, scratch);
    if (!raw) return {};
    parts.push_back(part_of(*raw, run));
    run = UINT32_MAX;  // a parent's prologue has run whole
    const auto parent = raw->chains() ? raw->chained() : std::nullopt;
    function = parent ? x64::resolve(image, *parent) : std::nullopt;
  }
  std::ranges::reverse(parts);
  return parts;
}

std::uint64_t taken_by(const arm64::UnwindCode& code) {
  switch (code.op) {
    case arm64::Op::alloc_s:
    case arm64::Op::alloc_m:
    case arm64::Op::alloc_l:
      return code.amount;
    default:
      return code.writeback ? code.amount : 0;
  }
}

bool is_made_by_software(const arm64::UnwindCode& code) {
  return code.op >= arm64::Op::trap_frame && code.op <= arm64::Op::ec_context;
}

std::string why_no_entry(const pe::ExceptionDirectory& table) {
  return table.missing() ? "the image's unwind data is not at hand (-i)"
                         : "a function without unwind data: it takes no stack of its own";
}

}  // namespace

std::string_view name_of(StartBy by) {
  switch (by) {
    case StartBy::unwind_data:
      return "unwind_data";
    case StartBy::record:
      return "record";
    case StartBy::call:
      return "call";
    case StartBy::padding:
      return "padding";
    case StartBy::none:
      break;
  }
  return "none";
}

std::uint64_t FrameEvidence::taken_bytes() const {
  std::uint64_t sum = 0;
  for (const TakenBy& each : taken) sum += each.bytes;
  return sum;
}

const TakenBy* FrameEvidence::largest() const {
  const auto found = std::ranges::max_element(taken, {}, &TakenBy::bytes);
  return found == taken.end() || found->bytes == 0 ? nullptr : &*found;
}

std::optional<bool> FrameEvidence::agrees_with_unwind() const {
  return unwind_bytes ? std::optional(*unwind_bytes == taken_bytes()) : std::nullopt;
}

std::vector<std::byte> EvidenceReader::code_at(std::uint64_t address, std::uint64_t most) const {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(most, code::kPrologueBytes));
  return memory_.copy(address, size);
}

void EvidenceReader::take(const code::Prologue& prologue, std::uint64_t function,
                          FrameEvidence& out) {
  for (const code::StackTaken& each : prologue.taken)
    out.taken.push_back({function + each.offset, each.taking, each.bytes, each.text});
  out.aligns = out.aligns || prologue.aligns;
}

FrameEvidence EvidenceReader::of(const Frame& frame, std::uint64_t bytes,
                                 base::Architecture architecture) const {
  FrameEvidence out;
  const std::uint64_t ip = frame.ip - (frame.is_call_site ? 1 : 0);
  const unwind::Module* module = modules_.find(ip);
  if (frame.trap_frame) {
    out.why_none = "it holds a trap frame";
  } else if (!module) {
    out.why_none = "its code is in no module";
  } else if (architecture == base::Architecture::x86) {
    read_x86(frame, bytes, out);
  } else if (!module->image) {
    out.why_none = "its image is not at hand (-i)";
  } else if (architecture == base::Architecture::x64) {
    read_x64(frame, *module, out);
  } else {
    read_arm64(frame, *module, out);
  }
  const std::uint64_t explained = out.return_address + out.arguments + out.taken_bytes();
  out.unexplained = static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(explained);
  return out;
}

// Where the function begins; 0: not known. Without a record, a start counts by the caller's call,
// or where the code from there on takes as much as the frame has.
std::uint32_t EvidenceReader::start_of_x86(const Frame& frame, std::uint64_t bytes,
                                           FrameEvidence& out) const {
  const auto ip = static_cast<std::uint32_t>(frame.ip);
  const x86::Rule rule = x86::rule_at(modules_, memory_, ip, frame.is_call_site);
  if (rule.function.start != 0) {
    out.start_by = StartBy::record;
    return rule.function.start;
  }
  const auto called =
      x86::called_function(memory_, static_cast<std::uint32_t>(frame.return_address));
  if (called && *called <= ip && ip - *called < x86::kLargestFunction &&
      modules_.find(*called) == modules_.find(ip)) {
    out.start_by = StartBy::call;
    return *called;
  }
  for (const std::uint32_t start : rule.starts) {
    if (start == 0) continue;
    const auto state =
        x86::state_from(memory_, {start, x86::kLargestFunction, 0}, ip, frame.is_call_site);
    if (!state || !state->esp || *state->esp < 0) continue;
    if (static_cast<std::uint64_t>(*state->esp) + 4 != bytes) continue;
    out.start_by = StartBy::padding;
    return start;
  }
  return 0;
}

void EvidenceReader::read_x86(const Frame& frame, std::uint64_t bytes, FrameEvidence& out) const {
  const auto ip = static_cast<std::uint32_t>(frame.ip);
  if (!memory_.get<std::uint8_t>(ip)) {
    out.why_none = "its code is not at hand (-i)";
    return;
  }
  const std::uint32_t start = start_of_x86(frame, bytes, out);
  if (start == 0) {
    out.why_none = "where its function begins is not known";
    return;
  }
  out.function = start;
  out.return_address = 4;
  const auto helper_at = [&](std::int64_t distance) {
    const auto target = static_cast<std::uint32_t>(start + distance);
    const x86::CallEffect effect = x86::effect_of_call(memory_, target);
    if (effect.kind == x86::CallEffect::lowers_esp) return code::Helper::lowers_by_eax;
    return effect.kind == x86::CallEffect::sets_frame ? code::Helper::sets_frame
                                                      : code::Helper::none;
  };
  const auto code = code_at(start, ip >= start ? ip - start : code::kPrologueBytes);
  take(code::prologue_of(base::Bytes(std::span(code)), code::Mode::x86, helper_at), start, out);
  const auto state =
      x86::state_from(memory_, {start, x86::kLargestFunction, 0}, ip, frame.is_call_site);
  if (!state || !state->esp || *state->esp < 0) return;
  // What had to be assumed of calls counts where the frame bears it out.
  if (state->assumed && static_cast<std::uint64_t>(*state->esp) + 4 != bytes) return;
  const auto held = static_cast<std::int64_t>(out.taken_bytes());
  if (*state->esp > held) out.arguments = static_cast<std::uint64_t>(*state->esp - held);
}

void EvidenceReader::read_x64(const Frame& frame, const unwind::Module& module,
                              FrameEvidence& out) const {
  const auto* table = std::get_if<x64::FunctionTable>(&module.functions);
  const auto rva =
      static_cast<std::uint32_t>(frame.ip - (frame.is_call_site ? 1 : 0) - module.base);
  if (!table) {
    out.why_none = "its image has no unwind data";
    return;
  }
  out.return_address = 8;
  const std::vector<Part> parts = parts_of(*module.image, *table, rva);
  if (parts.empty()) {
    out.why_none = why_no_entry(*table);
    return;
  }
  if (std::ranges::any_of(parts, &Part::is_trap)) {
    out.return_address = 0;
    out.why_none = "a processor's frame begins it";
    return;
  }
  out.start_by = StartBy::unwind_data;
  out.function = module.base + parts.front().begin;
  std::uint64_t unwind_bytes = 0;
  for (const Part& part : parts) {
    const std::uint64_t at = module.base + part.begin;
    const auto code = code_at(at, part.prologue);
    take(code::prologue_of(base::Bytes(std::span(code)), code::Mode::x64), at, out);
    unwind_bytes += part.unwind_bytes;
  }
  if (std::ranges::all_of(parts, &Part::is_known)) out.unwind_bytes = unwind_bytes;
}

void EvidenceReader::read_arm64(const Frame& frame, const unwind::Module& module,
                                FrameEvidence& out) const {
  const auto* table = std::get_if<arm64::FunctionTable>(&module.functions);
  const auto rva =
      static_cast<std::uint32_t>(frame.ip - (frame.is_call_site ? 4 : 0) - module.base);
  const auto function = table ? table->find(rva) : std::nullopt;
  arm64::UnwindScratch scratch;
  const auto raw = function ? arm64::raw_unwind_info(*module.image, *function, scratch)
                            : base::Result<arm64::RawUnwindInfo>(base::fail("no entry"));
  if (!raw || rva < function->begin) {
    out.why_none = table ? why_no_entry(*table) : "its image has no unwind data";
    return;
  }
  std::uint64_t unwind_bytes = 0;
  std::uint64_t instructions = 0;
  bool is_known = true, is_part = function->form() == arm64::Form::packed_fragment;
  const std::uint64_t run = (rva - function->begin) / 4;
  const std::uint64_t whole = arm64::instruction_count(*raw, 0);
  arm64::CodeReader reader(raw->codes);
  while (const auto code = reader.next()) {
    if (is_made_by_software(*code) || code->op == arm64::Op::alloc_z) is_known = false;
    if (code->op == arm64::Op::end_c) is_part = true;
    if (code->ends()) break;
    instructions += code->instructions();
    // Codes are in the order in which an unwinder undoes them: the last instruction's first.
    if (whole - instructions < run) unwind_bytes += taken_by(*code);
  }
  if (!is_known || reader.error()) {
    out.why_none = "its frame is not made by its own code alone";
    return;
  }
  out.start_by = StartBy::unwind_data;
  out.function = module.base + function->begin;
  out.unwind_bytes = unwind_bytes;
  if (is_part) {  // its prologue is elsewhere
    out.taken.push_back({0, code::Taking::allocates, unwind_bytes, "by the unwind codes"});
    return;
  }
  const auto code = code_at(out.function, std::min(run, whole) * 4);
  take(code::prologue_of_arm64(base::Bytes(std::span(code))), out.function, out);
}

}  // namespace ntstack::analysis
