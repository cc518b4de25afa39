// How one x86 instruction changes a frame: what x86_code.h's walks share.
#pragma once

#include <cstdint>
#include <optional>

#include "code/instruction.h"
#include "unwind/x86_code.h"

namespace ntstack::unwind::x86 {

inline constexpr std::int32_t kMaximumDepth = 0x1000000;

// Which assumptions about calls a path rests on.
enum Assumption : std::uint8_t { all_removed = 1, none_removed = 2 };

// A frame's state with what only the walk along the code needs.
struct PathState {
  FrameState frame;
  std::optional<std::int32_t> eax_constant;  // mov eax, n
  std::optional<std::int32_t> eax_place;     // lea eax, [esp + n]: below the return address's slot
  std::uint8_t assumptions = 0;              // bits of Assumption
  // True where the word at ESP was put there by the last instruction that moved ESP, or was
  // written over: a return from here goes where the function itself says.
  bool top_is_own = false;

  void set_esp(std::optional<std::int32_t> depth);
  // What an instruction that goes on to the next does.
  void apply(const code::Instruction& i);

 private:
  void push();
  void push_register(std::uint8_t number);
  void pop_register(std::uint8_t number);
  bool apply_stack(const code::Instruction& i);
  bool apply_frame(const code::Instruction& i);
  bool apply_add(const code::Instruction& i);
  bool apply_lea(const code::Instruction& i);
  bool apply_move(const code::Instruction& i);
};

// Of ebx, ebp, esi, edi by their numbers: their places in FrameState::saved; 4 for others.
std::size_t saved_index(std::uint8_t number);

// What a call does to its caller's frame.
struct CallEffect {
  enum Kind : std::uint8_t {
    unknown,
    removes,       // `amount` bytes of arguments
    sets_frame,    // a helper that begins a frame: _SEH_prolog4, _EH_prolog3; EBP is then a frame
                   // pointer, `amount` below the slot of the helper's own return address
    leaves_frame,  // a helper that ends a frame: _SEH_epilog4
    lowers_esp     // by EAX: __chkstk, _alloca_probe
  };
  Kind kind = unknown;
  std::int32_t amount = 0;
  std::array<std::int32_t, 4> saved{};  // of sets_frame, below the slot of its return address
};

// By the called function's code: its first return, and whether it moved the address to return to.
// Jumps to other functions are followed a few times, 1024 instructions are looked at.
CallEffect effect_of_call(const base::ByteSource& memory, std::uint32_t function);

// True for jumps that may not be taken.
bool is_conditional(const code::Instruction& i);

}  // namespace ntstack::unwind::x86
