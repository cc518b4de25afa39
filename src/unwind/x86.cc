#include "unwind/x86.h"

#include <algorithm>
#include <initializer_list>

#include "unwind/x86_cache.h"
#include "unwind/x86_helper.h"
#include "unwind/x86_start.h"
#include "unwind/x86_trap.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kSearchedSlots = 64;
constexpr std::uint32_t kMostFunction = 0x4000;  // bytes, of a function without a record
constexpr std::uint32_t kNear = 0x1000;          // from a handler to its own function's calls
constexpr int kMostStarts = 32;                  // of which the code is followed, in one step
constexpr std::uint32_t kMostCallSlots = 1024;   // looked through for the call of such a function
// winnt.h's kinds of FPO_DATA frames; 2 is of task gates.
constexpr std::uint8_t kFpo = 0, kTrap = 1;

constexpr std::array<Name, 4> kSavedOrder = {ebx, ebp, esi, edi};  // as x86_code.h has them

// How well a value fits as the return address of the frame.
enum class Fit : std::uint8_t { none, calls_elsewhere, may_call_here, calls_here };

using Result = std::expected<Step, StepError>;

class Stepper {
 public:
  Stepper(const CodeMap& code, const base::ByteSource& memory, const Registers& callee,
          bool is_call_site, const StackRange& stack, RuleCache& cache)
      : code_(code),
        memory_(memory),
        callee_(callee),
        is_call_site_(is_call_site && !callee.after_call),
        stack_(stack),
        cache_(cache),
        rule_(cache.rule(code, memory, callee.eip, is_call_site_)) {}

  Result step() const {
    if (rule_.fpo && rule_.fpo->frame_type == kTrap)
      if (const auto found = by_trap_frame()) return *found;
    if (rule_.changes_callers_frame) {
      if (const auto found = from_helper()) return *found;
    } else if (const auto found = by_epilogue()) {
      return *found;
    }
    const auto slot = slot_by_code();
    if (slot && slot->is_decided)
      if (const auto found = by_code(*slot)) return *found;
    return by_records(slot);
  }

 private:
  // --- what a value and a slot are worth

  Fit fit_of(std::uint32_t value, std::uint32_t function) const {
    const ReturnSite& site = cache_.return_site(code_, memory_, value);
    if (!site.in_module) return Fit::none;
    if (!site.code_at_hand) return Fit::may_call_here;
    if (!site.call) return Fit::none;
    if (site.target == 0 || function == 0) return Fit::may_call_here;
    const bool here = site.target == function || site.target_behind_jump == function;
    return here ? Fit::calls_here : Fit::calls_elsewhere;
  }
  Fit fit_of(std::uint32_t value) const { return fit_of(value, rule_.function.start); }

  bool may_be_slot(std::uint32_t slot) const {
    return stack_.holds(slot, 4) && slot >= callee_.gpr[esp];
  }
  Fit fit_at(std::uint32_t slot, std::uint32_t function) const {
    const auto value = may_be_slot(slot) ? memory_.get<std::uint32_t>(slot) : std::nullopt;
    return value ? fit_of(*value, function) : Fit::none;
  }
  Fit fit_at(std::uint32_t slot) const { return fit_at(slot, rule_.function.start); }

  std::uint32_t own_parameters() const {
    if (rule_.frame_data) return rule_.frame_data->params_size;
    return rule_.fpo ? rule_.fpo->params_size : 0;
  }
  Trust records_trust() const {
    return rule_.frame_data ? Trust::frame_data : rule_.fpo ? Trust::fpo : Trust::code;
  }

  // --- callers

  // The caller without its registers but ESP and EIP.
  std::optional<Step> returning_from(std::uint32_t slot, Trust trust) const {
    const auto value = memory_.get<std::uint32_t>(slot);
    if (!value) return {};
    Step step;
    step.trust = trust;
    step.return_slot = slot;
    step.caller.eip = *value;
    step.caller.gpr[esp] = slot + 4;
    step.caller.known = 1u << esp;
    step.caller.arguments = own_parameters();
    return step;
  }

