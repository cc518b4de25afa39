#include "unwind/x86_frame.h"

#include <algorithm>
#include <vector>

namespace ntstack::unwind::x86 {
namespace {

using code::Instruction;
using code::Map;

constexpr std::uint8_t kEax = 0, kEbx = 3, kEsp = 4, kEbp = 5, kEsi = 6, kEdi = 7;
constexpr std::size_t kCalleeBytes = 0x1000;
constexpr int kCalleeInstructions = 1024, kCalleeJumps = 4;

bool writes_reg(const Instruction& i) {  // op r, r/m
  if (i.map == Map::map_0f) {
    return (i.opcode >= 0x40 && i.opcode <= 0x4f) || i.opcode == 0xaf ||
           (i.opcode >= 0xb6 && i.opcode <= 0xb7) || (i.opcode >= 0xbc && i.opcode <= 0xbf);
  }
  if (i.map != Map::one_byte) return false;
  const bool arithmetic = i.opcode < 0x38 && (i.opcode & 7) == 3;
  return arithmetic || i.opcode == 0x8b || i.opcode == 0x8d || i.opcode == 0x69 ||
         i.opcode == 0x6b || i.opcode == 0x87;
}

bool writes_rm(const Instruction& i) {  // op r/m, ...
  if (i.map == Map::map_0f) return i.opcode == 0xb1 || i.opcode == 0xc1;
  if (i.map != Map::one_byte) return false;
  switch (i.opcode) {
    case 0x81:
    case 0x83:
      return i.reg() != 7;
    case 0xf7:
      return i.reg() == 2 || i.reg() == 3;
    case 0xff:
      return i.reg() < 2;
    case 0x87:
    case 0x89:
    case 0x8f:
    case 0xc1:
    case 0xc7:
    case 0xd1:
    case 0xd3:
      return true;
    default:
      return i.opcode < 0x38 && (i.opcode & 7) == 1;
  }
}

bool writes(const Instruction& i, std::uint8_t number) {
  if (i.vex) return false;
  if (i.map == Map::one_byte && !i.has_modrm) {
    const std::uint8_t low = i.opcode & 7, row = i.opcode & 0xf8;
    return (low == number && (row == 0x40 || row == 0x48 || row == 0x90 || row == 0xb8)) ||
           (row == 0x90 && number == kEax && low != 0);
  }
  if (i.map == Map::map_0f && !i.has_modrm)  // bswap
    return (i.opcode & 0xf8) == 0xc8 && (i.opcode & 7) == number;
  if (!i.has_modrm) return false;
  return (i.reg() == number && writes_reg(i)) || (i.mod() == 3 && i.rm() == number && writes_rm(i));
}

// EAX is written by much more; only where it is certainly left alone do its values stay.
bool leaves_eax(const Instruction& i) {
  if (i.vex || i.map != Map::one_byte) return false;
  const std::uint8_t row = i.opcode & 0xf8;
  if (row == 0x50 || row == 0x70 || row == 0x78) return true;
  if (row == 0x58 || row == 0x40 || row == 0x48 || row == 0xb8) return (i.opcode & 7) != kEax;
  if (i.opcode == 0x89 || i.opcode == 0x8b || i.opcode == 0x8d || i.opcode == 0x31 ||
      i.opcode == 0x33 || i.opcode == 0x81 || i.opcode == 0x83 || i.opcode == 0x85)
    return !writes(i, kEax);
  return i.opcode == 0x68 || i.opcode == 0x6a || i.opcode == 0xc7 ||
         (i.opcode == 0xff && i.reg() == 6);
}

bool is_usual(std::int64_t amount) { return amount > -kMaximumDepth && amount < kMaximumDepth; }

bool is_esp_operand(const Instruction& i) {  // [esp + n]
  return i.mod() != 3 && i.rm() == 4 && i.sib == 0x24;
}

bool has_displacement_from(const Instruction& i, std::uint8_t number) {  // [r + n], no index
  return i.rm() == number && (i.mod() == 1 || i.mod() == 2 || (i.mod() == 0 && number != kEbp));
}

}  // namespace

std::size_t saved_index(std::uint8_t number) {
  return number == kEbx ? 0 : number == kEbp ? 1 : number == kEsi ? 2 : number == kEdi ? 3 : 4;
}

bool is_conditional(const Instruction& i) {
  return (i.map == Map::one_byte && ((i.opcode & 0xf0) == 0x70 || (i.opcode & 0xfc) == 0xe0)) ||
         (i.map == Map::map_0f && (i.opcode & 0xf0) == 0x80);
}

void PathState::set_esp(std::optional<std::int32_t> depth) {
  if (depth && (*depth < -4096 || *depth > kMaximumDepth)) depth.reset();
  frame.esp = depth;
  if (depth) frame.fixed = std::min(frame.fixed, *depth);
  top_is_own = false;
}

void PathState::push() {
  if (frame.esp) set_esp(*frame.esp + 4);
  top_is_own = true;
}

void PathState::push_register(std::uint8_t number) {
  push();
  const std::size_t index = saved_index(number);
  const bool is_callers = number != kEbp || !frame.ebp;
  if (index >= 4 || frame.saved[index] != 0 || !is_callers) return;
  if (frame.esp)
    frame.saved[index] = frame.fixed = *frame.esp;
  else
    frame.saved[index] = FrameState::somewhere;
}

void PathState::pop_register(std::uint8_t number) {
  const std::size_t index = saved_index(number);
  if (number == kEbp) frame.ebp.reset();
  if (index < 4 && frame.saved[index] != 0) {
    if (frame.esp && frame.saved[index] == *frame.esp)
      frame.saved[index] = 0;
    else if (!frame.esp || assumptions != 0)
      frame.saved[index] = FrameState::lost;
  }
  if (number == kEsp) return set_esp({});
  if (frame.esp) set_esp(*frame.esp - 4);
  top_is_own = false;
}

// add and sub on ESP.
bool PathState::apply_add(const Instruction& i) {
  const bool on_esp = (i.opcode == 0x81 || i.opcode == 0x83) && i.modrm >= 0xc0 && i.rm() == kEsp;
  if (!on_esp || (i.reg() != 0 && i.reg() != 5)) return false;
  if (!frame.esp || !is_usual(i.immediate)) return set_esp({}), true;
  const auto amount = static_cast<std::int32_t>(i.immediate);
  const bool lowers = i.reg() == 5;
  set_esp(lowers ? *frame.esp + amount : *frame.esp - amount);
  if (frame.esp && lowers) frame.fixed = *frame.esp;
  return true;
}

// lea with ESP, EBP or EAX as what is written.
bool PathState::apply_lea(const Instruction& i) {
  if (i.opcode != 0x8d || i.mod() == 3) return false;
  if (i.reg() != kEsp && i.reg() != kEbp && i.reg() != kEax) return false;
  const bool from_esp = is_esp_operand(i), from_ebp = i.rm() == kEbp && i.mod() != 0;
  auto source = from_esp ? frame.esp : from_ebp ? frame.ebp : std::nullopt;
  if (source && is_usual(i.displacement))
    *source -= i.displacement;
  else
    source.reset();
  if (i.reg() == kEsp)
    set_esp(source);
  else if (i.reg() == kEbp)
    frame.ebp = source;
  else
    eax_place = source;
  return true;
}

// mov between ESP, EBP and EAX, and of EBP to the stack.
bool PathState::apply_move(const Instruction& i) {
  if (i.opcode == 0x89 && i.reg() == kEbp && i.mod() != 3) {
    auto place = is_esp_operand(i)                ? frame.esp
                 : has_displacement_from(i, kEax) ? eax_place
                                                  : std::nullopt;
    if (place && is_usual(i.displacement) && !frame.ebp && frame.saved[1] == 0)
      frame.saved[1] = *place - i.displacement;
    return true;
  }
  if (i.opcode == 0x89 && i.modrm == 0x04 && i.sib == 0x24) {
    top_is_own = true;
    return true;
  }
  if ((i.opcode != 0x8b && i.opcode != 0x89) || i.mod() != 3) return false;
  const std::uint8_t to = i.opcode == 0x8b ? i.reg() : i.rm();
  const std::uint8_t from = i.opcode == 0x8b ? i.rm() : i.reg();
  const auto value = from == kEsp   ? frame.esp
                     : from == kEbp ? frame.ebp
                     : from == kEax ? eax_place
                                    : std::nullopt;
  if (to == kEsp) return set_esp(value), true;
  if (to == kEbp) return frame.ebp = value, true;
  if (to == kEax) eax_place = value;
  return false;
}

// Pushes, pops, leave.
bool PathState::apply_stack(const Instruction& i) {
  if (i.operand_size_prefix && ((i.opcode >= 0x50 && i.opcode <= 0x5f) || i.opcode == 0x68 ||
                                i.opcode == 0x6a || i.opcode == 0xff || i.opcode == 0x9c)) {
    if (i.opcode != 0xff || i.reg() == 6) set_esp({});
    return true;
  }
  if (i.opcode >= 0x50 && i.opcode <= 0x57) return push_register(i.opcode & 7), true;
  if (i.opcode >= 0x58 && i.opcode <= 0x5f) return pop_register(i.opcode & 7), true;
  switch (i.opcode) {
    case 0x68:
    case 0x6a:
    case 0x9c:
      return push(), true;
    case 0x9d:
      if (frame.esp) set_esp(*frame.esp - 4);
      return true;
    case 0x8f:
      return pop_register(i.mod() == 3 ? i.rm() : kEax), true;
    case 0xc9:
      set_esp(frame.ebp);
      return pop_register(kEbp), true;
    case 0xff:
      if (i.reg() != 6) return false;
      return push(), true;
    case 0x06:
    case 0x0e:
    case 0x16:
    case 0x1e:
    case 0x60:
    case 0x61:
      return set_esp({}), true;  // pushed segments and whole sets: hand-written code
    default:
      return false;
  }
}

bool PathState::apply_frame(const Instruction& i) {
  return apply_stack(i) || apply_add(i) || apply_lea(i) || apply_move(i);
}

void PathState::apply(const Instruction& i) {
  const bool keeps_eax = leaves_eax(i);
  const auto place = eax_place;
  const bool one_byte = i.map == Map::one_byte && !i.vex;
  const bool done = one_byte && apply_frame(i);
  if (!done && writes(i, kEsp)) set_esp({});
  if (!done && writes(i, kEbp)) frame.ebp.reset();
  if (!keeps_eax) {
    if (eax_place == place && !(one_byte && i.opcode == 0x8d)) eax_place.reset();
    eax_constant.reset();
  }
  if (one_byte && i.opcode == 0xb8 && !i.operand_size_prefix && is_usual(i.immediate))
    eax_constant = static_cast<std::int32_t>(i.immediate);
}

namespace {

// Follows a called function to its first return.
class CalleeWalk {
 public:
  CalleeWalk(const base::ByteSource& memory, std::uint32_t function)
      : memory_(memory), function_(function) {}

