#include "unwind/x86_code.h"

#include <algorithm>
#include <vector>

#include "code/instruction.h"

namespace ntstack::unwind::x86 {
namespace {

using code::Instruction;
using code::Map;

constexpr std::uint32_t kMaximumFunction = 0x10000;
constexpr std::size_t kMaximumInstructions = 0x4000;
constexpr std::int32_t kMaximumDepth = 0x1000000;
constexpr std::uint8_t kEsp = 4, kEbp = 5;

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
    return low == number && (row == 0x40 || row == 0x48 || row == 0x90 || row == 0xb8);
  }
  if (!i.has_modrm) return false;
  return (i.reg() == number && writes_reg(i)) || (i.mod() == 3 && i.rm() == number && writes_rm(i));
}

std::size_t saved_index(std::uint8_t number) {  // ebx 3, ebp 5, esi 6, edi 7
  return number == 3 ? 0 : number == kEbp ? 1 : number == 6 ? 2 : number == 7 ? 3 : 4;
}

void set_esp(FrameState& state, std::optional<std::int32_t> depth) {
  if (depth && (*depth < -4096 || *depth > kMaximumDepth)) depth.reset();
  state.esp = depth;
  if (depth) state.fixed = std::min(state.fixed, *depth);
}

void push(FrameState& state) {
  if (state.esp) set_esp(state, *state.esp + 4);
}

void push_register(FrameState& state, std::uint8_t number) {
  push(state);
  const std::size_t index = saved_index(number);
  const bool is_callers = number != kEbp || !state.ebp;
  if (index < 4 && state.saved[index] == 0 && state.esp && is_callers)
    state.saved[index] = state.fixed = *state.esp;
}

void pop_register(FrameState& state, std::uint8_t number) {
  const std::size_t index = saved_index(number);
  if (number == kEbp) state.ebp.reset();
  if (index < 4 && state.esp && state.saved[index] == *state.esp) state.saved[index] = 0;
  if (number == kEsp) return set_esp(state, {});
  if (state.esp) set_esp(state, *state.esp - 4);
}

// add, sub, and, lea, mov with ESP or EBP as what is written; true where it was one of these.
bool apply_to_frame(FrameState& state, const Instruction& i) {
  const bool on_esp = (i.opcode == 0x81 || i.opcode == 0x83) && i.modrm >= 0xc0 && i.rm() == kEsp;
  if (on_esp && (i.reg() == 0 || i.reg() == 5)) {
    const auto amount = static_cast<std::int32_t>(i.immediate);
    if (state.esp && amount > -kMaximumDepth && amount < kMaximumDepth)
      set_esp(state, i.reg() == 0 ? *state.esp - amount : *state.esp + amount);
    else
      state.esp.reset();
    if (state.esp && i.reg() == 5) state.fixed = *state.esp;
    return true;
  }
  if ((i.opcode == 0x8b && i.modrm == 0xec) || (i.opcode == 0x89 && i.modrm == 0xe5)) {
    state.ebp = state.esp;
    return true;
  }
  if ((i.opcode == 0x8b && i.modrm == 0xe5) || (i.opcode == 0x89 && i.modrm == 0xec)) {
    set_esp(state, state.ebp);
    return true;
  }
  if (i.opcode != 0x8d || i.mod() == 3) return false;
  const bool from_esp = i.rm() == 4 && i.sib == 0x24 && i.mod() != 0;
  const bool from_ebp = i.rm() == kEbp && i.mod() != 0;
  if ((i.reg() != kEsp && i.reg() != kEbp) || (!from_esp && !from_ebp)) return false;
  auto source = from_esp ? state.esp : state.ebp;
  if (source && i.displacement > -kMaximumDepth && i.displacement < kMaximumDepth)
    *source -= i.displacement;
  else
    source.reset();
  if (i.reg() == kEsp)
    set_esp(state, source);
  else
    state.ebp = source;
  return true;
}