  static void know(Registers& registers, std::size_t number, std::uint32_t value) {
    registers.gpr[number] = value;
    registers.known |= 1u << number;
  }
  void keep(Registers& registers, std::size_t number) const {
    const bool is_handler = rule_.is_funclet || (rule_.state && rule_.state->is_inner);
    if (is_handler && number != ebp) return;
    if (callee_.knows(number)) know(registers, number, callee_.gpr[number]);
  }

  // --- by the function's own code

  struct Slot {
    std::uint32_t address = 0;
    bool is_decided = false;
  };

  std::optional<Slot> slot_by(const FrameState& state) const {
    if (state.ebp && callee_.knows(ebp))
      return Slot{callee_.gpr[ebp] + static_cast<std::uint32_t>(*state.ebp), true};
    if (state.esp)
      return Slot{callee_.gpr[esp] + static_cast<std::uint32_t>(*state.esp), !state.assumed};
    return {};
  }

  // Where the return address is by the function's code, if it fits.
  std::optional<Slot> slot_by_code() const {
    const auto slot = rule_.state ? slot_by(*rule_.state) : std::nullopt;
    if (!slot || fit_at(slot->address) == Fit::none) return {};
    return slot;
  }

  std::optional<Step> by_code(const Slot& slot) const { return by_state(*rule_.state, slot); }

  std::optional<Step> by_state(const FrameState& state, const Slot& slot) const {
    auto step = returning_from(slot.address, slot.is_decided ? records_trust() : Trust::scan);
    if (!step) return {};
    const auto& saved = state.saved;
    for (std::size_t i = 0; i < kSavedOrder.size(); ++i) {
      // A helper that begins its caller's frame saves registers that it leaves as they are.
      const bool is_kept =
          saved[i] == 0 || (rule_.changes_callers_frame && saved[i] == FrameState::somewhere);
      if (is_kept) {
        if (state.is_inner && kSavedOrder[i] != ebp) continue;
        if (kSavedOrder[i] != ebp || !state.ebp) keep(step->caller, kSavedOrder[i]);
      } else if (saved[i] == FrameState::somewhere || saved[i] == FrameState::lost) {
        continue;
      } else if (const auto value = memory_.get<std::uint32_t>(
                     slot.address - static_cast<std::uint32_t>(saved[i]))) {
        know(step->caller, kSavedOrder[i], *value);
      }
    }
    if (std::ranges::find(saved, FrameState::somewhere) != saved.end()) add_recorded(*step);
    return step;
  }

  // Registers that the code saved where it could not be followed, by the record's program.
  void add_recorded(Step& step) const {
    if (!rule_.frame_data) return;
    const auto recorded = by_frame_data(Slot{step.return_slot, true});
    if (!recorded || recorded->return_slot != step.return_slot) return;
    for (std::size_t i = 0; i < kSavedOrder.size(); ++i) {
      const Name name = kSavedOrder[i];
      if (rule_.state->saved[i] == FrameState::somewhere && recorded->caller.knows(name))
        know(step.caller, name, recorded->caller.gpr[name]);
    }
  }

  std::uint32_t address_of(const StackPlace& place) const {
    return callee_.gpr[place.from_ebp ? ebp : esp] + static_cast<std::uint32_t>(place.offset);
  }

  std::optional<Step> by_epilogue() const {
    const auto& leaving = rule_.leaving;
    if (!leaving || (leaving->return_slot.from_ebp && !callee_.knows(ebp))) return {};
    const std::uint32_t slot = address_of(leaving->return_slot);
    if (fit_at(slot) == Fit::none) return {};
    auto step = returning_from(slot, records_trust());
    if (!step) return {};
    const bool is_known = rule_.frame_data || rule_.fpo || rule_.state;
    if (!is_known && cache_.return_site(code_, memory_, step->caller.eip).calls_helper)
      return behind_helper();
    for (std::size_t i = 0; i < kSavedOrder.size(); ++i) {
      const auto& place = leaving->popped[i];
      // What is not known to be a whole function may be a handler, which keeps EBP alone.
      if (!place && !is_known && kSavedOrder[i] != ebp) continue;
      if (!place)
        keep(step->caller, kSavedOrder[i]);
      else if (const auto value = memory_.get<std::uint32_t>(address_of(*place)))
        know(step->caller, kSavedOrder[i], *value);
    }
    return step;
  }

  // __chkstk and its like: until they move ESP they are as any function.
  std::optional<Step> from_helper() const {
    if (const auto slot = slot_by_code(); slot && slot->is_decided) return by_code(*slot);
    return behind_helper();
  }

