#include "unwind/x86_code.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "unwind/x86_frame.h"

namespace ntstack::unwind::x86 {
namespace {

using code::Instruction;
using code::Map;

constexpr std::size_t kMaximumInstructions = 0x8000;
constexpr std::size_t kMaximumCallees = 256;
constexpr std::size_t kMaximumCandidates = 8;
constexpr std::uint32_t kMaximumCases = 512;  // of a switch
constexpr std::uint8_t kEsp = 4, kEbp = 5;

// The bytes from an address on: without a copy where they lie together. A view that ends early may
// end at a piece's border, and then there is more behind it; at a hole nothing is made room for.
class Code {
 public:
  Code(const base::ByteSource& memory, std::uint32_t address, std::size_t size)
      : bytes_(memory.view(address, size)) {
    if (bytes_.size() == size || !memory.get<std::byte>(address + bytes_.size())) return;
    copy_ = memory.copy(address, size);
    if (copy_.size() <= bytes_.size()) return;
    bytes_ = base::Bytes(std::span<const std::byte>(copy_));
  }
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  std::size_t size() const { return bytes_.size(); }  // of what is there
  std::optional<Instruction> at(std::uint32_t offset) const {
    return code::decode(bytes_.clamp(offset, 15), code::Mode::x86);
  }

 private:
  std::vector<std::byte> copy_;
  base::Bytes bytes_;
};

bool is_same(const FrameState& a, const FrameState& b) {
  return a.esp == b.esp && a.ebp == b.ebp && a.saved == b.saved && a.is_inner == b.is_inner;
}

// Goes along all paths of a function from some points on; tells of each state at one instruction,
// and of each return. An instruction is gone over again where the state differs, a few times.
class Walk {
 public:
  struct Point {
    std::uint32_t offset = 0;
    PathState state;
  };

  Walk(const base::ByteSource& memory, Function function)
      : memory_(memory),
        start_(function.start),
        size_(function.size),
        prolog_(function.prolog),
        code_(memory, function.start, function.size) {}

  // The states in which paths from the function's start come to `target`.
  const std::vector<PathState>& states_at(std::uint32_t target) {
    target_ = target;
    run({0, {}});
    enter_called();
    target_.reset();
    return found_;
  }

  enum class Outcome : std::uint8_t { returns, returns_elsewhere, does_not_return };

  // How a path from `target` in this state first returns, if it does. `assumptions` are then those
  // of the whole path.
  Outcome outcome_of(const PathState& state, std::uint32_t target, std::uint8_t& assumptions) {
    outcome_ = Outcome::does_not_return;
    stops_at_return_ = true;
    run({target, state});
    stops_at_return_ = false;
    assumptions = returned_.assumptions;
    return outcome_;
  }

 private:
  void run(Point from) {
    seen_.assign(code_.size(), {});
    pending_.assign(1, std::move(from));
    returned_ = {};
    follow_pending();
  }

  void follow_pending() {
    while (!pending_.empty() && !(stops_at_return_ && outcome_ == Outcome::returns)) {
      Point point = pending_.back();
      pending_.pop_back();
      along(point);
    }
  }

  // Two states of one instruction are followed: of more the paths are lost anyway. Where there is
  // no code the path ends.
  bool is_new(const Point& point) {
    if (point.offset >= seen_.size()) return true;
    const FrameState& frame = point.state.frame;
    const auto part = [](const std::optional<std::int32_t>& depth) {
      return depth ? static_cast<std::uint32_t>(*depth) : 0x7fffffffu;
    };
    std::uint32_t mark = part(frame.esp) * 31 + part(frame.ebp) + (frame.is_inner ? 0x55555 : 0);
    mark = (mark << 1 ^ mark >> 15) | 1;
    for (std::uint32_t& seen : seen_[point.offset]) {
      if (seen == mark) return false;
      if (seen == 0) return seen = mark, true;
    }
    return false;
  }

  void along(Point& point) {
    while (point.offset < size_ && is_new(point)) {
      if (target_ == point.offset) keep(point.state);
      if (++count_ > kMaximumInstructions) break;
      const auto i = code_.at(point.offset);
      if (!i || !step(point, *i)) break;
    }
  }

  void keep(const PathState& state) {
    if (found_.size() == kMaximumCandidates) return;
    const bool known = std::ranges::any_of(
        found_, [&](const PathState& each) { return is_same(each.frame, state.frame); });
    if (!known) found_.push_back(state);
  }