// What an instruction that goes on to the next does.
void apply(FrameState& state, const Instruction& i) {
  if (i.map == Map::one_byte && !i.vex) {
    if (i.opcode >= 0x50 && i.opcode <= 0x57) return push_register(state, i.opcode & 7);
    if (i.opcode >= 0x58 && i.opcode <= 0x5f) return pop_register(state, i.opcode & 7);
    switch (i.opcode) {
      case 0x68:
      case 0x6a:
      case 0x9c:
        return push(state);
      case 0x9d:
        if (state.esp) set_esp(state, *state.esp - 4);
        return;
      case 0x8f:
        return pop_register(state, i.mod() == 3 ? i.rm() : 0);
      case 0xc9:
        set_esp(state, state.ebp);
        return pop_register(state, kEbp);
      case 0xff:
        if (i.reg() == 6) return push(state);
        break;
      case 0x06:
      case 0x0e:
      case 0x16:
      case 0x1e:
      case 0x60:
      case 0x61:
        return state.esp.reset();  // pushed segments and whole sets: hand-written code
      default:
        break;
    }
    if (apply_to_frame(state, i)) return;
  }
  if (writes(i, kEsp)) state.esp.reset();
  if (writes(i, kEbp)) state.ebp.reset();
}

bool is_conditional(const Instruction& i) {
  return (i.map == Map::one_byte && ((i.opcode & 0xf0) == 0x70 || (i.opcode & 0xfc) == 0xe0)) ||
         (i.map == Map::map_0f && (i.opcode & 0xf0) == 0x80);
}

// The bytes from an address on: without a copy where they lie together.
class Code {
 public:
  Code(const base::ByteSource& memory, std::uint32_t address, std::size_t size)
      : bytes_(memory.view(address, size)) {
    if (!bytes_.empty()) return;
    copy_ = memory.copy(address, size);
    bytes_ = base::Bytes(std::span<const std::byte>(copy_));
  }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  std::optional<Instruction> at(std::uint32_t offset) const {
    return code::decode(bytes_.clamp(offset, 15), code::Mode::x86);
  }

 private:
  std::vector<std::byte> copy_;
  base::Bytes bytes_;
};

// The bytes of arguments that a function removes: those of the first return that its code comes
// to. Jumps to other functions' starts are followed a few times.
std::optional<std::int32_t> removed_by(const base::ByteSource& memory, std::uint32_t function) {
  for (int jumps = 0; jumps < 4; ++jumps) {
    const Code code(memory, function, 0x1000);
    std::uint32_t offset = 0;
    bool jumped = false;
    for (int count = 0; count < 1024 && !jumped; ++count) {
      const auto i = code.at(offset);
      if (!i || i->opcode == 0xcc) return {};
      if (i->is(Map::one_byte, 0xc3)) return 0;
      if (i->is(Map::one_byte, 0xc2)) return static_cast<std::int32_t>(i->immediate & 0xffff);
      offset += i->length;
      if (count == 0 && i->is(Map::one_byte, 0xe9)) {
        function += offset + static_cast<std::uint32_t>(i->immediate);
        jumped = true;
      }
    }
    if (!jumped) return {};
  }
  return {};
}

class Walk {
 public:
  Walk(const base::ByteSource& memory, std::uint32_t start, std::uint32_t size)
      : memory_(memory), start_(start), size_(size), code_(memory, start, size), seen_(size) {}

  std::optional<FrameState> to(std::uint32_t target) {
    pending_.push_back({0, {}});
    while (!pending_.empty()) {
      Point point = pending_.back();
      pending_.pop_back();
      if (const auto found = along(point, target)) return found;
    }
    return {};
  }

 private:
  struct Point {
    std::uint32_t offset = 0;
    FrameState state;
  };

  std::optional<FrameState> along(Point& point, std::uint32_t target) {
    moved_to_eax_ = 0;
    while (point.offset < size_ && !seen_[point.offset]) {
      seen_[point.offset] = true;
      if (point.offset == target) return point.state;
      if (++count_ > kMaximumInstructions) break;
      const auto i = code_.at(point.offset);
      if (!i || !step(point, *i)) break;
    }
    return {};
  }

  // False where the path ends.
  bool step(Point& point, const Instruction& i) {
    const std::uint32_t next = point.offset + i.length;
    const std::uint32_t branch = next + static_cast<std::uint32_t>(i.immediate);
    const bool one_byte = i.map == Map::one_byte && !i.vex;
    point.offset = next;
    if (is_conditional(i)) {
      pending_.push_back({branch, point.state});
      return true;
    }
    if (!one_byte) return apply(point.state, i), true;
    switch (i.opcode) {
      case 0xc2:
      case 0xc3:
      case 0xcc:
      case 0xcf:
        return false;
      case 0xe9:
      case 0xeb:
        point.offset = branch;
        return true;
      case 0xe8:
        call(point, start_ + branch);
        return true;
      case 0xff:
        if (i.reg() == 4 || i.reg() == 5) return false;
        if (i.reg() == 2 || i.reg() == 3) return call(point, pointed_to(i)), true;
        break;
      default:
        break;
    }
    apply(point.state, i);
    moved_to_eax_ = i.opcode == 0xb8 ? static_cast<std::int32_t>(i.immediate & 0x7fffffff) : 0;
    return true;
  }

