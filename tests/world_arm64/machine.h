// An ARM64 processor (Unicorn) that keeps a shadow stack: what each function that has not returned
// yet owes to its caller, told from the instructions as they execute. It knows nothing of unwind
// data. Unicorn executes the instructions that sign return addresses as hints that do nothing;
// their effect is made here.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "world/guest_memory.h"

namespace ntstack::world {

struct Arm64Cpu {
  std::array<std::uint64_t, 31> x{};
  std::uint64_t sp = 0;
  std::uint64_t pc = 0;
};

// How a frame was entered.
enum class Arm64Entry : std::uint8_t {
  call,
  trap,           // an exception: its KTRAP_FRAME is made from the entry on
  machine_frame,  // {SP, PC} at SP tells where it returns to
  context,        // a CONTEXT at SP does
  made_by_hand    // LR does, but no call set it
};

struct Arm64ShadowFrame {
  Arm64Cpu caller;  // as it will be again; PC: where the frame returns to
  Arm64Entry entered = Arm64Entry::call;
  std::uint64_t frame_address = 0;  // of the trap frame, machine frame or context
  std::uint64_t entry = 0;          // the first instruction executed in this frame
  bool from_user = false;
};

struct Arm64Trap {
  std::uint64_t handler = 0;
  std::uint32_t syndrome = 0;       // ESR_EL1
  std::uint64_t fault_address = 0;  // FAR_EL1
  std::uint64_t kernel_stack = 0;   // SP_EL1, from user mode; 0: from the kernel
};

class Arm64Machine : public GuestMemory {
 public:
  Arm64Machine();
  ~Arm64Machine();

  Arm64Cpu cpu() const;
  // General registers, SP and PC. Only in kernel mode.
  void set_cpu(const Arm64Cpu& cpu);
  std::uint32_t flags() const;  // PSTATE
  // TPIDR_EL1, which the entries from user mode take the KPCR's address from.
  void set_thread_pointer(std::uint64_t value);
  // Back to kernel mode, with the registers that a machine starts with.
  void reset_cpu();

  // Where frames are entered by other instructions than calls; of machine_frame, context and
  // made_by_hand.
  std::map<std::uint64_t, Arm64Entry> entries;
  // Called before each instruction with the shadow stack up to date; true stops the run there.
  std::function<bool(std::uint64_t address)> before_instruction;

  // The shadow stack, oldest frame first. A run starts on what is here and leaves what it had.
  std::vector<Arm64ShadowFrame> shadow;
  // Takes a trap at the present instruction. Only while stopped.
  void take_trap(const Arm64Trap& trap);
  // The same for one that `user`, which never executed here, takes.
  void take_trap_of_user(const Arm64Cpu& user, const Arm64Trap& trap);
  // Memory that is not mapped ends the run at the instruction that needs it, as a stop.
  bool stop_at_faults = false;

  // Runs from the present PC until before_instruction says stop, or execution is at `until`. Throws
  // std::runtime_error where the emulator fails or the code does not return where it was called
  // from.
  void run(std::uint64_t until);
  void resume() { run(until_); }  // goes on where before_instruction stopped the run

  // Calls `function` on the present stack and runs it to its end; returns X0.
  std::uint64_t call(std::uint64_t function, std::span<const std::uint64_t> arguments = {});
  static constexpr std::uint64_t call_end = 0xfffff80000001800;  // calls return to here

 private:
  enum class Kind : std::uint8_t { other, call, ret, jump };
  static Kind kind_of(std::uint32_t instruction);
  void on_instruction(std::uint64_t address);
  void follow(std::uint64_t address);
  void enter(std::uint64_t address, Arm64Entry entered);
  void pop(std::uint64_t address);
  void sign(bool on);
  void enter_trap(const Arm64Cpu& interrupted, const Arm64Trap& trap, std::uint64_t saved_flags);

  uc_context* reset_ = nullptr;
  uc_hook hook_ = 0;
  Kind last_ = Kind::other;
  std::uint32_t last_word_ = 0;
  Arm64Cpu at_call_;
  std::uint64_t until_ = 0;
  bool resumed_ = false;  // the next instruction was already followed when the run stopped at it
  std::uint64_t stopped_at_ = 0;
  std::string failure_;
};

}  // namespace ntstack::world
