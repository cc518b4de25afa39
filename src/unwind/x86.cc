#include "unwind/x86.h"

#include <algorithm>
#include <initializer_list>
#include <span>

#include "code/call.h"
#include "unwind/x86_code.h"
#include "unwind/x86_start.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kLowestReturn = 0x10000;
constexpr std::size_t kMaximumPrograms = 4096;
constexpr int kMaximumRecords = 32;  // that share one function's end
constexpr std::uint32_t kSearchedSlots = 64;
constexpr std::uint32_t kFunctionStart = 4;      // of FrameData's flags
constexpr std::uint32_t kMostFunction = 0x4000;  // bytes, of a function without a record
constexpr int kMostStarts = 4;                   // tried, of places where it may begin
constexpr std::uint32_t kMostCallSlots = 1024;   // looked through for the call of such a function

constexpr std::array<Name, 4> kSavedOrder = {ebx, ebp, esi, edi};  // as x86_code.h has them

// How well a value fits as the return address of the frame.
enum class Fit : std::uint8_t { none, calls_elsewhere, may_call_here, calls_here };

struct Function {
  std::uint32_t start = 0, size = 0;  // size 0: not known
};

// The records about one address, and the function that they are of.
struct Described {
  std::optional<pdb::FrameDataRecord> frame_data;
  std::optional<pdb::FpoRecord> fpo;
  Function function;
};

Function function_of(const CodeMap& code, const Module& module, pdb::FrameDataRecord record) {
  const std::uint64_t end = std::uint64_t{record.rva} + record.size;
  for (int i = 0; i < kMaximumRecords; ++i) {
    if ((record.flags & kFunctionStart) != 0) {
      return {static_cast<std::uint32_t>(module.base) + record.rva,
              static_cast<std::uint32_t>(std::max<std::uint64_t>(
                  record.size, std::min<std::uint64_t>(end - record.rva, UINT32_MAX)))};
    }
    if (record.rva == 0) break;
    const auto before = code.frame_data_at(module, record.rva - 1);
    if (!before || before->rva >= record.rva) break;
    record = *before;
  }
  return {};
}

Described describe(const CodeMap& code, std::uint32_t address) {
  Described found;
  const Module* module = code.find(address);
  if (!module) return found;
  const auto rva = static_cast<std::uint32_t>(address - module->base);
  found.frame_data = code.frame_data_at(*module, rva);
  if (found.frame_data) {
    found.function = function_of(code, *module, *found.frame_data);
    return found;
  }
  found.fpo = code.fpo_at(*module, rva);
  if (found.fpo)
    found.function = {static_cast<std::uint32_t>(module->base) + found.fpo->rva, found.fpo->size};
  return found;
}

class Stepper {
 public:
  Stepper(const CodeMap& code, const base::ByteSource& memory, const Registers& callee,
          bool is_call_site, const StackRange& stack, ProgramCache& cache)
      : code_(code),
        memory_(memory),
        callee_(callee),
        is_call_site_(is_call_site),
        stack_(stack),
        cache_(cache),
        described_(describe(code, callee.eip - (is_call_site ? 1 : 0))) {}

  std::expected<Step, StepError> step() {
    if (!is_call_site_) {
      if (const auto found = by_epilogue()) return *found;
      if (const auto found = by_code()) return *found;
    }
    std::expected<Step, StepError> found = std::unexpected(StepError::not_described);
    if (described_.frame_data) found = by_frame_data();
    if (!found && described_.fpo) found = by_fpo();
    if (!has_record()) {
      if (const auto coded = by_found_function()) return *coded;
    }
    if (found || !may_have_frame_pointer()) return found;
    auto chained = by_frame_pointer();
    if (chained && !has_record() && !is_own_frame_pointer(*chained)) chained->trust = Trust::scan;
    if (guess_ && (!chained || chained->trust == Trust::scan)) return *guess_;
    if (!chained && chained.error() == StepError::not_described) return found;
    return chained;
  }