  CallEffect run() {
    for (int jumps = 0; jumps < kCalleeJumps; ++jumps) {
      const auto next = along();
      if (!next) return effect_;
      function_ = *next;
    }
    return {};
  }

 private:
  // Where a jump leaves to; nothing where the effect is decided.
  std::optional<std::uint32_t> along() {
    std::vector<std::byte> copy;
    base::Bytes bytes = memory_.view(function_, kCalleeBytes);
    if (bytes.size() < kCalleeBytes) {
      copy = memory_.copy(function_, kCalleeBytes);
      if (copy.size() > bytes.size()) bytes = base::Bytes(std::span<const std::byte>(copy));
    }
    std::uint32_t offset = 0, furthest = 0;  // of what is jumped to
    while (count_++ < kCalleeInstructions) {
      const auto i = code::decode(bytes.clamp(offset, 15), code::Mode::x86);
      if (!i || i->is(Map::one_byte, 0xcc)) return {};
      offset += i->length;
      const std::uint32_t branch = offset + static_cast<std::uint32_t>(i->immediate);
      if (is_conditional(*i) && branch < kCalleeBytes) furthest = std::max(furthest, branch);
      if (i->map == Map::one_byte && !i->vex) {
        if (i->opcode == 0xc3 || i->opcode == 0xc2) return returned(*i), std::nullopt;
        const bool near_jump = i->opcode == 0xe9 || i->opcode == 0xeb;
        const bool far_jump = i->opcode == 0xff && i->reg() == 4;
        if (near_jump && branch < kCalleeBytes && branch >= offset) {
          furthest = std::max(furthest, branch);
          offset = furthest > branch ? offset : branch;
          continue;
        }
        if (near_jump || far_jump) {
          if (furthest >= offset) continue;
          if (near_jump)
            return branch < kCalleeBytes ? std::nullopt : std::optional(function_ + branch);
          return through_pointer(*i);
        }
      }
      follow(*i);
    }
    return {};
  }