  std::optional<Step> behind_helper() const {
    const auto returned = execute_to_return(memory_, callee_);
    if (!returned || fit_of(returned->registers.eip) == Fit::none) return {};
    if (!stack_.holds(returned->return_slot, 4)) return {};
    Step step;
    step.trust = records_trust();
    step.caller = returned->registers;
    step.return_slot = returned->return_slot;
    return step;
  }

  // --- by the code of a function of which no record or symbol tells

  // It begins behind padding, or where a return address on the stack says that it was called. Its
  // code must lead from there to here, and the slot where its return address is by its code must
  // hold one of a call to it, or one of a call to where is not known.
  std::optional<Step> by_found_function() const {
    std::optional<Step> guess;
    for (const std::uint32_t start : rule_.starts) {
      auto step = start != 0 ? by_function_at(start) : std::nullopt;
      if (step && step->trust != Trust::scan) return step;
      if (step && !guess) guess = step;
    }
    if (callee_.knows(ebp) && may_be_slot(callee_.gpr[ebp] + 4))
      if (const auto saved = memory_.get<std::uint32_t>(callee_.gpr[ebp] + 4))
        if (const auto step = by_call_before(*saved)) return step;
    const std::uint32_t from = callee_.gpr[esp];
    const std::uint32_t held = stack_.holds(from, 4) ? (stack_.high - from) / 4 : 0;
    const std::uint32_t slots = std::min(kMostCallSlots, held);
    // Looked up a stretch at once: one by one they are most of what a stack of guesses costs.
    base::Bytes stretch;
    std::uint32_t begin = 0, end = 0;
    for (std::uint32_t i = 0; i < slots; ++i) {
      if (i >= end) {
        stretch = memory_.view(from + 4 * i, 4 * (slots - i));
        begin = i;
        end = i + static_cast<std::uint32_t>(stretch.size() / 4);
      }
      const std::uint32_t slot = from + 4 * i;
      const auto value =
          i < end ? stretch.get<std::uint32_t>(4 * (i - begin)) : memory_.get<std::uint32_t>(slot);
      if (!value) {
        i = std::max(i, last_missing(slot, from));
        continue;
      }
      if (const auto step = by_call_before(*value)) return step;
    }
    return guess;
  }

  // The last of the slots from `from` on that are missing together with the one at `slot`.
  std::uint32_t last_missing(std::uint32_t slot, std::uint32_t from) const {
    if (memory_.get<std::byte>(slot)) return 0;  // a part of it is there
    const std::uint64_t next = std::min<std::uint64_t>(memory_.hole_end(slot), UINT32_MAX);
    return std::max((static_cast<std::uint32_t>(next) - from) / 4, 1U) - 1;
  }

  // By a function that the call before a return address leads to.
  std::optional<Step> by_call_before(std::uint32_t return_address) const {
    const ReturnSite& site = cache_.return_site(code_, memory_, return_address);
    if (!site.call) return {};
    for (const std::uint32_t start : {site.target, site.target_behind_jump}) {
      const auto step = start != 0 ? by_function_at(start) : std::nullopt;
      if (step && step->trust != Trust::scan) return step;
    }
    return {};
  }

  std::optional<Step> by_function_at(std::uint32_t start) const {
    if (callee_.eip - start >= kMostFunction || ++starts_tried_ > kMostStarts) return {};
    const auto& state = cache_.state(code_, memory_, start, callee_.eip, is_call_site_);
    auto slot = state ? slot_by(*state) : std::nullopt;
    if (!slot) return {};
    const Fit fit = fit_at(slot->address, start);
    if (fit < Fit::may_call_here) return {};
    if (fit == Fit::may_call_here && state->assumed) slot->is_decided = false;
    auto step = by_state(*state, *slot);
    // It may be a handler, called by its own function or by the system, which keeps EBP alone.
    const bool may_be_handler =
        step && (fit != Fit::calls_here || step->caller.eip - start + kNear < 2 * kNear);
    if (may_be_handler) {
      for (std::size_t i = 0; i < kSavedOrder.size(); ++i)
        if (state->saved[i] == 0 && kSavedOrder[i] != ebp)
          step->caller.known &= ~(1u << kSavedOrder[i]);
    }
    return step;
  }

