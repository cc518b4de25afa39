// An x64 processor (Unicorn) that runs the world's code and keeps a shadow stack: who called whom,
// told from the instructions as they execute. It knows nothing of unwind data.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "world/guest_memory.h"

namespace ntstack::world {

struct Cpu {  // numbered as the processor's encoding does
  std::array<std::uint64_t, 16> gpr{};
  std::uint64_t rip = 0;
  std::uint64_t rsp() const { return gpr[4]; }
};

// What the frame above it must find when it leaves this frame: the caller, as it was at the call.
struct ShadowFrame {
  std::uint64_t return_address = 0;
  std::uint64_t slot = 0;       // where the return address (or the machine frame's RIP) lies
  std::uint64_t caller_sp = 0;  // RSP of the caller once this frame has returned
  std::array<std::uint64_t, 16> caller_gpr{};
  std::uint64_t entry = 0;  // the first instruction executed in this frame
  bool machine_frame = false;
  bool error_code = false;
};

// What a processor does at an interrupt or a fault.
struct Trap {
  std::uint64_t handler = 0;
  std::optional<std::uint64_t> error_code = {};
  std::uint64_t kernel_stack = 0;  // from user mode: where the frame is pushed; 0: from the kernel
};

class Machine : public GuestMemory {
 public:
  Machine();
  ~Machine();

  Cpu cpu() const;
  void set_cpu(const Cpu& cpu);
  std::uint64_t flags() const;
  // GS for the kernel (current) and what SWAPGS exchanges it with.
  void set_gs(std::uint64_t current, std::uint64_t other);
  // Back to ring 0, with the registers that a machine starts with.
  void reset_cpu();

  // At the first instruction of these, a machine frame lies so many bytes above RSP.
  std::map<std::uint64_t, std::uint64_t> machine_frame_entries;
  // Called before each instruction with the shadow stack up to date; true stops the run there.
  std::function<bool(std::uint64_t address)> before_instruction;

  // The shadow stack, oldest frame first. A run starts on what is here and leaves what it had.
  std::vector<ShadowFrame> shadow;
  // Takes a trap at the present instruction: pushes a machine frame and goes on at the handler.
  // Only while stopped.
  void interrupt(const Trap& trap);
  // Where a fault's address is read from.
  void set_fault_address(std::uint64_t address);
  // Memory that is not mapped ends the run at the instruction that needs it, as a stop.
  bool stop_at_faults = false;

  // Runs from the present RIP until before_instruction says stop, or the oldest frame of the run
  // has returned to `until`. Throws std::runtime_error where the emulator fails or the code does
  // not return where it was called from.
  void run(std::uint64_t until);
  void resume() { run(until_); }  // goes on where before_instruction stopped the run

  // Calls `function` on the present stack and runs it to its end; returns RAX.
  std::uint64_t call(std::uint64_t function, std::span<const std::uint64_t> arguments = {});

 private:
  enum class Kind : std::uint8_t { other, call, ret, iret };
  void on_instruction(std::uint64_t address, std::uint32_t size);
  void follow(std::uint64_t address);
  void push_call(std::uint64_t address);
  void push_machine_frame(std::uint64_t address, std::uint64_t rip_slot, bool error_code);
  void pop(std::uint64_t address);
  Kind classify(std::uint64_t address, std::uint32_t size);
  ShadowFrame caller_now() const;

  uc_context* reset_ = nullptr;
  uc_hook hook_ = 0;
  std::size_t disassembler_ = 0;
  std::unordered_map<std::uint64_t, Kind> kinds_;
  Kind last_ = Kind::other;
  std::uint64_t last_return_ = 0;
  std::uint64_t until_ = 0;
  ShadowFrame last_caller_;
  bool resumed_ = false;  // the next instruction was already followed when the run stopped at it
  std::uint64_t stopped_at_ = 0;
  std::string failure_;
};

}  // namespace ntstack::world
