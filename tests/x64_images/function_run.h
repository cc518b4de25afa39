// Prologues and epilogues of real functions, executed by Unicorn: at every instruction the step
// must give the caller as it was at the call. The processor knows no unwind data.
#pragma once

#include <fmt/format.h>
#include <unicorn/unicorn.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "code/instruction.h"
#include "pe/image.h"
#include "unwind/x64.h"
#include "unwind/x64_rule.h"

namespace ntstack {

namespace x64 = unwind::x64;

inline constexpr std::uint64_t kBase = 0x180000000, kStack = 0x10000000, kReturn = 0x7777777000;
inline constexpr std::uint64_t kStackSize = 0x400000;
inline constexpr std::uint64_t kEntrySp = kStack + kStackSize - 0x10008;
inline constexpr std::array<int, 16> kIds = {
    UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
    UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
    UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};

struct Counts {
  std::size_t images = 0, functions = 0, in_prologues = 0, at_bodies = 0, in_epilogues = 0;
  std::size_t epilogues = 0, framed = 0, made_up = 0, not_executed = 0, differences = 0;
};

// An image and a stack in an emulated processor's memory; both are ours to look at too.
class Processor {
 public:
  explicit Processor(const pe::Image& image) {
    const std::size_t size = (image.size_of_image() + 0xfffu) & ~std::size_t{0xfff};
    image_.resize(size);
    for (std::uint32_t rva = 0; rva < image.size_of_image(); rva += 0x1000)
      image.read(rva, std::span(image_).subspan(rva, 0x1000));
    uc_open(UC_ARCH_X86, UC_MODE_64, &engine_);
    uc_mem_map_ptr(engine_, kBase, size, UC_PROT_ALL, image_.data());
    uc_mem_map_ptr(engine_, kStack, kStackSize, UC_PROT_ALL, stack_.data());
  }
  ~Processor() { uc_close(engine_); }
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  void set(const x64::Registers& registers) {
    for (std::size_t i = 0; i < 16; ++i) uc_reg_write(engine_, kIds[i], &registers.gpr[i]);
  }
  x64::Registers registers(std::uint64_t rip) const {
    x64::Registers found;
    for (std::size_t i = 0; i < 16; ++i) uc_reg_read(engine_, kIds[i], &found.gpr[i]);
    found.rip = rip;
    found.known = 0xffff;
    return found;
  }
  // Executes one instruction; a call with all that it calls. The next RIP, or nothing on a fault.
  std::optional<std::uint64_t> execute(std::uint64_t rip, const code::Instruction& instruction) {
    const bool is_call = instruction.is(code::Map::one_byte, 0xe8);
    const std::uint64_t until = is_call ? rip + instruction.length : 0;
    if (uc_emu_start(engine_, rip, until, 0, is_call ? 5000 : 1) != UC_ERR_OK) return {};
    std::uint64_t next = 0;
    uc_reg_read(engine_, UC_X86_REG_RIP, &next);
    if (is_call && next != until) return {};
    return next;
  }
  base::SegmentSource memory() const {
    return base::SegmentSource({{kStack, base::Bytes(std::span<const std::byte>(stack_))}});
  }
  void put_return_address() { std::memcpy(stack_.data() + (kEntrySp - kStack), &kReturn, 8); }

 private:
  uc_engine* engine_ = nullptr;
  std::vector<std::byte> image_;
  std::vector<std::byte> stack_ = std::vector<std::byte>(kStackSize);
};

class OneModule : public unwind::CodeMap {
 public:
  explicit OneModule(const pe::Image& image)
      : module_{kBase, image.size_of_image(), &image, pe::x64::FunctionTable(image)} {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  const pe::x64::FunctionTable& functions() const {
    return std::get<pe::x64::FunctionTable>(module_.functions);
  }

 private:
  unwind::Module module_;
};

inline x64::Registers entry_registers() {
  x64::Registers registers;
  for (std::uint64_t i = 0; i < 16; ++i) registers.gpr[i] = kStack + 0x1000 + i * 0x10110;
  registers.gpr[x64::rax] = 0x10;
  registers.gpr[x64::rsp] = kEntrySp;
  return registers;
}

// The stack's release: a pop, `add rsp, n`, or `lea rsp, [...]`.
inline bool is_release(const code::Instruction& instruction) {
  if (instruction.vex || instruction.map != code::Map::one_byte) return false;
  if ((instruction.opcode & 0xf8) == 0x58) return true;
  if (!instruction.has_modrm || (instruction.rex & 8) == 0) return false;
  if (instruction.opcode == 0x8d) return (instruction.rex & 4) == 0 && instruction.reg() == 4;
  return (instruction.opcode == 0x81 || instruction.opcode == 0x83) && instruction.modrm == 0xc4 &&
         (instruction.rex & 1) == 0;
}

inline bool is_exit(const code::Instruction& instruction) {
  if (instruction.vex || instruction.map != code::Map::one_byte) return false;
  const std::uint8_t opcode = instruction.opcode;
  return opcode == 0xc3 || opcode == 0xc2 || opcode == 0xe9 || opcode == 0xeb ||
         (opcode == 0xff && instruction.reg() == 4);
}

// Hand-written functions that stand for another context (KiUserApcDispatcher) have codes that no
// instructions do: behind the prologue's end, or two pushes or frame registers at one place.
inline bool describes_instructions(const pe::x64::RawUnwindInfo& info) {
  std::optional<std::uint8_t> last;
  pe::x64::CodeReader codes(info);
  while (const auto code = codes.next()) {
    if (code->prolog_offset > info.prolog_size) return false;
    if (code->op != pe::x64::Op::push_nonvol && code->op != pe::x64::Op::set_fpreg) continue;
    if (last == code->prolog_offset) return false;
    last = code->prolog_offset;
  }
  return true;
}

class FunctionRun {
 public:
  FunctionRun(const pe::Image& image, const OneModule& code, Processor& processor, std::string name,
              Counts& counts)
      : image_(image),
        code_(code),
        processor_(processor),
        name_(std::move(name)),
        counts_(counts) {}