 private:
  Fit fit_of(std::uint32_t value) const {
    if (value < kLowestReturn || !code_.find(value)) return Fit::none;
    std::array<std::byte, code::kBytesBeforeReturn> bytes;
    const std::size_t size = memory_.read(value - bytes.size(), bytes);
    if (size != bytes.size()) return Fit::may_call_here;  // the code is not at hand
    const auto call = code::call_before(base::Bytes(std::span(bytes)), code::Mode::x86);
    if (!call) return Fit::none;
    if (described_.function.start == 0) return Fit::may_call_here;
    if (call->kind == code::CallKind::direct &&
        static_cast<std::uint32_t>(call->target(value)) == described_.function.start)
      return Fit::calls_here;
    const auto called = function_called_before(value);
    if (!called) return Fit::may_call_here;
    return *called == described_.function.start ? Fit::calls_here : Fit::calls_elsewhere;
  }

  // Nothing where it is not known.
  std::optional<std::uint32_t> function_called_before(std::uint32_t return_address) const {
    const auto called = called_function(memory_, return_address);
    return called && code_.find(*called) ? called : std::nullopt;
  }

  Fit fit_at(std::uint32_t slot) const {
    if (!stack_.holds(slot, 4) || slot < callee_.gpr[esp]) return Fit::none;
    const auto value = memory_.get<std::uint32_t>(slot);
    return value ? fit_of(*value) : Fit::none;
  }

