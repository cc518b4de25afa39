#include "analysis/frame_registers.h"

#include <algorithm>

#include "stacks/trap_frame.h"
#include "target/user_process.h"

namespace ntstack::analysis {

using base::Architecture;
using stacks::Frame;
using stacks::Registers;
using stacks::Stack;
using unwind::Trust;

struct FrameRegisters::Owned {
  std::unique_ptr<memory::PageTables> memory;  // a process's
  std::unique_ptr<symbols::Symbolizer> own;    // likewise
  std::unique_ptr<stacks::ModuleMap> modules;
  std::unique_ptr<CodeView> code;
  std::unique_ptr<stacks::ExactStepper> stepper;
  FrameSpace space;

  void take(const base::ByteSource& bytes, symbols::Symbolizer& symbolizer,
            const target::Machine& machine, bool is_kernel) {
    const Architecture architecture = machine.dump().architecture;
    modules = std::make_unique<stacks::ModuleMap>(symbolizer);
    code = std::make_unique<CodeView>(bytes, symbolizer, architecture);
    stepper = std::make_unique<stacks::ExactStepper>(
        stacks::Space{architecture, machine.kernel().build(), &bytes, &symbolizer, is_kernel},
        *modules);
    space = {&bytes, code.get(), stepper.get()};
  }
};

FrameRegisters::FrameRegisters(const target::Machine& machine, symbols::Symbolizer& symbolizer,
                               stacks::SymbolizerMaker make)
    : machine_(machine), make_(std::move(make)), kernel_(std::make_unique<Owned>()) {
  kernel_->take(machine.memory(), symbolizer, machine, machine.dump().kind != dump::Kind::minidump);
}
FrameRegisters::~FrameRegisters() = default;

const FrameSpace* FrameRegisters::user_space_of(const target::Process& process) {
  const auto [known, is_new] = users_.try_emplace(process.address);
  if (is_new && process.peb && make_) {
    auto owned = std::make_unique<Owned>();
    owned->memory = machine_.kernel().address_space(process.directory_table_base.value_or(0));
    if (owned->memory) {
      const auto modules =
          target::read_user_modules(*owned->memory, *process.peb, machine_.is_64_bit());
      owned->own = make_(modules, *owned->memory);
      owned->take(*owned->memory, *owned->own, machine_, false);
      known->second = std::move(owned);
    }
  }
  return known->second ? &known->second->space : nullptr;
}

const FrameSpace* FrameRegisters::space_of(const Stack& stack, const Frame& frame) {
  if (frame.is_wow64) return nullptr;
  const bool is_other = frame.is_user && machine_.dump().kind != dump::Kind::minidump;
  if (!is_other) return &kernel_->space;
  return stack.process ? user_space_of(*stack.process) : nullptr;
}

std::optional<Registers> FrameRegisters::start_of(const Stack& stack) const {
  const dump::Dump& dump = machine_.dump();
  switch (stack.start) {
    case stacks::Start::crash_context:
      return stacks::registers_of_context(dump.context, dump.architecture);
    case stacks::Start::processor_context:
      for (const target::Processor& processor : machine_.processors())
        if (stack.processor == processor.number)
          return stacks::registers_of_context(base::Bytes(std::span(processor.context)),
                                              dump.architecture);
      return std::nullopt;
    case stacks::Start::thread_context:
      if (!stack.thread) return std::nullopt;
      return stacks::registers_of_context(stack.thread->context, dump.architecture);
    case stacks::Start::switch_frame:
      if (!stack.thread || !stack.thread->kernel_stack) return std::nullopt;
      return stacks::registers_of_switch_frame(machine_.memory(), *stack.thread->kernel_stack,
                                               dump.architecture);
    default:
      return std::nullopt;
  }
}

namespace {

bool stands_at(const Registers& registers, const Frame& frame) {
  return stacks::ip_of(registers) == frame.ip && stacks::sp_of(registers) == frame.child_sp;
}

Registers known_of(const Frame& frame, Architecture architecture) {
  return frame.child_ebp && architecture == Architecture::x86
             ? stacks::registers_at(architecture, frame.ip, frame.child_sp, *frame.child_ebp)
             : stacks::registers_at(architecture, frame.ip, frame.child_sp);
}

stacks::StackLimits limits_of(const Stack& stack, std::uint64_t sp) {
  for (const target::StackSegment& segment : stack.segments)
    if (sp >= segment.limit && sp <= segment.base) return {segment.limit, segment.base};
  return {};
}

Certainty certainty_of(Trust trust) {
  if (trust == Trust::scan) return Certainty::possible;
  return trust == Trust::reconstructed ? Certainty::likely : Certainty::fact;
}

}  // namespace

// The registers of the frame `next`, from those of the one above it; where no exact step leads
// there, its instruction and stack pointer alone.
Registers FrameRegisters::next_of(const Stack& stack, std::size_t frame, std::size_t next,
                                  const Registers& registers) {
  const Frame &from = stack.frames[frame], &to = stack.frames[next];
  const Architecture architecture = machine_.dump().architecture;
  if (to.is_user && !from.is_user && stack.user_registers && stands_at(*stack.user_registers, to))
    return *stack.user_registers;
  if (const FrameSpace* space = space_of(stack, from)) {
    const auto step =
        space->stepper->step(registers, from.is_call_site, limits_of(stack, from.child_sp));
    if (step && stands_at(step->caller, to)) return step->caller;
  }
  if (from.trap_frame && !from.is_user)
    if (const auto trap = stacks::read_trap_frame(machine_.memory(), *from.trap_frame, architecture,
                                                  machine_.kernel().build());
        trap && stands_at(trap->registers, to))
      return trap->registers;
  if (architecture == Architecture::x86 && stack.thread && stack.thread->kernel_stack)
    if (const auto below =
            stacks::registers_below_switch_frame(machine_.memory(), *stack.thread->kernel_stack);
        below && stands_at(*below, to))
      return *below;
  return known_of(to, architecture);
}

std::vector<FrameRegister> FrameRegisters::of(const Stack& stack) {
  std::vector<FrameRegister> all(stack.frames.size());
  std::optional<std::size_t> above;  // the frame before that is none of the inlined ones
  Certainty certainty = Certainty::fact;
  std::size_t inlined = 0;
  for (std::size_t i = 0; i < stack.frames.size(); ++i) {
    const Frame& frame = stack.frames[i];
    if (frame.is_inline) continue;
    if (above) {
      all[i].registers = next_of(stack, *above, i, all[*above].registers);
    } else {
      const auto start = start_of(stack);
      all[i].registers = start && stands_at(*start, frame)
                             ? *start
                             : known_of(frame, machine_.dump().architecture);
    }
    certainty = at_most(certainty, certainty_of(frame.trust));
    all[i].certainty = certainty;
    for (; inlined < i; ++inlined) all[inlined] = all[i];
    inlined = i + 1;
    above = i;
  }
  return all;
}

std::optional<std::size_t> frame_below(const stacks::Stack& stack, std::size_t frame) {
  for (std::size_t i = frame + 1; i < stack.frames.size(); ++i)
    if (!stack.frames[i].is_inline) return i;
  return std::nullopt;
}

std::optional<std::uint64_t> register_in(const Registers& registers, code::RegisterNumber number) {
  if (const auto* x64 = std::get_if<unwind::x64::Registers>(&registers)) {
    if (number == unwind::x64::rsp) return x64->gpr[number];
    if (number >= x64->gpr.size() || (x64->known >> number & 1) == 0) return std::nullopt;
    return x64->gpr[number];
  }
  if (const auto* x86 = std::get_if<unwind::x86::Registers>(&registers)) {
    if (number >= x86->gpr.size() || !x86->knows(number)) return std::nullopt;
    return x86->gpr[number];
  }
  const auto& arm64 = std::get<unwind::arm64::Registers>(registers);
  if (number == 31) return arm64.sp_is_bound ? std::nullopt : std::optional(arm64.sp);
  if (number >= arm64.x.size() || (arm64.known >> number & 1) == 0) return std::nullopt;
  return arm64.x[number];
}

bool is_kept_by_calls(Architecture architecture, code::RegisterNumber number) {
  constexpr std::uint32_t x86 = 0xe8;    // ebx, ebp, esi, edi
  constexpr std::uint32_t x64 = 0xf0e8;  // rbx, rbp, rsi, rdi, r12 to r15
  const std::uint32_t kept = architecture == Architecture::x86   ? x86
                             : architecture == Architecture::x64 ? x64
                                                                 : unwind::arm64::kKeptByCalls;
  return number < 32 && (kept >> number & 1) != 0;
}

}  // namespace ntstack::analysis
