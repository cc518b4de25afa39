#include "unwind/x64_rule.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "code/x64_epilogue.h"
#include "unwind/x64_rule_builder.h"

namespace ntstack::unwind::x64 {
namespace {

using pe::x64::Op;
using pe::x64::RuntimeFunction;

// Infos chained behind one another; linkers make one or two.
constexpr int kMostChained = 32;
// Direct jumps that are followed inside a function, from one part of an epilogue to the next.
constexpr int kMostJumps = 4;

// Bytes of a function that are gone through to know one instruction's predecessor.
constexpr std::uint32_t kMostSwept = 0x10000;

bool pushes_in_reverse(const pe::x64::RawUnwindInfo& info, const pe::x64::Winding& pair) {
  const auto payload = pe::x64::windings_of(info);
  if (!payload) return false;
  pe::x64::WindingReader reader(payload->prolog);
  while (const auto pushed = reader.next()) {
    if (pushed->pushes_two() && pushed->register_number == pair.second &&
        pushed->second == pair.register_number)
      return true;
  }
  return false;
}

// What is undone after an info: its parent's operations, or none any more.
enum class Next : std::uint8_t { parent, none };

// Finds what has to be undone at one address, and has it undone.
class Compiler {
 public:
  Compiler(const Module& module, const base::ByteSource& memory, std::uint64_t rip)
      : module_(module), memory_(memory), rva_(static_cast<std::uint32_t>(rip - module.base)) {}

  std::expected<Rule, StepError> leaf() { return built_.finish(); }
  std::expected<Rule, StepError> in_function(const RuntimeFunction& function, bool is_call_site);

 private:
  using RawInfo = pe::x64::RawUnwindInfo;

  bool prologue_and_body(const RawInfo& info, bool in_prologue);
  Place frame_base(const RawInfo& info, bool in_prologue) const;

  // Each of the two gives nothing where the data is bad.
  std::optional<Next> codes(const RawInfo& info, bool is_first, bool is_call_site);
  std::optional<Next> windings(const RawInfo& info, bool is_first, bool is_call_site);
  bool undo_done(const pe::x64::RawWindings& prolog, std::uint32_t ip_offset);
  bool undo_pending(const RawInfo& info, const pe::x64::RawWindingEpilog& epilog);
  bool is_pushed_in_reverse(const RawInfo& info, const pe::x64::Winding& pair) const;

  bool epilogue(const RawInfo& info);
  bool epilogue_by_code(const RawInfo& info);
  bool is_released(const RawInfo& info) const;
  bool epilogue_by_record(const RawInfo& info, const pe::x64::Epilog& epilog);
  bool leaves(const RawInfo& info, std::int64_t target) const;
  bool is_described_by_same(const RawInfo& info, const RuntimeFunction& other) const;
  base::Bytes code_at(std::uint32_t rva, std::span<std::byte> buffer) const;

