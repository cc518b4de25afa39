#include "unwind/arm64.h"

#include "unwind/arm64_cache.h"
#include "unwind/arm64_rule.h"
#include "unwind/arm64_sequence.h"

namespace ntstack::unwind::arm64 {
namespace {

using pe::arm64::Op;
using pe::arm64::RegisterKind;
using pe::arm64::UnwindCode;

constexpr std::uint8_t kFirstVolatileEnd = 19;  // x0 to x18
constexpr std::uint8_t kLastSavedInt = 28;      // save_next goes on with d8 behind it

// KTRAP_FRAME, from the public .NET runtime's unwinder; CONTEXT, from winnt.h.
namespace trap_frame {
constexpr std::uint64_t spsr = 0x90, sp = 0x98, x = 0xa0, lr = 0x138, fp = 0x140, pc = 0x148;
}
namespace context {
constexpr std::uint64_t flags = 0, x = 8, sp = 0x100, pc = 0x108;
constexpr std::uint32_t unwound_to_call = 0x20000000;
}  // namespace context

// Undoes codes, one after the other, on a copy of the callee's registers.
class Undoing {
 public:
  Undoing(const base::ByteSource& memory, const Registers& callee)
      : memory_(memory), callee_(callee) {
    step_.caller = callee;
  }

  std::optional<StepError> run(Sequence sequence);
  std::expected<Step, StepError> finish();

 private:
  std::optional<StepError> undo(const UnwindCode& code);
  std::optional<StepError> restore(const UnwindCode& code);
  std::optional<StepError> move_to_fp(std::uint64_t offset);
  std::optional<StepError> cross_trap_frame();
  std::optional<StepError> cross_machine_frame();
  std::optional<StepError> cross_context();
  void crossed(Frame frame, std::uint64_t address);
  void load(std::uint8_t reg, std::uint64_t address);
  bool knows(std::uint8_t reg) const { return (step_.caller.known >> reg & 1) != 0; }

