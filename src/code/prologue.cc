#include "code/prologue.h"

#include <fmt/format.h>

#include <array>
#include <optional>

namespace ntstack::code {
namespace {

constexpr std::uint8_t kEax = 0, kEcx = 1, kEsp = 4, kEbp = 5;
constexpr std::array<std::string_view, 16> kNames32 = {"eax", "ecx", "edx", "ebx",
                                                       "esp", "ebp", "esi", "edi"};
constexpr std::array<std::string_view, 16> kNames64 = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                       "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                       "r12", "r13", "r14", "r15"};

// As MASM writes numbers: 8, 10h, 0FFFFFD70h.
std::string masm(std::uint64_t value) {
  if (value < 10) return fmt::format("{}", value);
  std::string digits = fmt::format("{:X}", value);
  if (digits[0] > '9') digits.insert(digits.begin(), '0');
  return digits + "h";
}

class PrologueWalk {
 public:
  PrologueWalk(base::Bytes code, Mode mode, const HelperAt& helper_at)
      : code_(code), mode_(mode), helper_at_(helper_at) {}

  Prologue run() {
    while (const auto i = decode(code_.clamp(offset_, 15), mode_)) {
      const std::uint32_t at = offset_;
      offset_ += i->length;
      if (!take(*i, at)) break;
      behind_frame_pointer_ = sets_frame_pointer(*i) || (behind_frame_pointer_ && is_push_ecx(*i));
      found_.size = offset_;
    }
    drop_arguments();
    return std::move(found_);
  }

 private:
  bool wide() const { return mode_ == Mode::x64; }
  std::uint64_t width() const { return wide() ? 8 : 4; }
  std::uint8_t rm_of(const Instruction& i) const {
    return static_cast<std::uint8_t>(i.rm() | (i.rex & 1) << 3);
  }
  std::uint8_t reg_of(const Instruction& i) const {
    return static_cast<std::uint8_t>(i.reg() | (i.rex & 4) << 1);
  }
  std::string_view name(std::uint8_t number) const {
    return wide() ? kNames64[number & 15] : kNames32[number & 7];
  }
  std::string_view sp() const { return name(kEsp); }
  std::string number(std::int64_t value) const {
    return masm(wide() && value >= 0 ? static_cast<std::uint64_t>(value)
                                     : static_cast<std::uint32_t>(value));
  }

  bool is_callers(std::uint8_t number) const {
    const unsigned kept = wide() ? 0xf0e8 : 0xe8;  // rbx, rbp, rsi, rdi, r12 to r15
    return (kept >> number & 1) != 0 && (saved_ >> number & 1) == 0;
  }
  static bool is_push_ecx(const Instruction& i) {
    return i.is(Map::one_byte, 0x50 + kEcx) && (i.rex & 1) == 0;
  }
  bool sets_frame_pointer(const Instruction& i) const {  // mov ebp, esp
    return (i.is(Map::one_byte, 0x8b) && i.mod() == 3 && reg_of(i) == kEbp && rm_of(i) == kEsp) ||
           (i.is(Map::one_byte, 0x89) && i.mod() == 3 && rm_of(i) == kEbp && reg_of(i) == kEsp);
  }

  void add(std::uint32_t at, Taking taking, std::uint64_t bytes, std::string text) {
    found_.taken.push_back({at, taking, bytes, std::move(text)});
    if (taking != Taking::pushes) kept_ = found_.taken.size();
  }

  // False where the walk is over at this instruction.
  bool take(const Instruction& i, std::uint32_t at) {
    if (i.vex) return true;
    if (i.map != Map::one_byte) return !is_trap(i);
    if (i.opcode >= 0x50 && i.opcode <= 0x57) return take_push(i, at);
    if (i.opcode >= 0x58 && i.opcode <= 0x5f) return take_back(i);
    const bool keeps_eax = i.opcode == 0x89 || i.opcode == 0xe8;
    const bool goes_on = take_other(i, at);
    if (i.opcode == 0xb8 && (i.rex & 1) == 0)
      eax_ = static_cast<std::uint32_t>(i.immediate);
    else if (!keeps_eax && writes_eax(i))
      eax_.reset();
    return goes_on;
  }