  const Module& module_;
  const base::ByteSource& memory_;
  std::uint32_t rva_;
  RuleBuilder built_;
};

// What offsets of saved registers count from: the frame register's own base once it is set, the
// stack pointer before.
Place Compiler::frame_base(const RawInfo& info, bool in_prologue) const {
  if (info.frame_register == 0) return built_.stack;
  std::int64_t offset = info.frame_offset;
  bool is_set = !in_prologue || info.chains();
  pe::x64::CodeReader codes(info);
  while (const auto code = codes.next()) {
    if (code->op != Op::set_fpreg && code->op != Op::set_fpreg_large) continue;
    offset = code->amount;
    is_set = !in_prologue || code->prolog_offset <= rva_ - info.function.begin;
  }
  return is_set ? Place{true, -offset} : built_.stack;
}

// One info's codes: those of the instructions before RIP in its prologue, all of them behind it.
bool Compiler::prologue_and_body(const RawInfo& info, bool in_prologue) {
  const Place base = frame_base(info, in_prologue);
  if (base.from_frame && built_.frame_register() == 0)
    built_.name_frame_register(info.frame_register);
  if (base.from_frame && built_.frame_register() != info.frame_register) return false;
  pe::x64::CodeReader codes(info);
  while (const auto code = codes.next()) {
    if (in_prologue && code->prolog_offset > rva_ - info.function.begin) continue;
    // Nothing can be pushed before what the processor itself pushes.
    if (built_.is_at_end() || !built_.undo(*code, base)) return false;
  }
  return codes.error() == nullptr;
}

base::Bytes Compiler::code_at(std::uint32_t rva, std::span<std::byte> buffer) const {
  if (const base::Bytes direct = module_.image->view(rva, buffer.size());
      direct.size() == buffer.size())
    return direct;
  std::size_t size = module_.image->read(rva, buffer);
  if (size == 0) size = memory_.read(module_.base + rva, buffer);
  return {buffer.data(), size};
}

bool Compiler::is_described_by_same(const RawInfo& info, const RuntimeFunction& other) const {
  const auto primary = [&](RuntimeFunction function) -> std::uint32_t {
    for (int i = 0; i < kMostChained; ++i) {
      pe::x64::UnwindScratch scratch;
      const auto raw = pe::x64::raw_unwind_info(*module_.image, function, scratch);
      const auto parent = raw ? raw->chained() : std::nullopt;
      if (!parent) return function.begin;
      function = *parent;
    }
    return function.begin;
  };
  return primary(info.function) == primary(other);
}

// Does a jump to this RVA leave the function? Parts of one function, joined by chained infos, jump
// to one another; a jump to the function's first instruction is a call of itself.
bool Compiler::leaves(const RawInfo& info, std::int64_t target) const {
  if (target < 0 || target > std::numeric_limits<std::uint32_t>::max()) return true;
  const auto rva = static_cast<std::uint32_t>(target);
  if (rva == info.function.begin) return !info.chains();
  if (rva > info.function.begin && rva < info.function.end) return false;
  const auto other = std::get<pe::x64::FunctionTable>(module_.functions).find(rva);
  return !other || !is_described_by_same(info, *other);
}

// At a jump that leaves, with nothing before it that releases the frame, the frame still stands:
// the jump goes to a part of the function that has a table entry of its own, or it is a switch's.
// The bytes before tell it in most cases; that they are an instruction is known by going through
// the function from its start.
bool Compiler::is_released(const RawInfo& info) const {
  const std::uint32_t begin = info.function.begin;
  std::array<std::byte, code::kReleaseBytes> before;
  const auto size = std::min<std::uint32_t>(code::kReleaseBytes, rva_ - begin);
  if (!code::released_before(code_at(rva_ - size, std::span(before).first(size)))) return false;
  if (rva_ - begin > kMostSwept) return true;
  std::optional<code::Instruction> last;
  std::uint32_t rva = begin;
  while (rva < rva_) {
    std::array<std::byte, 15> buffer;
    last = code::decode(code_at(rva, buffer), code::Mode::x64);
    if (!last) return true;
    rva += last->length;
  }
  // Data between instructions can put the way through out of step: then the bytes decide.
  return rva != rva_ || !last || code::releases(*last);
}

// The instructions from RIP on, where they are an epilogue; jumps within the function are followed
// to the epilogue's rest.
bool Compiler::epilogue_by_code(const RawInfo& info) {
  Place stack;
  bool bare = true;
  std::int64_t rva = rva_;
  for (int jumps = 0; jumps <= kMostJumps; ++jumps) {
    std::array<std::byte, code::kEpilogueBytes> buffer;
    const std::uint8_t frame_register = jumps == 0 ? info.frame_register : std::uint8_t{0};
    const auto found =
        code::epilogue_at(code_at(static_cast<std::uint32_t>(rva), buffer), frame_register);
    if (!found || (found->base && !built_.use_frame_register(*found->base))) break;
    if (jumps > 0 && bare && found->adjust != 0) break;  // the whole frame still stands
    stack = found->base ? Place{true, found->adjust} : stack + found->adjust;
    for (std::uint8_t i = 0; i < found->pop_count; ++i, stack = stack + 8)
      built_.save(found->pops[i], stack);
    bare = bare && found->bare_jump;
    const std::int64_t target = rva + found->jump.value_or(0);
    if (!found->jump || leaves(info, target)) {
      if (bare && !is_released(info)) break;
      built_.argument_bytes = found->argument_bytes;
      built_.stack = stack;
      return true;
    }
    if (target < info.function.begin || target >= info.function.end) break;
    rva = target;
  }
  built_ = RuleBuilder{};
  return false;
}

// Version 2 says where epilogues are: pops in the order of the codes, each one byte, or two with
// REX.
bool Compiler::epilogue_by_record(const RawInfo& info, const pe::x64::Epilog& epilog) {
  std::uint32_t done = rva_ - epilog.start;
  pe::x64::CodeReader codes(info);
  while (const auto code = codes.next()) {
    if (code->op != Op::push_nonvol) continue;
    const std::uint32_t size = code->info >= r8 ? 2 : 1;
    if (done >= size) {
      done -= size;
      continue;
    }
    if (!built_.save(code->info, built_.stack)) return false;
    built_.stack = built_.stack + 8;
  }
  return codes.error() == nullptr;
}

bool Compiler::epilogue(const RawInfo& info) {
  if (info.version == 1) return epilogue_by_code(info);
  const auto epilog = pe::x64::epilog_at(info, rva_);
  return epilog && (epilogue_by_code(info) || epilogue_by_record(info, *epilog));
}

std::optional<Next> Compiler::codes(const RawInfo& info, bool is_first, bool is_call_site) {
  const bool in_prologue = is_first && rva_ - info.function.begin < info.prolog_size;
  // Microsoft's compiler saves registers late, and may return before: then an epilogue lies in the
  // prologue. No epilogue holds a call.
  if (is_first && !is_call_site && epilogue(info)) return Next::none;
  if (!prologue_and_body(info, in_prologue)) return {};
  return info.chains() ? Next::parent : Next::none;
}

std::expected<Rule, StepError> Compiler::in_function(const RuntimeFunction& function,
                                                     bool is_call_site) {
  RuntimeFunction part = function;
  for (int i = 0; i < kMostChained; ++i) {
    pe::x64::UnwindScratch scratch;
    const auto info = pe::x64::raw_unwind_info(*module_.image, part, scratch);
    if (!info) {
      const bool there = module_.image->get<std::uint32_t>(part.unwind & ~1u).has_value();
      return std::unexpected(there ? StepError::unwind_data_bad : StepError::unwind_data_missing);
    }
    const auto next = info->version == 3 ? windings(*info, i == 0, is_call_site)
                                         : codes(*info, i == 0, is_call_site);
    if (!next) return std::unexpected(StepError::unwind_data_bad);
    if (*next == Next::none) return built_.finish();
    const auto parent = info->chained();
    if (!parent) return std::unexpected(StepError::unwind_data_missing);
    part = *parent;
  }
  return std::unexpected(StepError::unwind_data_bad);
}

// In a prologue what is done so far is undone, in an epilogue what is not undone yet; each
// operation has the offset of its own instruction.
std::optional<Next> Compiler::windings(const RawInfo& info, bool is_first, bool is_call_site) {
  const auto payload = pe::x64::windings_of(info);
  if (!payload) return {};
  const std::uint32_t ip_offset = rva_ - info.function.begin;
  const bool in_prologue = is_first && ip_offset < info.prolog_size;
  if (is_first) {
    const auto* epilog = payload->epilog_at(rva_);
    // A return address at an epilogue's first instruction is that of a call before it.
    if (epilog && !(is_call_site && rva_ == epilog->start)) {
      if (!undo_pending(info, *epilog) || (epilog->to_parent && !info.chains())) return {};
      return epilog->to_parent ? Next::parent : Next::none;
    }
  }
  constexpr std::uint32_t all = std::numeric_limits<std::uint32_t>::max();
  if (!undo_done(payload->prolog, in_prologue ? ip_offset : all)) return {};
  return info.chains() ? Next::parent : Next::none;
}

bool Compiler::undo_done(const pe::x64::RawWindings& prolog, std::uint32_t ip_offset) {
  pe::x64::WindingReader reader(prolog);
  while (const auto winding = reader.next()) {
    // No first instruction pushes a whole frame: one that is named there was pushed before it.
    const bool is_before_all =
        winding->op == pe::x64::WindingOp::push_canonical_frame && winding->ip_offset == 0;
    if (winding->ip_offset >= ip_offset && !is_before_all) continue;
    if (built_.is_at_end() || !built_.undo(*winding)) return false;
  }
  return reader.error() == nullptr;
}

bool Compiler::undo_pending(const RawInfo& info, const pe::x64::RawWindingEpilog& epilog) {
  pe::x64::WindingReader reader(epilog.windings);
  while (auto winding = reader.next()) {
    if (epilog.start + winding->ip_offset < rva_) continue;
    if (winding->pushes_two() && is_pushed_in_reverse(info, *winding))
      std::swap(winding->register_number, winding->second);
    if (built_.is_at_end() || !built_.undo(*winding)) return false;
  }
  return reader.error() == nullptr;
}

// Assemblers differ in what an epilogue's pair means: LLVM 23 names the registers as POP2 pops
// them, the specification as PUSH2 pushes them. Where they lie is the prologue's doing.
bool Compiler::is_pushed_in_reverse(const RawInfo& info, const pe::x64::Winding& pair) const {
  RuntimeFunction part = info.function;
  for (int i = 0; i < kMostChained; ++i) {
    pe::x64::UnwindScratch scratch;
    const auto raw = pe::x64::raw_unwind_info(*module_.image, part, scratch);
    if (!raw) return false;
    if (raw->version == 3 && pushes_in_reverse(*raw, pair)) return true;
    const auto parent = raw->chained();
    if (!parent) return false;
    part = *parent;
  }
  return false;
}

// The registers of a rule's saved slots, as bits of Registers::known.
constexpr std::array<std::uint16_t, 256> kRegistersOf = [] {
  std::array<std::uint16_t, 256> masks{};
  for (std::size_t saved = 0; saved < masks.size(); ++saved) {
    for (std::size_t i = 0; i < kNonvolatile.size(); ++i) {
      if ((saved >> i) & 1) masks[saved] |= static_cast<std::uint16_t>(1u << kNonvolatile[i]);
    }
  }
  return masks;
}();
constexpr std::uint32_t kNonvolatileMask = kRegistersOf[0xff];
constexpr std::uint32_t kRspMask = 1u << rsp;

std::uint64_t moved(std::uint64_t address, std::int32_t offset) {
  return address + static_cast<std::uint64_t>(static_cast<std::int64_t>(offset));
}

// The usual frame: every slot within one view of the stack.
bool apply_together(const Rule& rule, const base::ByteSource& memory, std::uint64_t base,
                    Registers& caller) {
  const std::int64_t size = std::int64_t{rule.return_slot} + 8 - rule.lowest_slot;
  const base::Bytes bytes =
      memory.view(moved(base, rule.lowest_slot), static_cast<std::size_t>(size));
  if (bytes.size() != static_cast<std::size_t>(size)) return false;
  const auto load = [&](std::int32_t offset) {
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + (std::int64_t{offset} - rule.lowest_slot), sizeof(value));
    return value;
  };
  for (unsigned left = rule.saved; left != 0; left &= left - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(left));
    caller.gpr[kNonvolatile[slot]] = load(rule.slots[slot]);
  }
  caller.known |= kRegistersOf[rule.saved];
  caller.rip = load(rule.return_slot);
  return true;
}