  void leaves(const PathState& state) {
    // A helper that moves its return address says nothing by its return.
    if (!stops_at_return_ || state.top_is_own || outcome_ == Outcome::returns) return;
    if (state.frame.is_inner && !state.frame.esp) return;
    outcome_ = state.frame.esp == 0 ? Outcome::returns : Outcome::returns_elsewhere;
    returned_ = state;
  }

  // False where the path ends.
  bool step(Point& point, const Instruction& i) {
    const std::uint32_t next = point.offset + i.length;
    const std::uint32_t branch = next + static_cast<std::uint32_t>(i.immediate);
    const bool one_byte = i.map == Map::one_byte && !i.vex;
    point.offset = next;
    if (is_conditional(i)) {
      if (branch < size_) pending_.push_back({branch, point.state});
      return true;
    }
    if (i.is(Map::map_0f, 0x0b)) return false;  // ud2
    if (!one_byte) return point.state.apply(i), true;
    switch (i.opcode) {
      case 0xc2:
      case 0xc3:
        leaves(point.state);
        return false;
      case 0xcc:
      case 0xcf:
      case 0xf4:
        return false;
      case 0xcd:
        return (i.immediate & 0xff) != 0x29;  // __fastfail
      case 0xe9:
      case 0xeb:
        if (branch >= size_) leaves(point.state);
        point.offset = branch;
        return true;
      case 0xe8:
        call(point, start_ + branch);
        return true;
      case 0xff:
        if (i.reg() == 4) return jump(point, i), false;
        if (i.reg() == 5) return false;
        if (i.reg() == 2 || i.reg() == 3) return call(point, pointed_to(i)), true;
        break;
      default:
        break;
    }
    point.state.apply(i);
    FrameState& frame = point.state.frame;
    if (next <= prolog_ && frame.esp) frame.fixed = *frame.esp;
    return true;
  }

  // jmp [table + register * 4]: a switch. Other jumps through memory leave the function.
  void jump(const Point& point, const Instruction& i) {
    const bool is_switch = i.mod() == 0 && i.rm() == 4 && (i.sib & 0xc7) == 0x85;
    if (!is_switch) return leaves(point.state);
    const auto table = static_cast<std::uint32_t>(i.displacement);
    for (std::uint32_t n = 0; n < kMaximumCases; ++n) {
      const auto target = memory_.get<std::uint32_t>(std::uint64_t{table} + 4 * n);
      if (!target || *target - start_ >= size_) break;
      pending_.push_back({*target - start_, point.state});
    }
  }

  std::optional<std::uint32_t> pointed_to(const Instruction& i) const {
    if (i.mod() != 0 || i.rm() != 5) return {};
    return memory_.get<std::uint32_t>(static_cast<std::uint32_t>(i.displacement));
  }

  CallEffect effect_of(std::optional<std::uint32_t> function) {
    if (!function) return {};
    const auto known = effects_.find(*function);
    if (known != effects_.end()) return known->second;
    if (effects_.size() == kMaximumCallees) return {};
    return effects_[*function] = effect_of_call(memory_, *function);
  }

  // A handler within the function may be called by it as well as gone on to. Where the function's
  // end is not known, only what is gone on to counts as within.
  void note_called(std::uint32_t function) {
    const std::uint32_t offset = function - start_;
    if (offset != 0 && offset < size_ && called_.size() < kMaximumCallees)
      called_.push_back(offset);
  }
  void enter_called() {
    const std::vector<std::uint32_t> called = std::move(called_);
    for (const std::uint32_t offset : called) {
      const bool is_reached = offset < seen_.size() && seen_[offset][0] != 0;
      if (size_ == kLargestFunction && !is_reached) continue;
      Point inner{offset, {}};
      inner.state.frame.is_inner = true;
      pending_.push_back(inner);
    }
    follow_pending();
  }

  // `point` is behind the call already.
  void call(Point& point, std::optional<std::uint32_t> function) {
    if (function) note_called(*function);
    PathState& state = point.state;
    FrameState& frame = state.frame;
    const CallEffect effect = effect_of(function);
    const auto eax = state.eax_constant;
    state.eax_constant.reset();
    state.eax_place.reset();
    switch (effect.kind) {
      case CallEffect::removes:
        if (frame.esp) state.set_esp(*frame.esp - effect.amount);
        return;
      case CallEffect::lowers_esp:
        state.set_esp(frame.esp && eax ? std::optional(*frame.esp + *eax) : std::nullopt);
        if (frame.esp) frame.fixed = *frame.esp;
        return;
      case CallEffect::sets_frame:
        return begin_frame(state, effect);
      case CallEffect::leaves_frame:
        state.set_esp(frame.ebp ? std::optional(*frame.ebp - 4) : std::nullopt);
        frame.ebp.reset();
        frame.saved = {};
        return;
      case CallEffect::unknown:
        break;
    }
    if (frame.esp) assume(point);
  }

