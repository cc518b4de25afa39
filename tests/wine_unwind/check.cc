// Compares step() with the system's RtlVirtualUnwind at the instructions of every function of the
// system's DLLs: RIP, RSP and the nonvolatile registers. The stack and the registers are made up.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "code/instruction.h"
#include "code/x64_epilogue.h"
#include "loaded_modules.h"
#include "unwind/x64_rule.h"

using namespace ntstack;
namespace x64 = unwind::x64;

namespace {

constexpr std::size_t kStackSize = std::size_t{8} << 20;
constexpr std::size_t kStackPointerAt = std::size_t{1} << 20;
// Of a function the first and last bytes are compared at every instruction, the rest at every
// fourth.
constexpr std::uint32_t kDenseBytes = 96;

struct Counts {
  std::uint64_t functions = 0, compared = 0, in_prologues = 0, in_epilogues = 0, framed = 0;
  std::uint64_t machine_frames = 0, tail_jumps = 0, loops = 0, foreign_leas = 0, too_large = 0,
                errors = 0, differences = 0;
};

std::uint64_t next_random(std::uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state ^ (state >> 29);
}

struct Stack {
  std::vector<std::uint64_t> words = std::vector<std::uint64_t>(kStackSize / 8);
  tests::OwnMemory memory{tests::address_of(words.data()), kStackSize};
  x64::Registers registers;

  Stack() {
    std::uint64_t state = 1;
    for (std::uint64_t& word : words) word = next_random(state);
    for (std::uint8_t i = 0; i < 16; ++i) {
      // Any of them may be a frame register: each points at another place above RSP.
      registers.gpr[i] = tests::address_of(words.data()) + 2 * kStackPointerAt + i * 0x11110u;
    }
    registers.gpr[x64::rsp] = tests::address_of(words.data()) + kStackPointerAt;
    registers.known = 0xffff;
  }
};

void to_context(const x64::Registers& registers, CONTEXT& context) {
  std::memcpy(&context.Rax, registers.gpr.data(), sizeof(registers.gpr));
  context.Rip = registers.rip;
}

std::string differences(const x64::Registers& ours, const CONTEXT& theirs) {
  std::string text;
  const auto compare = [&](const char* name, std::uint64_t our, std::uint64_t their) {
    if (our != their) text += fmt::format(" {} {:x}/{:x}", name, our, their);
  };
  static constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                           "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  compare("rip", ours.rip, theirs.Rip);
  compare("rsp", ours.gpr[x64::rsp], theirs.Rsp);
  std::array<std::uint64_t, 16> gpr;
  std::memcpy(gpr.data(), &theirs.Rax, sizeof(gpr));
  for (const std::uint8_t i : x64::kNonvolatile) compare(kNames[i], ours.gpr[i], gpr[i]);
  return text;
}

// What the system makes of these registers.
CONTEXT unwind_by_system(const x64::Registers& registers, RUNTIME_FUNCTION* function,
                         DWORD64 image_base) {
  alignas(16) CONTEXT context{};
  to_context(registers, context);
  void* handler_data = nullptr;
  DWORD64 establisher = 0;
  ::RtlVirtualUnwind(UNW_FLAG_NHANDLER, image_base, registers.rip, function, &context,
                     &handler_data, &establisher, nullptr);
  return context;
}

base::Bytes code_at(std::uint64_t rip, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(static_cast<std::uintptr_t>(rip)), size};
}

// One function of a module, gone through from its first instruction to its last.
class Comparison {
 public:
  Comparison(const unwind::CodeMap& code, const tests::LoadedModule& loaded, Stack& stack,
             Counts& counts)
      : code_(code), loaded_(loaded), stack_(stack), counts_(counts) {}

  void run(const pe::x64::RuntimeFunction& function);

 private:
  void at(std::uint64_t rip);
  bool is_tail_jump(std::uint64_t rip) const;
  bool is_foreign_lea(std::uint64_t rip) const;
  void report(std::uint64_t rip, const std::string& text) const;

  const unwind::CodeMap& code_;
  const tests::LoadedModule& loaded_;
  Stack& stack_;
  Counts& counts_;
  std::uint8_t prolog_size_ = 0, frame_register_ = 0;
  std::uint64_t begin_ = 0;
  // The first of the instructions directly before this one that release the frame.
  std::uint64_t release_ = 0;
};