// Any frame, slot by slot; a register whose slot is not there is not known.
bool apply_slots(const Rule& rule, const base::ByteSource& memory, const Registers& callee,
                 std::uint64_t return_slot, Registers& caller) {
  for (unsigned left = rule.saved; left != 0; left &= left - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(left));
    const bool from_frame = (rule.saved_from_frame & (1u << slot)) != 0;
    const std::uint64_t base = callee.gpr[from_frame ? rule.frame_register : std::uint8_t{rsp}];
    const std::uint32_t bit = 1u << kNonvolatile[slot];
    const auto value = memory.get<std::uint64_t>(moved(base, rule.slots[slot]));
    if (value) caller.gpr[kNonvolatile[slot]] = *value;
    caller.known = value ? caller.known | bit : caller.known & ~bit;
  }
  const auto rip = memory.get<std::uint64_t>(return_slot);
  if (rip) caller.rip = *rip;
  return rip.has_value();
}

// RIP, CS, EFLAGS, RSP and SS as the processor pushed them (Intel's manual, "64-bit mode stack
// frame").
bool cross_machine_frame(const base::ByteSource& memory, std::uint64_t frame, Exit exit,
                         Step& step) {
  const auto cs = memory.get<std::uint64_t>(frame + 8);
  const auto stack = memory.get<std::uint64_t>(frame + 24);
  if (!cs || !stack) return false;
  step.caller.gpr[rsp] = *stack;
  step.trust = Trust::trap_frame;
  step.machine_frame = frame;
  step.machine_frame_has_error_code = exit == Exit::machine_frame_with_error_code;
  step.machine_frame_from_user = (*cs & 3) == 3;
  return true;
}

}  // namespace