  const base::ByteSource& memory_;
  const Registers& callee_;
  Step step_;
  std::uint32_t next_pairs_ = 0;  // save_next codes that the pair to come stands for too
  bool lr_is_lost_ = false;       // its slot is not there
  bool lr_from_stack_ = false;
  bool pc_is_set_ = false;  // by something else than a return through LR
};

void Undoing::load(std::uint8_t reg, std::uint64_t address) {
  Registers& caller = step_.caller;
  const auto value = memory_.get<std::uint64_t>(address);
  if (value) caller.x[reg] = *value;
  caller.known = value ? caller.known | (1u << reg) : caller.known & ~(1u << reg);
  if (reg != lr) return;
  lr_from_stack_ = true;
  lr_is_lost_ = !value;
}

std::optional<StepError> Undoing::restore(const UnwindCode& code) {
  if (next_pairs_ != 0 && (code.count != 2 || code.op == Op::save_lrpair ||
                           code.op == Op::save_fplr || code.op == Op::save_fplr_x))
    return StepError::unwind_data_bad;
  Registers& caller = step_.caller;
  if (caller.sp_is_bound) return StepError::register_unknown;
  const std::uint64_t slot = caller.sp + (code.writeback ? 0 : code.amount);
  if (code.op == Op::save_lrpair) {
    load(code.reg, slot);
    load(lr, slot + 8);
  } else if (code.kind == RegisterKind::x) {
    // Pairs that follow the first one go on to x28; then to d8, which nobody needs here.
    for (std::uint32_t i = 0; i < code.count; ++i)
      load(static_cast<std::uint8_t>(code.reg + i), slot + i * 8);
    for (std::uint32_t i = code.count; i < code.count + next_pairs_ * 2; ++i) {
      if (code.reg + i <= kLastSavedInt)
        load(static_cast<std::uint8_t>(code.reg + i), slot + i * 8);
    }
  }
  next_pairs_ = 0;
  if (code.writeback) caller.sp += code.amount;
  return {};
}

std::optional<StepError> Undoing::move_to_fp(std::uint64_t offset) {
  if (!knows(fp)) return StepError::register_unknown;
  step_.caller.sp = step_.caller.x[fp] - offset;
  step_.caller.sp_is_bound = false;
  return {};
}

void Undoing::crossed(Frame frame, std::uint64_t address) {
  step_.frame = frame;
  step_.frame_address = address;
  step_.trust = Trust::trap_frame;
  step_.is_call_site = false;
  pc_is_set_ = true;
}

std::optional<StepError> Undoing::cross_trap_frame() {
  Registers& caller = step_.caller;
  const std::uint64_t frame = caller.sp;
  const auto pc = memory_.get<std::uint64_t>(frame + trap_frame::pc);
  const auto sp = memory_.get<std::uint64_t>(frame + trap_frame::sp);
  const auto spsr = memory_.get<std::uint32_t>(frame + trap_frame::spsr);
  if (!pc || !sp || !spsr) return StepError::memory_missing;
  for (std::uint8_t i = 0; i < kFirstVolatileEnd; ++i) load(i, frame + trap_frame::x + i * 8u);
  load(fp, frame + trap_frame::fp);
  load(lr, frame + trap_frame::lr);
  caller.sp = *sp;
  caller.pc = *pc;
  crossed(Frame::trap_frame, frame);
  step_.from_user = (*spsr & 0xf) == 0;  // EL0
  return {};
}

std::optional<StepError> Undoing::cross_machine_frame() {
  Registers& caller = step_.caller;
  const std::uint64_t frame = caller.sp;
  const auto sp = memory_.get<std::uint64_t>(frame);
  const auto pc = memory_.get<std::uint64_t>(frame + 8);
  if (!pc || !sp) return StepError::memory_missing;
  caller.sp = *sp;
  caller.pc = *pc;
  crossed(Frame::machine_frame, frame);
  return {};
}

std::optional<StepError> Undoing::cross_context() {
  Registers& caller = step_.caller;
  const std::uint64_t frame = caller.sp;
  const auto flags = memory_.get<std::uint32_t>(frame + context::flags);
  const auto sp = memory_.get<std::uint64_t>(frame + context::sp);
  const auto pc = memory_.get<std::uint64_t>(frame + context::pc);
  if (!flags || !pc || !sp) return StepError::memory_missing;
  for (std::uint8_t i = 0; i <= lr; ++i) load(i, frame + context::x + i * 8u);
  caller.sp = *sp;
  caller.pc = *pc;
  crossed(Frame::context, frame);
  step_.is_call_site = (*flags & context::unwound_to_call) != 0;
  return {};
}

std::optional<StepError> Undoing::undo(const UnwindCode& code) {
  Registers& caller = step_.caller;
  if (code.kind != RegisterKind::none) return restore(code);
  if (code.op == Op::save_next) {
    ++next_pairs_;
    return {};
  }
  if (next_pairs_ != 0) return StepError::unwind_data_bad;
  switch (code.op) {
    case Op::alloc_s:
    case Op::alloc_m:
    case Op::alloc_l:
      caller.sp += code.amount;
      return {};
    case Op::set_fp:
    case Op::add_fp:
      return move_to_fp(code.amount);
    case Op::trap_frame:
    case Op::machine_frame:
    case Op::context:
      if (caller.sp_is_bound) return StepError::register_unknown;
      return code.op == Op::trap_frame      ? cross_trap_frame()
             : code.op == Op::machine_frame ? cross_machine_frame()
                                            : cross_context();
    case Op::clear_unwound_to_call:
      if (!knows(lr)) return lr_is_lost_ ? StepError::memory_missing : StepError::register_unknown;
      caller.pc = without_pac(caller.x[lr]);
      step_.is_call_site = false;
      pc_is_set_ = true;
      return {};
    case Op::pac_sign_lr:
      step_.signed_return = true;
      return {};
    case Op::nop:
    case Op::end_c:
      return {};
    default:
      return StepError::unknown_frame;
  }
}

std::optional<StepError> Undoing::run(Sequence sequence) {
  while (const auto code = sequence.next()) {
    if (const auto error = undo(*code)) return error;
  }
  if (sequence.is_bad() || next_pairs_ != 0) return StepError::unwind_data_bad;
  return {};
}

std::expected<Step, StepError> Undoing::finish() {
  Registers& caller = step_.caller;
  if (pc_is_set_) {
    if (caller.pc == callee_.pc && caller.sp == callee_.sp)
      return std::unexpected(StepError::no_progress);
    if (step_.frame == Frame::machine_frame || step_.frame == Frame::none)
      caller.known &= kKeptByCalls;
    return step_;
  }
  if (!knows(lr))
    return std::unexpected(lr_is_lost_ ? StepError::memory_missing : StepError::register_unknown);
  caller.pc = without_pac(caller.x[lr]);
  caller.known &= kKeptByCalls;
  // A return through LR itself leaves the stack as it is; none can follow it, for the caller's LR
  // is not known.
  const bool grows = lr_from_stack_ ? caller.sp > callee_.sp : caller.sp >= callee_.sp;
  if (!grows) return std::unexpected(StepError::no_progress);
  if (caller.sp_is_bound) return std::unexpected(StepError::register_unknown);
  return step_;
}

}  // namespace

std::string_view text_of(StepError error) {
  switch (error) {
    case StepError::no_module:
      return "the address is in no module";
    case StepError::no_image:
      return "the module's image is not at hand";
    case StepError::unwind_data_missing:
      return "the image's unwind data is neither in the dump nor at hand";
    case StepError::unwind_data_bad:
      return "the image's unwind data is malformed or of an unknown kind";
    case StepError::not_described:
      return "the call comes from code that the image's function table does not describe";
    case StepError::unknown_frame:
      return "the function's frame is of a kind whose layout is not known";
    case StepError::register_unknown:
      return "the frame pointer's or the link register's value is not known";
    case StepError::memory_missing:
      return "the stack's memory is not in the dump";
    case StepError::no_progress:
      return "the stack pointer would not grow: this would loop";
  }
  return "unknown";
}

namespace {

// Where no rule is known: one is made where `cache` is there and the frame has one.
[[gnu::noinline]] std::expected<Step, StepError> step_by_codes(const CodeMap& code,
                                                               const base::ByteSource& memory,
                                                               const Registers& callee,
                                                               bool is_call_site,
                                                               RuleCache* cache) {
  pe::arm64::UnwindScratch scratch;
  const auto sequence = sequence_at(code, callee.pc, is_call_site, scratch);
  if (!sequence) return std::unexpected(sequence.error());
  if (cache) {
    if (const auto rule = rule_of(*sequence)) {
      cache->insert(code, callee.pc, is_call_site, *rule);
      return apply(*rule, memory, callee);
    }
  }
  Undoing undoing(memory, callee);
  if (const auto error = undoing.run(*sequence)) return std::unexpected(*error);
  return undoing.finish();
}

}  // namespace

std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site, RuleCache* cache) {
  if (callee.sp_is_bound) cache = nullptr;  // rules are for a known SP
  const Rule* rule = cache ? cache->find(code, callee.pc, is_call_site) : nullptr;
  return rule ? apply(*rule, memory, callee)
              : step_by_codes(code, memory, callee, is_call_site, cache);
}

}  // namespace ntstack::unwind::arm64
