#include "world_arm64/truth.h"

#include <fmt/format.h>

#include <cstring>

namespace ntstack::world {
namespace {

namespace arm64 = unwind::arm64;

constexpr std::uint32_t nop = 0xd503201f;

arm64::Frame frame_of(Arm64Entry entered) {
  switch (entered) {
    case Arm64Entry::trap:
      return arm64::Frame::trap_frame;
    case Arm64Entry::machine_frame:
      return arm64::Frame::machine_frame;
    case Arm64Entry::context:
      return arm64::Frame::context;
    case Arm64Entry::call:
    case Arm64Entry::made_by_hand:
      break;
  }
  return arm64::Frame::none;
}

// What the frame's caller had and the unwinder must give: registers that a call preserves, and all
// that a trap frame or a context holds.
std::uint32_t owed(Arm64Entry entered) {
  constexpr std::uint32_t nonvolatile = 0x3ff80000;
  return entered == Arm64Entry::trap || entered == Arm64Entry::context ? 0x7fffffff : nonvolatile;
}

}  // namespace

bool Arm64Truth::fail(std::size_t depth, std::uint64_t pc, const std::string& what) {
  failures++;
  if (first_failures.size() < 50) {
    first_failures.push_back(
        fmt::format("at {:#x}, frame {} ({:#x}): {}", machine_->cpu().pc, depth, pc, what));
  }
  return false;
}

std::string Arm64Truth::compare(const arm64::Step& step, const Arm64ShadowFrame& frame) const {
  const arm64::Registers& caller = step.caller;
  if (caller.pc != frame.caller.pc)
    return fmt::format("return address {:#x}, is {:#x}", caller.pc, frame.caller.pc);
  if (caller.sp != frame.caller.sp)
    return fmt::format("child SP {:#x}, is {:#x}", caller.sp, frame.caller.sp);
  if (step.frame != frame_of(frame.entered)) return "another kind of frame than it is";
  if (step.frame != arm64::Frame::none && step.frame_address != frame.frame_address)
    return fmt::format("crossed {:#x}, is {:#x}", step.frame_address, frame.frame_address);
  if (step.from_user != frame.from_user) return "from user mode or not";
  for (unsigned i = give_results.contains(frame.entry) ? 1 : 0; i < 31; i++) {
    const bool known = (caller.known >> i & 1) != 0;
    if (!known && (owed(frame.entered) >> i & 1) != 0) return fmt::format("x{} is not known", i);
    if (known && caller.x[i] != frame.caller.x[i])
      return fmt::format("x{} is {:#x}, was {:#x}", i, caller.x[i], frame.caller.x[i]);
  }
  return {};
}

bool Arm64Truth::walk(arm64::RuleCache* cache) {
  const Arm64Cpu cpu = machine_->cpu();
  arm64::Registers registers{cpu.x, cpu.sp, cpu.pc, 0x7fffffff};
  bool is_call_site = false;
  std::size_t depth = 0;
  for (auto frame = machine_->shadow.rbegin(); frame != machine_->shadow.rend(); ++frame, ++depth) {
    const auto step = arm64::step(*code_, memory_, registers, is_call_site, cache);
    if (is_call_site && find_exemption(not_described, registers.pc)) {
      if (!step && step.error() == arm64::StepError::not_described) return true;
      return fail(depth, registers.pc, "should be refused as not described");
    }
    if (!step) return fail(depth, registers.pc, std::string(text_of(step.error())));
    if (const std::string wrong = compare(*step, *frame); !wrong.empty())
      return fail(depth, registers.pc, wrong);
    steps++;
    signed_steps += step->signed_return;
    if (step->frame != arm64::Frame::none) crossed[step->frame]++;
    registers = step->caller;
    is_call_site = step->is_call_site;
  }
  deepest = std::max<std::uint64_t>(deepest, depth);
  return true;
}

void Arm64Truth::check(std::uint64_t address) {
  reached.insert(address);
  unsigned& seen = seen_[{address, machine_->shadow.size()}];
  if (seen >= visits || find_exemption(not_asked, address)) return;
  seen++;
  if (check_here()) checked.insert(address);
}

bool Arm64Truth::check_here() {
  walks++;
  return walk(nullptr) && walk(&cache_);
}

std::vector<std::uint64_t> arm64_instructions_of(const LoadedImage& image) {
  std::set<std::uint64_t> starts;  // of what the map names
  for (const auto& [name, address] : image.symbols) starts.insert(address);
  starts.insert(image.base + image.text_end);
  std::vector<std::uint64_t> found;
  std::size_t kept = 0;  // without the padding before the next name
  for (std::uint32_t rva = image.text_begin; rva + 4 <= image.text_end; rva += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, image.pages.data() + rva, sizeof word);
    if (starts.contains(image.base + rva)) found.resize(kept);
    found.push_back(image.base + rva);
    if (word != nop && word != 0) kept = found.size();
  }
  found.resize(kept);
  return found;
}

}  // namespace ntstack::world