  // --- by records

  Result by_records(const std::optional<Slot>& slot) const {
    Result found = std::unexpected(StepError::not_described);
    if (rule_.frame_data) found = by_frame_data(slot);
    if (!found && rule_.fpo) found = by_fpo(slot);
    if (rule_.function.start == 0 && !rule_.frame_data && !rule_.fpo)
      return by_found_function_or_frame_pointer();
    if (found || !may_have_frame_pointer()) return found;
    const auto chained = by_frame_pointer();
    if (chained) return chained;
    return chained.error() == StepError::not_described ? found : chained;
  }

  Result by_found_function_or_frame_pointer() const {
    const auto coded = by_found_function();
    if (coded && coded->trust != Trust::scan) return *coded;
    const auto chained = by_frame_pointer();
    if (coded && (!chained || chained->trust == Trust::scan)) return *coded;
    return chained;
  }

  const std::expected<Program, ProgramError>& program() const { return *rule_.program; }

  // False where the record says that EBP is not this frame's: the chain would pass over it.
  bool may_have_frame_pointer() const {
    if (rule_.fpo) return rule_.fpo->frame_type != kFpo;
    if (!rule_.frame_data || rule_.frame_data->program.empty()) return true;
    return !program() || (program()->reads() & 1u << ebp) != 0;
  }

  // The slot of the return address of a frame without a frame pointer: by the code, else by the
  // record's sizes, with the arguments of the call pushed (the rule) or written to the locals
  // (clang, GCC), else the nearest slot that fits. All but the first are guesses: arguments of an
  // outer call may be pushed too, and what then lies where the record says may be an old address.
  std::optional<Slot> search(const std::optional<Slot>& by_code, std::uint32_t frame_size) const {
    if (by_code && by_code->is_decided) return by_code;
    const std::uint32_t from = callee_.gpr[esp];
    const std::uint32_t pushed = is_call_site_ ? callee_.arguments : 0;
    const std::initializer_list<std::uint32_t> places = {from + frame_size + pushed,
                                                         from + frame_size};
    if (by_code && (!is_call_site_ || fit_at(by_code->address) == Fit::calls_here)) return by_code;
    for (const Fit least : {Fit::may_call_here, Fit::calls_elsewhere}) {
      for (const std::uint32_t place : places)
        if (fit_at(place) >= least) return Slot{place, false};
    }
    if (by_code) return by_code;
    const std::uint32_t first = from + frame_size;
    std::optional<Slot> nearest;
    Fit best = Fit::none;
    for (std::uint32_t i = 1; i <= kSearchedSlots && best != Fit::calls_here; ++i) {
      const Fit fit = fit_at(first + 4 * i);
      if (fit <= best) continue;
      best = fit;
      nearest = Slot{first + 4 * i, false};
    }
    return nearest;
  }

  // True where a frame that the record describes by EBP certainly has it: behind the prologue, not
  // in what is left of an epilogue. A call site is in neither but for calls of helpers:
  // _SEH_prolog4's is in the prologue.
  bool has_frame_pointer_by_place() const {
    const auto& state = rule_.state;
    if (state && state->assumed && !state->esp && !state->ebp) return false;  // paths disagree
    const std::uint32_t offset = callee_.eip - rule_.function.start - (is_call_site_ ? 1 : 0);
    if (rule_.function.start == 0) return is_call_site_;
    if (offset < rule_.function.prolog) return false;
    return is_call_site_ || (rule_.code_at_hand && !rule_.leaving);
  }

  Values start_values() const {
    const pdb::FrameDataRecord& record = *rule_.frame_data;
    Values values;
    for (const Name name : {ebx, esp, ebp, esi, edi})
      if (name == esp || callee_.knows(name)) values.set(name, callee_.gpr[name]);
    values.set(eip, callee_.eip);
    values.set(params_size, record.params_size);
    values.set(locals_size, record.locals_size);
    values.set(saved_size, record.saved_registers_size);
    values.set(callee_params_size, callee_.arguments);
    return values;
  }