// `add rsp, n` and pops change the registers as the processor would.
void execute_release(const code::Instruction& instruction, std::uint8_t frame_register,
                     const Stack& stack, x64::Registers& registers) {
  std::uint64_t& rsp = registers.gpr[x64::rsp];
  if ((instruction.opcode & 0xf8) == 0x58) {
    const unsigned popped = (instruction.opcode & 7u) | ((instruction.rex & 1u) << 3);
    registers.gpr[popped] = stack.memory.get<std::uint64_t>(rsp).value_or(0);
    rsp += 8;
  } else if (instruction.opcode == 0x8d) {
    rsp = registers.gpr[frame_register] +
          static_cast<std::uint64_t>(std::int64_t{instruction.displacement});
  } else {
    const auto amount = static_cast<std::uint64_t>(instruction.immediate);
    rsp += instruction.reg() == 0 ? amount : 0 - amount;
  }
  registers.rip += instruction.length;
}

bool is_release(const code::Instruction& instruction) {
  if (instruction.vex || instruction.map != code::Map::one_byte) return false;
  if ((instruction.opcode & 0xf8) == 0x58) return true;
  if (!instruction.has_modrm || (instruction.rex & 8) == 0) return false;
  if (instruction.opcode == 0x8d) return (instruction.rex & 4) == 0 && instruction.reg() == 4;
  if ((instruction.opcode != 0x81 && instruction.opcode != 0x83) || (instruction.rex & 1) != 0)
    return false;
  return instruction.modrm == 0xc4 || (instruction.modrm == 0xec && instruction.immediate < 0);
}

// Wine knows no epilogues that end in a jump and takes them for the function's body. There ours is
// right where, the instructions from the epilogue's first to this one executed, it gives what the
// system gave at the first, where the frame still stood.
bool Comparison::is_tail_jump(std::uint64_t rip) const {
  const auto epilogue = code::epilogue_at(code_at(rip, code::kEpilogueBytes), frame_register_);
  if (!epilogue || release_ == rip) return false;
  x64::Registers registers = stack_.registers;
  registers.rip = release_;
  DWORD64 image_base = 0;
  RUNTIME_FUNCTION* function = ::RtlLookupFunctionEntry(release_, &image_base, nullptr);
  const CONTEXT truth = unwind_by_system(registers, function, image_base);
  while (registers.rip < rip) {
    const auto instruction = code::decode(code_at(registers.rip, 15), code::Mode::x64);
    if (!instruction) return false;
    execute_release(*instruction, frame_register_, stack_, registers);
  }
  const auto step = x64::step(code_, stack_.memory, registers, false);
  return step && differences(step->caller, truth).empty();
}

// `lea rsp, [register]` where the function names no frame register: no legal epilogue, and Wine
// takes it for one. In ntdll's call_consolidate_callback the frame is that of the context it stands
// for.
bool Comparison::is_foreign_lea(std::uint64_t rip) const {
  const auto instruction = code::decode(code_at(rip, 15), code::Mode::x64);
  return instruction && frame_register_ == 0 && instruction->opcode == 0x8d &&
         is_release(*instruction);
}

// Wine looks for an epilogue's end through jumps within the function, and never ends at a jump in a
// circle.
bool loops_in_system(std::uint64_t rip) {
  for (int i = 0; i < 64; ++i) {
    const auto instruction = code::decode(code_at(rip, 15), code::Mode::x64);
    if (!instruction || instruction->vex || instruction->map != code::Map::one_byte) return false;
    const bool is_jump = instruction->opcode == 0xe9 || instruction->opcode == 0xeb;
    if (!is_jump && (instruction->opcode & 0xf8) != 0x58) return false;
    rip += instruction->length + (is_jump ? static_cast<std::uint64_t>(instruction->immediate) : 0);
  }
  return true;
}

void Comparison::report(std::uint64_t rip, const std::string& text) const {
  if (counts_.differences + counts_.errors > 40) return;
  std::string bytes;
  for (const std::byte b : code_at(rip, 12).span()) bytes += fmt::format("{:02x} ", unsigned(b));
  const std::uint64_t base = loaded_.module.base;
  std::printf("%s+%llx (function %llx): %s: %s\n", loaded_.name.c_str(), rip - base, begin_ - base,
              bytes.c_str(), text.c_str());
}