  void run(const pe::x64::RuntimeFunction& function) {
    pe::x64::UnwindScratch scratch;
    const auto info = pe::x64::raw_unwind_info(image_, function, scratch);
    // What another part of the function did before this one is not known. GCC's cold parts have
    // codes but no prologue.
    if (!info || info->chains() || info->function.begin != function.begin) return;
    if (info->prolog_size == 0 && !info->slots.empty()) return;
    if (!describes_instructions(*info)) {
      ++counts_.made_up;
      return;
    }
    function_ = function;
    ++counts_.functions;
    counts_.framed += info->frame_register != 0;
    processor_.set(entry_registers());
    processor_.put_return_address();
    if (!prologue(info->prolog_size)) {
      ++counts_.not_executed;
      return;
    }
    body_ = with_moves_restored(*info, processor_.registers(0));
    epilogues(function.begin + info->prolog_size);
  }

 private:
  // What was saved by a move is restored by one, in front of the epilogue proper.
  static x64::Registers with_moves_restored(const pe::x64::RawUnwindInfo& info,
                                            x64::Registers registers) {
    pe::x64::CodeReader codes(info);
    while (const auto code = codes.next()) {
      if (code->op == pe::x64::Op::save_nonvol || code->op == pe::x64::Op::save_nonvol_far)
        registers.gpr[code->info] = entry_registers().gpr[code->info];
    }
    return registers;
  }

  std::optional<code::Instruction> at(std::uint32_t rva) const {
    return code::decode(image_.view(rva, 15), code::Mode::x64);
  }

  bool check(std::uint32_t rva, const char* where) {
    const auto step =
        x64::step(code_, processor_.memory(), processor_.registers(kBase + rva), false);
    std::string text;
    if (!step) {
      text = x64::text_of(step.error());
    } else {
      const x64::Registers truth = entry_registers();
      if (step->machine_frame) return true;  // checked in the world's emulator
      if (step->caller.rip != kReturn) text += fmt::format(" rip {:x}", step->caller.rip);
      if (step->caller.gpr[x64::rsp] != kEntrySp + 8)
        text += fmt::format(" rsp {:x}", step->caller.gpr[x64::rsp] - kEntrySp);
      for (const std::uint8_t i : x64::kNonvolatile) {
        if (step->caller.gpr[i] != truth.gpr[i])
          text += fmt::format(" r{} {:x}", i, step->caller.gpr[i]);
      }
    }
    if (text.empty()) return true;
    if (++counts_.differences <= 40)
      std::printf("%s+%x (function %x, %s): %s\n", name_.c_str(), rva, function_.begin, where,
                  text.c_str());
    return false;
  }

  // False where it cannot be executed to its end.
  bool prologue(std::uint32_t size) {
    std::uint32_t rva = function_.begin;
    for (int i = 0; rva < function_.begin + size; ++i) {
      check(rva, "prologue");
      ++counts_.in_prologues;
      const auto instruction = at(rva);
      const auto next = instruction ? processor_.execute(kBase + rva, *instruction) : std::nullopt;
      if (!next || *next != kBase + rva + instruction->length || i > 64) return false;
      rva += instruction->length;
    }
    check(rva, "body");
    ++counts_.at_bodies;
    return rva == function_.begin + size;
  }

  void epilogues(std::uint32_t rva) {
    std::uint32_t release = rva;
    while (rva < function_.end) {
      const auto instruction = at(rva);
      if (!instruction) return;
      if (is_exit(*instruction) && release != rva) epilogue(release, rva);
      rva += instruction->length;
      if (!is_release(*instruction)) release = rva;
    }
  }

  // Executes [first, exit) from the body's state. It is an epilogue if the stack pointer is then
  // where the return address lies; what jumps to elsewhere in the middle of a release is not.
  void epilogue(std::uint32_t first, std::uint32_t exit) {
    const auto execute_all = [&](bool checked) {
      processor_.set(body_);
      for (std::uint32_t rva = first; rva < exit;) {
        const auto instruction = at(rva);
        if (checked) {
          check(rva, "epilogue");
          ++counts_.in_epilogues;
        }
        if (!instruction || !processor_.execute(kBase + rva, *instruction)) return false;
        rva += instruction->length;
      }
      return processor_.registers(0).gpr[x64::rsp] == kEntrySp;
    };
    if (!execute_all(false)) return;
    execute_all(true);
    check(exit, "exit");
    ++counts_.in_epilogues;
    ++counts_.epilogues;
  }

  const pe::Image& image_;
  const OneModule& code_;
  Processor& processor_;
  std::string name_;
  Counts& counts_;
  pe::x64::RuntimeFunction function_;
  x64::Registers body_;
};

// At most `most_functions` of an image, spread over all of it; unwound by `unwound`'s data, which
// may be another form of the same image's.
inline void run_image(const pe::Image& image, const pe::Image& unwound, const std::string& name,
                      std::size_t most_functions, Counts& counts) {
  const pe::x64::FunctionTable functions(image);
  const OneModule code(unwound);
  const std::size_t stride = std::max<std::size_t>(1, functions.size() / most_functions);
  Processor processor(image);
  FunctionRun run(image, code, processor, name, counts);
  for (std::size_t i = 0; i < functions.size(); i += stride) {
    if (const auto function = functions.at(i)) run.run(*function);
  }
  ++counts.images;
}

}  // namespace ntstack