  Result by_frame_data(const std::optional<Slot>& by_code) const {
    const pdb::FrameDataRecord& record = *rule_.frame_data;
    if (!program()) return std::unexpected(StepError::program_bad);
    Values values = start_values();
    Trust trust = Trust::frame_data;
    if ((program()->reads() & (1u << ra_search | 1u << ra_search_start)) != 0) {
      const auto slot = search(by_code, record.locals_size + record.saved_registers_size);
      if (!slot) return std::unexpected(StepError::return_not_found);
      if (!slot->is_decided) trust = Trust::scan;
      values.set(ra_search, slot->address);
      values.set(ra_search_start, slot->address);
    } else if (!(by_code && by_code->is_decided)) {
      if (const auto crossed = by_trap_frame()) return *crossed;
      if (!has_frame_pointer_by_place()) trust = Trust::scan;
    }
    if (const auto done = program()->evaluate(values, memory_); !done) {
      return std::unexpected(done.error() == ProgramError::memory_missing
                                 ? StepError::memory_missing
                                 : StepError::program_bad);
    }
    return caller_from(values, trust);
  }

  Result caller_from(const Values& values, Trust trust) const {
    const std::uint32_t assigned = program()->assigns();
    constexpr std::uint32_t both = 1u << eip | 1u << esp;
    if ((assigned & both) != both) return std::unexpected(StepError::program_bad);
    const std::uint32_t slot = values.values[esp] - 4;
    const bool rises = values.values[esp] > callee_.gpr[esp] && stack_.holds(slot, 4);
    if (!rises || fit_of(values.values[eip]) == Fit::none)
      return std::unexpected(StepError::return_not_found);
    auto step = returning_from(slot, trust);
    if (!step) return std::unexpected(StepError::memory_missing);
    step->caller.eip = values.values[eip];
    // Older linkers say how many registers are saved, not where: those that the program does not
    // restore may be among them.
    const bool all_named =
        (program()->reads() & 1u << saved_size) == 0 || rule_.frame_data->saved_registers_size == 0;
    for (const Name name : kSavedOrder) {
      if ((assigned >> name & 1) != 0)
        know(step->caller, name, values.values[name]);
      else if (all_named)
        keep(step->caller, name);
    }
    return *step;
  }

  // winnt.h's FPO_DATA: frames of kind 0 have no frame pointer, of kind 3 they have one; traps and
  // task gates (1, 2) are the trap frame's and the task's readers'.
  Result by_fpo(const std::optional<Slot>& decided) const {
    const pdb::FpoRecord& record = *rule_.fpo;
    if (record.frame_type != kFpo) return std::unexpected(StepError::not_described);
    const std::uint32_t saved = record.saved_registers * 4u;
    const auto found = search(decided, record.locals_size + saved);
    if (!found) return std::unexpected(StepError::return_not_found);
    auto step = returning_from(found->address, Trust::scan);
    if (!step) return std::unexpected(StepError::memory_missing);
    if (saved == 0)
      for (const Name name : {ebx, esi, edi}) keep(step->caller, name);
    if (!record.uses_bp) {
      keep(step->caller, ebp);
    } else if (saved != 0) {
      // Pushed in the order ebx, ebp, esi, edi, below the locals or above: the order of dbghelp's
      // own rule, with EBP the last but one.
      const std::uint32_t above = found->address - record.locals_size - saved;
      const auto value = memory_.get<std::uint32_t>(above + (saved >= 8 ? saved - 8 : 0));
      if (value && (*value == 0 || stack_.holds(*value, 4))) know(step->caller, ebp, *value);
    }
    return *step;
  }

  // --- by EBP

  bool is_frame_place(std::uint32_t frame, std::uint32_t size) const {
    return callee_.knows(ebp) && frame >= callee_.gpr[esp] && frame % 4 == 0 &&
           stack_.holds(frame, size);
  }

  // EBP at a KTRAP_FRAME: the frame is a trap handler's own, or of a function that it called which
  // leaves EBP alone. Where a return address may lie between, it is the guess that it is the
  // first.
  std::optional<Step> by_trap_frame() const {
    const std::uint32_t frame = callee_.gpr[ebp];
    if (!stack_.traps || !is_frame_place(frame, kTrapFrameHeaderSize)) return {};
    const auto trap = read_chained_trap_frame(memory_, frame, *stack_.traps);
    if (!trap) return {};
    Step step;
    const bool is_handler = rule_.fpo && rule_.fpo->frame_type == kTrap;
    step.trust = is_handler || !may_return_below(frame) ? Trust::trap_frame : Trust::scan;
    step.return_slot = frame + kTrapFrameEip;
    step.caller = trap->registers;
    step.trap_frame = frame;
    step.trap_from_user = trap->from_user;
    return step;
  }