void Comparison::at(std::uint64_t rip) {
  if (loops_in_system(rip)) {
    ++counts_.loops;
    return;
  }
  stack_.registers.rip = rip;
  const auto step = x64::step(code_, stack_.memory, stack_.registers, false);
  if (!step) {
    ++(step.error() == x64::StepError::memory_missing ? counts_.too_large : counts_.errors);
    return report(rip, std::string(x64::text_of(step.error())));
  }
  DWORD64 image_base = 0;
  RUNTIME_FUNCTION* function = ::RtlLookupFunctionEntry(rip, &image_base, nullptr);
  if (!function) {
    ++counts_.differences;
    return report(rip, "the system knows no function here");
  }
  const CONTEXT theirs = unwind_by_system(stack_.registers, function, image_base);
  ++counts_.compared;
  counts_.in_prologues += rip - begin_ < prolog_size_;
  counts_.in_epilogues +=
      code::epilogue_at(code_at(rip, code::kEpilogueBytes), frame_register_).has_value();
  counts_.framed += frame_register_ != 0;
  counts_.machine_frames += step->machine_frame.has_value();
  const std::string different = differences(step->caller, theirs);
  if (different.empty()) return;
  if (is_tail_jump(rip)) {
    ++counts_.tail_jumps;
    return;
  }
  if (is_foreign_lea(rip)) {
    ++counts_.foreign_leas;
    return;
  }
  ++counts_.differences;
  report(rip, "ours/the system's:" + different);
}

void Comparison::run(const pe::x64::RuntimeFunction& function) {
  pe::x64::UnwindScratch scratch;
  const auto info = pe::x64::raw_unwind_info(*loaded_.image, function, scratch);
  prolog_size_ = info ? info->prolog_size : 0;
  frame_register_ = info ? info->frame_register : 0;
  begin_ = loaded_.module.base + function.begin;
  release_ = begin_;
  ++counts_.functions;
  std::size_t number = 0;
  for (std::uint32_t rva = function.begin; rva < function.end; ++number) {
    const std::uint64_t rip = loaded_.module.base + rva;
    const bool dense = rva - function.begin < kDenseBytes || function.end - rva < kDenseBytes;
    const bool releasing = release_ != rip;
    if (dense || releasing || number % 4 == 0) at(rip);
    const auto instruction = code::decode(loaded_.image->view(rva, 15), code::Mode::x64);
    rva += instruction ? instruction->length : 1;
    if (!instruction || !is_release(*instruction)) release_ = loaded_.module.base + rva;
  }
}

std::vector<std::string> names_of_system_dlls() {
  std::vector<std::string> names;
  std::array<char, MAX_PATH> folder{};
  ::GetSystemDirectoryA(folder.data(), MAX_PATH);
  WIN32_FIND_DATAA found;
  const HANDLE search = ::FindFirstFileA((std::string(folder.data()) + "\\*.dll").c_str(), &found);
  if (search == INVALID_HANDLE_VALUE) return names;
  do {
    names.push_back(found.cFileName);
  } while (::FindNextFileA(search, &found));
  ::FindClose(search);
  return names;
}

}  // namespace

// wine_unwind_check [DLL...]: these, or all of the system's folder.
int main(int argc, char** argv) {
  std::vector<std::string> names(argv + 1, argv + argc);
  if (names.empty()) names = names_of_system_dlls();
  tests::LoadedModules modules;
  for (const std::string& name : names) {
    if (auto loaded = tests::load(name)) modules.add(std::move(loaded));
  }
  Stack stack;
  Counts counts;
  for (const auto& loaded : modules.all()) {
    std::fprintf(stderr, "%s\n", loaded->name.c_str());
    Comparison comparison(modules, *loaded, stack, counts);
    const auto& functions = tests::table_of(*loaded);
    for (std::size_t i = 0; i < functions.size(); ++i) {
      if (const auto function = functions.at(i)) comparison.run(*function);
    }
  }
  std::printf(
      "%zu modules, %llu functions, %llu addresses compared: %llu in prologues, %llu in epilogues, "
      "%llu with "
      "a frame register, %llu machine frames\n"
      "%llu differences; %llu frames larger than the stack, %llu errors\n"
      "%llu more in epilogues that end in a jump, which the system takes for the body: checked "
      "against the "
      "epilogue's first instruction\n"
      "%llu jumps in a circle left out: the system would not come back from them\n"
      "%llu at a `lea rsp` from a register that is not the function's frame register\n",
      modules.all().size(), counts.functions, counts.compared, counts.in_prologues,
      counts.in_epilogues, counts.framed, counts.machine_frames, counts.differences,
      counts.too_large, counts.errors, counts.tail_jumps, counts.loops, counts.foreign_leas);
  std::fflush(nullptr);
  // Their DllMains did not run, and must not run at the end either.
  ::TerminateProcess(::GetCurrentProcess(),
                     counts.differences || counts.errors || counts.compared == 0 ? 1 : 0);
}