  // Where a call through a pointer in memory leads: an import's.
  std::optional<std::uint32_t> pointed_to(const Instruction& i) const {
    if (i.reg() != 2 || i.mod() != 0 || i.rm() != 5) return {};
    return memory_.get<std::uint32_t>(static_cast<std::uint32_t>(i.displacement));
  }

  // `point` is behind the call already.
  void call(Point& point, std::optional<std::uint32_t> function) {
    FrameState& state = point.state;
    if (!state.esp) return;
    if (moved_to_eax_ >= 0x1000) {  // __chkstk: it moves ESP down by EAX
      set_esp(state, *state.esp + moved_to_eax_);
      state.fixed = state.esp.value_or(0);
      moved_to_eax_ = 0;
      return;
    }
    const auto removed = function ? removed_by(memory_, *function) : std::nullopt;
    if (removed) {
      set_esp(state, *state.esp - *removed);
      return;
    }
    state.assumed = true;
    // Not known: either an `add esp` or `pop ecx` follows, or all arguments are taken to be gone.
    const auto next = code_.at(point.offset);
    const bool cleaned_here = next && (next->is(Map::one_byte, 0x59) ||
                                       (next->is(Map::one_byte, 0x83) && next->modrm == 0xc4));
    if (!cleaned_here) set_esp(state, std::min(*state.esp, state.fixed));
  }

  const base::ByteSource& memory_;
  std::uint32_t start_, size_;
  Code code_;
  std::vector<bool> seen_;
  std::vector<Point> pending_;
  std::size_t count_ = 0;
  std::int32_t moved_to_eax_ = 0;
};

}  // namespace

std::optional<FrameState> frame_state_at(const base::ByteSource& memory, std::uint32_t start,
                                         std::uint32_t size, std::uint32_t address) {
  size = std::min(size, kMaximumFunction);
  if (address - start >= size) return {};
  return Walk(memory, start, size).to(address - start);
}

std::optional<LeavingFrame> leaving_frame_at(const base::ByteSource& memory,
                                             std::uint32_t address) {
  constexpr int most_instructions = 8;
  const Code code(memory, address, 15 * most_instructions);
  LeavingFrame leaving;
  StackPlace& top = leaving.return_slot;
  std::uint32_t offset = 0;
  for (int count = 0; count < most_instructions; ++count) {
    const auto i = code.at(offset);
    if (!i || i->map != Map::one_byte || i->vex) return {};
    offset += i->length;
    const bool is_add = (i->opcode == 0x83 || i->opcode == 0x81) && i->modrm == 0xc4;
    const bool is_lea = i->opcode == 0x8d && i->reg() == kEsp && i->rm() == kEbp &&
                        (i->mod() == 1 || i->mod() == 2);
    const bool is_mov =
        (i->opcode == 0x8b && i->modrm == 0xe5) || (i->opcode == 0x89 && i->modrm == 0xec);
    if (i->opcode == 0xc3 || i->opcode == 0xc2) return leaving;
    if (is_lea || is_mov || i->opcode == 0xc9) {
      if (leaving.popped[1]) return {};  // EBP is the caller's already
      top = {is_lea ? i->displacement : 0, true};
    }
    if (is_add) {
      if (i->immediate < 0 || i->immediate > kMaximumDepth) return {};
      top.offset += static_cast<std::int32_t>(i->immediate);
    } else if (i->opcode == 0xc9 || (i->opcode >= 0x58 && i->opcode <= 0x5f)) {
      const std::uint8_t number = i->opcode == 0xc9 ? kEbp : i->opcode & 7;
      if (number == kEsp) return {};
      if (const std::size_t index = saved_index(number); index < 4) leaving.popped[index] = top;
      top.offset += 4;
    } else if (i->opcode == 0x8f && i->mod() != 3) {  // pop memory: the exception list
      top.offset += 4;
    } else if (!is_lea && !is_mov) {
      return {};
    }
  }
  return {};
}

}  // namespace ntstack::unwind::x86