  bool may_return_below(std::uint32_t frame) const {
    if (frame - callee_.gpr[esp] > 4 * kSearchedSlots) return true;
    for (std::uint32_t slot = callee_.gpr[esp]; slot < frame; slot += 4)
      if (fit_at(slot) != Fit::none) return true;
    return false;
  }

  // Before the frame pointer is set up, EBP is the caller's: `push ebp`, `mov ebp, esp`.
  std::optional<std::uint32_t> slot_in_prologue() const {
    if (is_call_site_) return {};
    const std::uint64_t at = callee_.eip;
    const auto moves = [&](std::uint64_t address) {
      const auto pair = memory_.get<std::uint16_t>(address);
      return pair == 0xec8b || pair == 0xe589;
    };
    if (memory_.get<std::uint8_t>(at) == 0x55 && moves(at + 1)) return callee_.gpr[esp];
    if (moves(at) && memory_.get<std::uint8_t>(at - 1) == 0x55) return callee_.gpr[esp] + 4;
    return {};
  }

  // True where the function that the return address's call leads to has set up EBP at EIP: else
  // EBP may be an older frame's, and frames between would be passed over.
  bool code_has_frame_pointer(std::uint32_t return_address) const {
    const ReturnSite& site = cache_.return_site(code_, memory_, return_address);
    // Where its code can't be followed to EIP, it counts where no other begins in between.
    if (!is_call_site_ && (rule_.leaving || !rule_.code_at_hand)) return false;
    for (const std::uint32_t start : {site.target, site.target_behind_jump}) {
      if (start == 0) continue;
      const auto& state = cache_.state(code_, memory_, start, callee_.eip, is_call_site_);
      if (state) return state->ebp == 4;
      if (start == rule_.starts[0] && starts_with_frame_pointer(memory_, start)) return true;
    }
    return false;
  }

  Result by_frame_pointer() const {
    if (const auto slot = slot_in_prologue(); slot && fit_at(*slot) != Fit::none) {
      auto step = returning_from(*slot, Trust::frame_pointer);
      if (*slot == callee_.gpr[esp])
        keep(step->caller, ebp);
      else if (const auto value = memory_.get<std::uint32_t>(*slot - 4))
        know(step->caller, ebp, *value);
      return *step;
    }
    const std::uint32_t frame = callee_.gpr[ebp];
    if (!is_frame_place(frame, 8)) return std::unexpected(StepError::not_described);
    if (const auto crossed = by_trap_frame()) return *crossed;
    const auto saved = memory_.get<std::uint32_t>(frame);
    auto step = returning_from(frame + 4, Trust::scan);
    if (!saved || !step) return std::unexpected(StepError::memory_missing);
    if (fit_of(step->caller.eip) == Fit::none) return std::unexpected(StepError::return_not_found);
    if (code_has_frame_pointer(step->caller.eip)) step->trust = Trust::frame_pointer;
    know(step->caller, ebp, *saved);
    return *step;
  }

  const CodeMap& code_;
  const base::ByteSource& memory_;
  const Registers& callee_;
  bool is_call_site_;
  const StackRange& stack_;
  RuleCache& cache_;
  const Rule& rule_;
  mutable int starts_tried_ = 0;
};

}  // namespace

std::string_view text_of(StepError error) {
  switch (error) {
    case StepError::not_described:
      return "no record describes the frame and EBP is no frame pointer";
    case StepError::program_bad:
      return "the frame's program can't be evaluated";
    case StepError::return_not_found:
      return "no address that follows a call was found where the return address should be";
    case StepError::memory_missing:
      return "the stack's memory is not in the dump";
  }
  return "unknown";
}

std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site,
                                    const StackRange& stack, RuleCache* cache) {
  if (cache) return Stepper(code, memory, callee, is_call_site, stack, *cache).step();
  RuleCache own(1);
  return Stepper(code, memory, callee, is_call_site, stack, own).step();
}

}  // namespace ntstack::unwind::x86