std::expected<Rule, StepError> rule_at(const CodeMap& code, const base::ByteSource& memory,
                                       std::uint64_t rip, bool is_call_site) {
  const std::uint64_t address = is_call_site ? rip - 1 : rip;
  const Module* module = code.find(address);
  if (!module || address < module->base) return std::unexpected(StepError::no_module);
  if (!module->image) return std::unexpected(StepError::no_image);
  const auto* functions = std::get_if<pe::x64::FunctionTable>(&module->functions);
  if (!functions) return std::unexpected(StepError::unwind_data_missing);
  const std::uint64_t rva = address - module->base;
  if (rva >= std::numeric_limits<std::uint32_t>::max())
    return std::unexpected(StepError::no_module);

  Compiler compiler(*module, memory, rip);
  const auto function = functions->find(static_cast<std::uint32_t>(rva));
  if (function) return compiler.in_function(*function, is_call_site);
  if (functions->missing()) return std::unexpected(StepError::unwind_data_missing);
  if (!is_call_site) return compiler.leaf();
  // A leaf calls nothing. But a start address that was put where a return address lies may be the
  // first of its function.
  const auto next = functions->find(static_cast<std::uint32_t>(rva + 1));
  if (next && next->begin == rva + 1) return compiler.in_function(*next, true);
  return std::unexpected(StepError::not_described);
}