  static bool is_trap(const Instruction& i) { return i.opcode == 0x0b || i.opcode == 0x05; }
  bool writes_eax(const Instruction& i) const {
    if (!i.has_modrm) return true;
    return i.opcode == 0x8b || i.opcode == 0x8d ? reg_of(i) == kEax
                                                : rm_of(i) == kEax && i.mod() == 3;
  }

  bool take_other(const Instruction& i, std::uint32_t at) {
    switch (i.opcode) {
      case 0x68:
      case 0x6a:
        pushed_ = {pushed_[1], i.immediate};
        add(at, Taking::pushes, width(), fmt::format("push {}", number(i.immediate)));
        return true;
      case 0x9c:
        add(at, Taking::pushes, width(), wide() ? "pushfq" : "pushfd");
        return true;
      case 0xff:
        if (i.reg() == 6) {
          add(at, Taking::pushes, width(),
              wide() ? "push qword ptr [...]" : "push dword ptr [...]");
          return true;
        }
        return i.reg() < 2;
      case 0x81:
      case 0x83:
        return take_arithmetic(i, at);
      case 0x8d:
        return take_lea(i, at);
      case 0x2b:
      case 0x29:
        return take_subtraction(i, at);
      case 0x8b:
        return i.mod() != 3 || reg_of(i) != kEsp;
      case 0x89:
        return i.mod() != 3 || rm_of(i) != kEsp;
      case 0xe8:
        return take_call(i, at);
      default:
        return !leaves(i);
    }
  }

  // Returns, jumps, traps, far calls, leave and enter.
  static bool leaves(const Instruction& i) {
    switch (i.opcode) {
      case 0xc2:
      case 0xc3:
      case 0xc8:
      case 0xc9:
      case 0xca:
      case 0xcb:
      case 0xcc:
      case 0xcd:
      case 0xcf:
      case 0x60:
      case 0x61:
      case 0x8f:
      case 0x9a:
      case 0x9d:
      case 0xe9:
      case 0xea:
      case 0xeb:
      case 0xf4:
        return true;
      default:
        return false;
    }
  }

  bool take_push(const Instruction& i, std::uint32_t at) {
    const auto pushed = static_cast<std::uint8_t>((i.opcode & 7) | (i.rex & 1) << 3);
    const bool saves = is_callers(pushed);
    if (saves) saved_ |= 1u << pushed;
    // MSVC makes room for one local so.
    const bool is_local = !wide() && behind_frame_pointer_ && pushed == kEcx;
    add(at, saves ? Taking::saves : Taking::pushes, width(), fmt::format("push {}", name(pushed)));
    if (is_local) kept_ = found_.taken.size();
    return true;
  }

  // push 1; pop ecx: a constant put into a register.
  bool take_back(const Instruction&) {
    if (found_.taken.size() <= kept_) return false;
    found_.taken.pop_back();
    return true;
  }

  bool take_arithmetic(const Instruction& i, std::uint32_t at) {
    if (i.mod() != 3 || rm_of(i) != kEsp) return true;
    if (i.reg() == 7) return true;  // cmp
    if (i.reg() == 4) {             // and
      found_.aligns = true;
      const std::uint64_t mask = static_cast<std::uint64_t>(i.immediate);
      add(at, Taking::aligns, 0,
          fmt::format("and {},{}", sp(), masm(wide() ? mask : mask & 0xffffffff)));
      return true;
    }
    const bool lowers = (i.reg() == 5 && i.immediate > 0) || (i.reg() == 0 && i.immediate < 0);
    if (!lowers) return false;
    const std::uint64_t bytes = i.reg() == 5 ? static_cast<std::uint64_t>(i.immediate)
                                             : 0 - static_cast<std::uint64_t>(i.immediate);
    const std::uint64_t shown = static_cast<std::uint64_t>(i.immediate);
    add(at, Taking::allocates, bytes,
        fmt::format("{} {},{}", i.reg() == 5 ? "sub" : "add", sp(),
                    masm(wide() ? shown : shown & 0xffffffff)));
    return true;
  }