  std::optional<std::uint32_t> through_pointer(const Instruction& i) const {
    if (i.mod() != 0 || i.rm() != 5) return {};
    return memory_.get<std::uint32_t>(static_cast<std::uint32_t>(i.displacement));
  }

  void follow(const Instruction& i) {
    const bool pops_ebp = i.is(Map::one_byte, 0x5d) || i.is(Map::one_byte, 0xc9);
    const bool had_ebp = state_.frame.ebp.has_value();
    state_.apply(i);
    const bool to_ebp = (i.is(Map::one_byte, 0x8b) && i.modrm == 0xe5) ||
                        (i.is(Map::one_byte, 0x89) && i.modrm == 0xec) || i.is(Map::one_byte, 0xc9);
    if (to_ebp && !had_ebp) at_callers_frame_ = true;
    if (pops_ebp && at_callers_frame_) left_frame_ = true;
  }

  void returned(const Instruction& i) {
    const FrameState& frame = state_.frame;
    if (!state_.top_is_own) {
      const bool plain = i.opcode == 0xc3;
      effect_ = {
          CallEffect::removes, plain ? 0 : static_cast<std::int32_t>(i.immediate & 0xffff), {}};
    } else if (frame.ebp) {
      effect_ = {CallEffect::sets_frame, *frame.ebp, frame.saved};
    } else if (left_frame_) {
      effect_ = {CallEffect::leaves_frame, 0, {}};
    } else if (!frame.esp) {
      effect_ = {CallEffect::lowers_esp, 0, {}};
    }
  }

  const base::ByteSource& memory_;
  std::uint32_t function_;
  PathState state_;
  CallEffect effect_;
  int count_ = 0;
  bool at_callers_frame_ = false, left_frame_ = false;
};

}  // namespace

CallEffect effect_of_call(const base::ByteSource& memory, std::uint32_t function) {
  return CalleeWalk(memory, function).run();
}

}  // namespace ntstack::unwind::x86