// One result, returned from one place: it is built where the caller wants it, and not copied.
std::expected<Step, StepError> apply(const Rule& rule, const base::ByteSource& memory,
                                     const Registers& callee) {
  std::expected<Step, StepError> result(std::in_place, callee);
  const bool uses_frame = rule.return_from_frame || rule.saved_from_frame != 0;
  if (uses_frame && (callee.known & (1u << rule.frame_register)) == 0) {
    result = std::unexpected(StepError::register_unknown);
    return result;
  }
  Registers& caller = result->caller;
  caller.known = (callee.known & kNonvolatileMask) | kRspMask;
  const std::uint64_t base =
      callee.gpr[rule.return_from_frame ? rule.frame_register : std::uint8_t{rsp}];
  const std::uint64_t return_slot = moved(base, rule.return_slot);
  bool is_there = (rule.together && apply_together(rule, memory, base, caller)) ||
                  apply_slots(rule, memory, callee, return_slot, caller);
  bool progresses = true;
  if (rule.exit == Exit::returns) {
    caller.gpr[rsp] = return_slot + 8 + rule.argument_bytes;
    progresses = caller.gpr[rsp] > callee.gpr[rsp];
  } else {
    is_there = is_there && cross_machine_frame(memory, return_slot, rule.exit, *result);
    progresses = caller.rip != callee.rip || caller.gpr[rsp] != callee.gpr[rsp];
  }
  if (!is_there) {
    result = std::unexpected(StepError::memory_missing);
  } else if (!progresses) {
    result = std::unexpected(StepError::no_progress);
  }
  return result;
}

}  // namespace ntstack::unwind::x64