  bool take_lea(const Instruction& i, std::uint32_t at) {
    if (reg_of(i) != kEsp) return true;
    const bool from_sp = i.mod() != 3 && i.rm() == 4 && i.sib == 0x24 && (i.rex & 3) == 0;
    if (!from_sp || i.displacement >= 0) return false;
    const auto bytes = static_cast<std::uint64_t>(-std::int64_t{i.displacement});
    add(at, Taking::allocates, bytes, fmt::format("lea {0},[{0}-{1}]", sp(), masm(bytes)));
    return true;
  }

  // sub rsp, rax behind mov eax, n and a call that probed as much.
  bool take_subtraction(const Instruction& i, std::uint32_t at) {
    if (i.mod() != 3) return true;
    const std::uint8_t to = i.opcode == 0x2b ? reg_of(i) : rm_of(i);
    const std::uint8_t from = i.opcode == 0x2b ? rm_of(i) : reg_of(i);
    if (to != kEsp) return true;
    if (from != kEax || !eax_) return false;
    add(at, probed_ ? Taking::probes : Taking::allocates, *eax_,
        fmt::format("sub {},{} with {}={}", sp(), name(kEax), name(kEax), masm(*eax_)));
    return true;
  }

  bool take_call(const Instruction& i, std::uint32_t at) {
    if (wide()) {
      if (!eax_ || !is_subtraction_next()) return false;
      probed_ = true;
      return true;
    }
    const Helper helper =
        helper_at_ ? helper_at_(std::int64_t{offset_} + i.immediate) : Helper::none;
    if (helper == Helper::lowers_by_eax && eax_) {
      add(at, Taking::probes, *eax_, fmt::format("call __chkstk with eax={}", masm(*eax_)));
      eax_.reset();
      return true;
    }
    if (helper != Helper::sets_frame || !pushed_[0] || *pushed_[0] < 0) return false;
    add(at, Taking::allocates, static_cast<std::uint64_t>(*pushed_[0]),
        fmt::format("call __SEH_prolog behind push {}", number(*pushed_[0])));
    return false;
  }

  bool is_subtraction_next() const {
    const auto next = decode(code_.clamp(offset_, 15), mode_);
    return next && (next->is(Map::one_byte, 0x2b) || next->is(Map::one_byte, 0x29)) &&
           next->mod() == 3 && next->rex == 0x48 &&
           next->modrm == (next->opcode == 0x2b ? 0xe0 : 0xc4);
  }

  void drop_arguments() { found_.taken.resize(std::min(found_.taken.size(), kept_)); }

  base::Bytes code_;
  Mode mode_;
  const HelperAt& helper_at_;
  Prologue found_;
  std::uint32_t offset_ = 0;
  std::size_t kept_ = 0;  // of what was taken: pushes behind it may be arguments
  unsigned saved_ = 0;    // registers, a bit each
  std::optional<std::uint32_t> eax_;
  std::array<std::optional<std::int64_t>, 2> pushed_;  // the last two constants
  bool probed_ = false;
  bool behind_frame_pointer_ = false;
};

}  // namespace

std::string_view name_of(Taking taking) {
  switch (taking) {
    case Taking::saves:
      return "saves";
    case Taking::pushes:
      return "pushes";
    case Taking::allocates:
      return "allocates";
    case Taking::probes:
      return "probes";
    case Taking::aligns:
      break;
  }
  return "aligns";
}

std::uint64_t Prologue::bytes() const {
  std::uint64_t sum = 0;
  for (const StackTaken& each : taken) sum += each.bytes;  // each below 2^33, few of them
  return sum;
}

Prologue prologue_of(base::Bytes code, Mode mode, const HelperAt& helper_at) {
  return PrologueWalk(code, mode, helper_at).run();
}

}  // namespace ntstack::code
