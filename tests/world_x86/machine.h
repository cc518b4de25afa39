// An x86 processor (Unicorn) that runs 32-bit code and keeps a shadow stack: who called whom, told
// from the instructions as they execute. It knows nothing of frame records.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "world/guest_memory.h"

namespace ntstack::world {

struct X86Cpu {  // numbered as the processor's encoding does
  std::array<std::uint32_t, 8> gpr{};
  std::uint32_t eip = 0;
  std::uint32_t esp() const { return gpr[4]; }
  std::uint32_t ebp() const { return gpr[5]; }
};

// The caller, as it was at the call.
struct X86ShadowFrame {
  std::uint32_t return_address = 0;
  std::uint32_t slot = 0;  // where that lies, or the EIP that the processor pushed for a trap
  std::array<std::uint32_t, 8> caller_gpr{};  // ESP: before the call's instruction
  std::uint32_t entry = 0;                    // the first instruction executed in this frame
  bool trap = false;  // a trap or a system call: a KTRAP_FRAME is made of it
  bool task = false;  // a task gate: the caller is in a TSS
};

struct X86Trap {
  std::uint32_t handler = 0;
  std::optional<std::uint32_t> error_code = {};
  std::uint32_t kernel_stack = 0;  // from user mode: where the frame is pushed; 0: from the kernel
};

class X86Machine : public GuestMemory {
 public:
  static constexpr std::uint32_t gdt_address = 0x80b95000;
  static constexpr std::uint16_t kernel_cs = 0x08, kernel_ss = 0x10, user_cs = 0x1b, user_ss = 0x23,
                                 main_tss = 0x28, kernel_fs = 0x30, double_fault_tss = 0x50;

  X86Machine();
  ~X86Machine();

  X86Cpu cpu() const;
  void set_cpu(const X86Cpu& cpu);
  std::uint32_t flags() const;
  void set_segment(std::uint16_t selector, std::uint32_t base);  // in the GDT
  void set_task(std::uint16_t selector, std::uint32_t base);     // a busy 32-bit TSS's descriptor
  // Back to ring 0, with FS at `pcr` and the registers that a machine starts with.
  void reset_cpu(std::uint32_t pcr);

  // Called before each instruction with the shadow stack up to date; true stops the run there.
  std::function<bool(std::uint32_t address)> before_instruction;

  // The shadow stack, oldest frame first. A run starts on what is here and leaves what it had.
  std::vector<X86ShadowFrame> shadow;
  // Takes a trap at the present instruction: pushes what the processor does and goes on at the
  // handler. Only while stopped.
  void interrupt(const X86Trap& trap);
  // The double fault's task gate: the registers go into the running task's KTSS, and the other
  // task's are taken from its own.
  void switch_task(std::uint32_t from_tss, std::uint32_t to_tss);
  void set_fault_address(std::uint32_t address);
  // Memory that is not mapped ends the run at the instruction that needs it, as a stop.
  bool stop_at_faults = false;

  // Runs from the present EIP until before_instruction says stop, or the oldest frame of the run
  // has returned to `until`. Throws std::runtime_error where the emulator fails or the code does
  // not return where it was called from.
  void run(std::uint32_t until);
  void resume() { run(until_); }

  // Calls a stdcall function on the present stack and runs it to its end; returns EAX.
  std::uint32_t call(std::uint32_t function, std::span<const std::uint32_t> arguments = {});

 private:
  enum class Kind : std::uint8_t { other, call, ret, iret, jump };
  void on_instruction(std::uint32_t address, std::uint32_t size);
  void follow(std::uint32_t address);
  void pop(std::uint32_t address);
  Kind kind_at(std::uint32_t address) const;

  uc_context* reset_ = nullptr;
  uc_hook hook_ = 0;
  Kind last_ = Kind::other;
  std::uint32_t until_ = 0;
  X86ShadowFrame made_;
  bool resumed_ = false;  // the next instruction was already followed when the run stopped at it
  std::uint32_t stopped_at_ = 0;
  std::string failure_;
};

}  // namespace ntstack::world