  std::uint32_t own_parameters() const {
    if (described_.frame_data) return described_.frame_data->params_size;
    return described_.fpo ? described_.fpo->params_size : 0;
  }
  Trust records_trust() const {
    return described_.frame_data ? Trust::frame_data : described_.fpo ? Trust::fpo : Trust::code;
  }
  bool has_record() const { return described_.frame_data || described_.fpo; }

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
    if (callee_.knows(number)) know(registers, number, callee_.gpr[number]);
  }

  // Of the instruction whose frame is asked: the call's, where EIP is behind it.
  std::optional<std::uint32_t> instruction_address() const {
    if (!is_call_site_) return callee_.eip;
    std::array<std::byte, code::kBytesBeforeReturn> bytes;
    if (memory_.read(callee_.eip - bytes.size(), bytes) != bytes.size()) return {};
    const auto call = code::call_before(base::Bytes(std::span(bytes)), code::Mode::x86);
    return call ? std::optional(callee_.eip - call->length) : std::nullopt;
  }

  std::optional<FrameState> state() const {
    if (described_.function.start == 0) return {};
    const auto address = instruction_address();
    if (!address) return {};
    return frame_state_at(memory_, described_.function.start, described_.function.size, *address);
  }

  // Where the return address is by the function's code.
  std::optional<std::uint32_t> slot_by(const FrameState& state) const {
    if (state.esp) return callee_.gpr[esp] + static_cast<std::uint32_t>(*state.esp);
    if (state.ebp && callee_.knows(ebp))
      return callee_.gpr[ebp] + static_cast<std::uint32_t>(*state.ebp);
    return {};
  }

  // False where the record says that EBP is not this frame's: the chain would pass over it.
  bool may_have_frame_pointer() const {
    if (described_.fpo) return described_.fpo->frame_type != 0;
    if (!described_.frame_data || described_.frame_data->program.empty()) return true;
    const auto& program = cache_.compiled(described_.frame_data->program);
    return !program || (program->reads() & 1u << ebp) != 0;
  }

  std::uint32_t address_of(const StackPlace& place) const {
    return callee_.gpr[place.from_ebp ? ebp : esp] + static_cast<std::uint32_t>(place.offset);
  }

  std::optional<Step> by_epilogue() const {
    const auto leaving = leaving_frame_at(memory_, callee_.eip);
    if (!leaving || (leaving->return_slot.from_ebp && !callee_.knows(ebp))) return {};
    const std::uint32_t slot = address_of(leaving->return_slot);
    if (fit_at(slot) == Fit::none) return {};
    auto step = returning_from(slot, records_trust());
    if (!step) return {};
    for (std::size_t i = 0; i < kSavedOrder.size(); ++i) {
      const auto& place = leaving->popped[i];
      if (!place)
        keep(step->caller, kSavedOrder[i]);
      else if (const auto value = memory_.get<std::uint32_t>(address_of(*place)))
        know(step->caller, kSavedOrder[i], *value);
    }
    return step;
  }

  // The youngest frame: pushed arguments, prologues and epilogues are told apart by code alone.
  std::optional<Step> by_code() const {
    const auto found = state();
    const auto slot = found ? slot_by(*found) : std::nullopt;
    if (!slot || fit_at(*slot) == Fit::none) return {};
    return by_state(*found, *slot);
  }

  std::optional<Step> by_state(const FrameState& state, std::uint32_t slot) const {
    auto step = returning_from(slot, records_trust());
    if (!step) return {};
    for (std::size_t i = 0; i < kSavedOrder.size(); ++i) {
      if (state.saved[i] == 0) {
        keep(step->caller, kSavedOrder[i]);
      } else if (const auto value = memory_.get<std::uint32_t>(
                     slot - static_cast<std::uint32_t>(state.saved[i]))) {
        know(step->caller, kSavedOrder[i], *value);
      }
    }
    return step;
  }

  // A function without a record: it begins behind padding, or where a return address on the stack
  // says that it was called. Its code must lead from there to here, and the slot where its return
  // address is by its code must hold one of a call to it.
  std::optional<Step> by_found_function() {
    const auto address = instruction_address();
    const Module* module = code_.find(callee_.eip);
    if (!address || !module) return {};
    const auto lowest = static_cast<std::uint32_t>(module->base);
    auto start = padded_start(memory_, *address, lowest);
    for (int i = 0; start && i < kMostStarts; ++i) {
      if (const auto step = by_function_at(*start, *address)) return step;
      start = padded_start(memory_, *start - 1, lowest);
    }
    if (callee_.knows(ebp) && callee_.gpr[ebp] >= callee_.gpr[esp]) {
      if (const auto step = by_call_at(callee_.gpr[ebp] + 4, *address)) return step;
    }
    for (std::uint32_t i = 0; i < kMostCallSlots; ++i) {
      const std::uint32_t slot = callee_.gpr[esp] + 4 * i;
      if (!stack_.holds(slot, 4)) break;
      if (const auto step = by_call_at(slot, *address)) return step;
    }
    return {};
  }

  std::optional<Step> by_call_at(std::uint32_t slot, std::uint32_t address) {
    if (!stack_.holds(slot, 4) || slot < callee_.gpr[esp]) return {};
    const auto value = memory_.get<std::uint32_t>(slot);
    if (!value || *value < kLowestReturn || !code_.find(*value)) return {};
    const auto start = function_called_before(*value);
    return start ? by_function_at(*start, address) : std::nullopt;
  }

  std::optional<Step> by_function_at(std::uint32_t start, std::uint32_t address) {
    if (address - start >= kMostFunction) return {};
    described_.function = {start, address - start + kMostFunction};
    const auto found = frame_state_at(memory_, start, described_.function.size, address);
    const auto slot = found ? slot_by(*found) : std::nullopt;
    const Fit fit = slot ? fit_at(*slot) : Fit::none;
    if (fit == Fit::calls_here || (fit == Fit::may_call_here && !found->assumed))
      return by_state(*found, *slot);
    if (fit == Fit::may_call_here && !guess_) {
      guess_ = by_state(*found, *slot);
      if (guess_) guess_->trust = Trust::scan;
    }
    described_.function = {};
    return {};
  }

  // Without a record: EBP is this function's own where the function that its frame's return address
  // says was called is the one that begins before EIP, or that one begins by setting it up. Where
  // the code is not at hand, the chain is taken as it is.
  bool is_own_frame_pointer(const Step& step) const {
    const auto address = instruction_address();
    const Module* module = code_.find(callee_.eip);
    if (!address || !module) return true;
    const auto start = padded_start(memory_, *address, static_cast<std::uint32_t>(module->base));
    const auto called = function_called_before(step.caller.eip);
    if (start && called) return *start == *called;
    return start && starts_with_frame_pointer(memory_, *start);
  }

  struct Found {
    std::uint32_t slot = 0;
    bool is_guess = false;
  };

  // The slot of the return address of a frame without a frame pointer: by the code around the
  // call; by the record's sizes, with the arguments of the call pushed (the rule) or written to
  // the locals (clang, GCC); else the nearest slot that fits, which is a guess.
  std::optional<Found> search(std::uint32_t frame_size) const {
    const std::uint32_t from = callee_.gpr[esp];
    const auto known = is_call_site_ ? state() : std::nullopt;
    if (known) {
      if (const auto slot = slot_by(*known); slot && fit_at(*slot) != Fit::none)
        return Found{*slot, false};
    }
    const std::uint32_t pushed = is_call_site_ ? callee_.arguments : 0;
    const std::initializer_list<std::uint32_t> places = {from + frame_size + pushed,
                                                         from + frame_size};
    for (const Fit least : {Fit::may_call_here, Fit::calls_elsewhere}) {
      for (const std::uint32_t slot : places)
        if (fit_at(slot) >= least) return Found{slot, false};
    }
    const std::uint32_t first = from + frame_size;
    for (const Fit least : {Fit::calls_here, Fit::may_call_here, Fit::calls_elsewhere}) {
      for (std::uint32_t i = 1; i <= kSearchedSlots; ++i)
        if (fit_at(first + 4 * i) >= least) return Found{first + 4 * i, true};
    }
    return {};
  }

  std::expected<Step, StepError> by_frame_data() const {
    const pdb::FrameDataRecord& record = *described_.frame_data;
    const std::string_view text =
        record.program.empty() ? "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =" : record.program;
    const auto& program = cache_.compiled(text);
    if (!program) return std::unexpected(StepError::program_bad);
    Values values;
    for (const Name name : {ebx, esp, ebp, esi, edi})
      if (name == esp || callee_.knows(name)) values.set(name, callee_.gpr[name]);
    values.set(eip, callee_.eip);
    values.set(params_size, record.params_size);
    values.set(locals_size, record.locals_size);
    values.set(saved_size, record.saved_registers_size);
    values.set(callee_params_size, callee_.arguments);
    Trust trust = Trust::frame_data;
    if ((program->reads() & (1u << ra_search | 1u << ra_search_start)) != 0) {
      const auto slot = search(record.locals_size + record.saved_registers_size);
      if (!slot) return std::unexpected(StepError::return_not_found);
      if (slot->is_guess) trust = Trust::scan;
      values.set(ra_search, slot->slot);
      values.set(ra_search_start, slot->slot);
    }
    if (const auto done = program->evaluate(values, memory_); !done) {
      return std::unexpected(done.error() == ProgramError::memory_missing
                                 ? StepError::memory_missing
                                 : StepError::program_bad);
    }
    return caller_from(values, *program, trust);
  }

  std::expected<Step, StepError> caller_from(const Values& values, const Program& program,
                                             Trust trust) const {
    constexpr std::uint32_t both = 1u << eip | 1u << esp;
    if ((program.assigns() & both) != both) return std::unexpected(StepError::program_bad);
    const std::uint32_t slot = values.values[esp] - 4;
    const bool rises = values.values[esp] > callee_.gpr[esp] && stack_.holds(slot, 4);
    if (!rises || fit_of(values.values[eip]) == Fit::none)
      return std::unexpected(StepError::return_not_found);
    auto step = returning_from(slot, trust);
    if (!step) return std::unexpected(StepError::memory_missing);
    step->caller.eip = values.values[eip];
    // Older linkers say how many registers are saved, not where: those that the program does not
    // restore may be among them.
    const bool all_named = (program.reads() & 1u << saved_size) == 0 ||
                           described_.frame_data->saved_registers_size == 0;
    for (const Name name : {ebx, ebp, esi, edi}) {
      const bool restored = (program.assigns() >> name & 1) != 0;
      if (restored)
        know(step->caller, name, values.values[name]);
      else if (all_named)
        keep(step->caller, name);
    }
    return *step;
  }

  // winnt.h's FPO_DATA: frames of kind 0 have no frame pointer, of kind 3 they have one; traps and
  // task gates (1, 2) are the trap frame's reader's.
  std::expected<Step, StepError> by_fpo() const {
    const pdb::FpoRecord& record = *described_.fpo;
    if (record.frame_type != 0) return std::unexpected(StepError::not_described);
    const std::uint32_t saved = record.saved_registers * 4u;
    const auto found = search(record.locals_size + saved);
    if (!found) return std::unexpected(StepError::return_not_found);
    auto step = returning_from(found->slot, found->is_guess ? Trust::scan : Trust::fpo);
    if (!step) return std::unexpected(StepError::memory_missing);
    if (saved == 0)
      for (const Name name : {ebx, esi, edi}) keep(step->caller, name);
    if (!record.uses_bp) {
      keep(step->caller, ebp);
    } else if (saved != 0) {
      // Pushed in the order ebx, ebp, esi, edi, below the locals or above: the order of dbghelp's
      // own rule, with EBP the last but one.
      const std::uint32_t above = found->slot - record.locals_size - saved;
      const auto value = memory_.get<std::uint32_t>(above + (saved >= 8 ? saved - 8 : 0));
      if (value && (*value == 0 || stack_.holds(*value, 4))) know(step->caller, ebp, *value);
    }
    return *step;
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

  std::expected<Step, StepError> by_frame_pointer() const {
    if (const auto slot = slot_in_prologue(); slot && fit_at(*slot) != Fit::none) {
      auto step = returning_from(*slot, Trust::frame_pointer);
      if (*slot == callee_.gpr[esp])
        keep(step->caller, ebp);
      else if (const auto value = memory_.get<std::uint32_t>(*slot - 4))
        know(step->caller, ebp, *value);
      return *step;
    }
    const std::uint32_t frame = callee_.gpr[ebp];
    if (!callee_.knows(ebp) || frame < callee_.gpr[esp] || frame % 4 != 0 ||
        !stack_.holds(frame, 8))
      return std::unexpected(StepError::not_described);
    const auto saved = memory_.get<std::uint32_t>(frame);
    auto step = returning_from(frame + 4, Trust::frame_pointer);
    if (!saved || !step) return std::unexpected(StepError::memory_missing);
    if (fit_of(step->caller.eip) == Fit::none) return std::unexpected(StepError::return_not_found);
    know(step->caller, ebp, *saved);
    return *step;
  }

  const CodeMap& code_;
  const base::ByteSource& memory_;
  const Registers& callee_;
  bool is_call_site_;
  const StackRange& stack_;
  ProgramCache& cache_;
  Described described_;
  std::optional<Step> guess_;  // of a function without a record
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

const std::expected<Program, ProgramError>& ProgramCache::compiled(std::string_view text) {
  std::string key(text);
  const auto known = programs_.find(key);
  if (known != programs_.end()) return known->second;
  if (programs_.size() >= kMaximumPrograms) programs_.clear();
  return programs_.emplace(std::move(key), Program::compile(text)).first->second;
}

std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site,
                                    const StackRange& stack, ProgramCache* cache) {
  ProgramCache own;
  return Stepper(code, memory, callee, is_call_site, stack, cache ? *cache : own).step();
}

}  // namespace ntstack::unwind::x86