  static void begin_frame(PathState& state, const CallEffect& effect) {
    FrameState& frame = state.frame;
    const bool is_known = frame.esp.has_value();
    const std::int32_t slot = frame.esp.value_or(0) + 4;  // of the helper's return address
    state.set_esp({});
    frame.ebp.reset();
    if (is_known) frame.ebp = slot + effect.amount;
    for (std::size_t n = 0; n < frame.saved.size(); ++n) {
      const std::int32_t there = effect.saved[n];
      if (frame.saved[n] != 0 || there == 0) continue;
      const bool is_placed = is_known && there != FrameState::somewhere;
      frame.saved[n] = is_placed ? slot + there : FrameState::somewhere;
    }
  }

  // Either an `add esp` or `pop ecx` follows, or all arguments are taken to be gone.
  void assume(Point& point) {
    PathState& state = point.state;
    const FrameState& frame = state.frame;
    const auto next = code_.at(point.offset);
    const bool cleaned_here = next && (next->is(Map::one_byte, 0x59) ||
                                       (next->is(Map::one_byte, 0x83) && next->modrm == 0xc4));
    state.assumptions |= cleaned_here ? none_removed : all_removed;
    if (!cleaned_here) state.set_esp(std::min(*frame.esp, frame.fixed));
  }

  const base::ByteSource& memory_;
  std::uint32_t start_, size_, prolog_;
  Code code_;
  std::vector<std::array<std::uint32_t, 2>> seen_;
  std::vector<Point> pending_;
  std::vector<std::uint32_t> called_;
  std::unordered_map<std::uint32_t, CallEffect> effects_;
  std::optional<std::uint32_t> target_;
  std::vector<PathState> found_;
  bool stops_at_return_ = false;
  Outcome outcome_ = Outcome::does_not_return;
  PathState returned_;
  std::size_t count_ = 0;
};

}  // namespace

namespace {

// What two paths to one instruction agree in; nothing where that is too little.
std::optional<FrameState> common(FrameState a, const FrameState& b) {
  if (a.ebp != b.ebp || a.is_inner != b.is_inner) return {};
  if (a.esp != b.esp) {
    if (!a.ebp) return {};
    a.esp.reset();
  }
  for (std::size_t n = 0; n < a.saved.size(); ++n)
    if (a.saved[n] != b.saved[n]) a.saved[n] = FrameState::lost;
  a.assumed = a.assumed || b.assumed;
  return a;
}

}  // namespace

std::optional<FrameState> frame_state_at(const base::ByteSource& memory, Function function,
                                         std::uint32_t address) {
  function.size = std::min(function.size, kLargestFunction);
  const std::uint32_t target = address - function.start;
  if (target >= function.size) return {};
  Walk walk(memory, function);
  const std::vector<PathState> candidates = walk.states_at(target);
  std::optional<FrameState> proven, unproven;
  const FrameState doubtful{.esp = {}, .ebp = {}, .fixed = 0, .saved = {}, .assumed = true};
  for (const PathState& state : candidates) {
    std::uint8_t behind = 0;
    const auto outcome = walk.outcome_of(state, target, behind);
    if (outcome == Walk::Outcome::returns_elsewhere && behind == 0) continue;
    const bool returns = outcome == Walk::Outcome::returns;
    FrameState frame = state.frame;
    frame.assumed = returns ? state.assumptions != 0 && behind == (all_removed | none_removed)
                            : state.assumptions != 0 || behind != 0;
    // What the function calls itself counts as much as what returns.
    const bool counts = (returns && !frame.assumed) || frame.is_inner;
    std::optional<FrameState>& place = counts ? proven : unproven;
    if (!place)
      place = frame;
    else
      place = common(*place, frame).value_or(doubtful);
  }
  return proven ? proven : unproven;
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
    if (!i || i->map != Map::one_byte || i->vex || i->operand_size_prefix) return {};
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
