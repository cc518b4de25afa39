#include "world/instruction_truth.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace ntstack::world {
namespace {

using namespace unwind::x64;

constexpr std::uint8_t nonvolatile[] = {rbx, rbp, rsi, rdi, r12, r13, r14, r15};

}  // namespace

bool InstructionTruth::fail(std::size_t depth, std::uint64_t rip, const std::string& what) {
  failures++;
  if (first_failures.size() < 50) {
    first_failures.push_back(
        fmt::format("at {:#x}, frame {} ({:#x}): {}", machine_->cpu().rip, depth, rip, what));
  }
  return false;
}

std::string InstructionTruth::compare(const Step& step, const ShadowFrame& frame,
                                      std::uint32_t loose) const {
  const Registers& caller = step.caller;
  if (caller.rip != frame.return_address)
    return fmt::format("return address {:#x}, is {:#x}", caller.rip, frame.return_address);
  if (caller.gpr[rsp] != frame.caller_sp)
    return fmt::format("child SP {:#x}, is {:#x}", caller.gpr[rsp], frame.caller_sp);
  if (step.machine_frame.has_value() != frame.machine_frame)
    return "a machine frame missed, or one too many";
  if (frame.machine_frame && *step.machine_frame != frame.slot)
    return "the machine frame is elsewhere";
  if (frame.machine_frame && step.machine_frame_has_error_code != frame.error_code)
    return "error code or not";
  for (const std::uint8_t number : nonvolatile) {
    if (loose >> number & 1) continue;
    if (!(caller.known >> number & 1)) return fmt::format("register {} is not known", number);
    if (caller.gpr[number] != frame.caller_gpr[number]) {
      return fmt::format("register {} is {:#x}, was {:#x} at the call", number, caller.gpr[number],
                         frame.caller_gpr[number]);
    }
  }
  return {};
}

bool InstructionTruth::walk(RuleCache* cache) {
  const Cpu cpu = machine_->cpu();
  Registers registers;
  registers.gpr = cpu.gpr;
  registers.rip = cpu.rip;
  registers.known = 0xffff;
  bool is_call_site = false;
  std::uint32_t loose = 0;
  std::size_t depth = 0;
  for (auto frame = machine_->shadow.rbegin(); frame != machine_->shadow.rend(); ++frame, ++depth) {
    const auto stepped = step(*code_, memory_, registers, is_call_site, cache);
    if (is_call_site && find_exemption(not_described, registers.rip)) {
      if (!stepped && stepped.error() == StepError::not_described) return true;
      return fail(depth, registers.rip, "should be refused as not described");
    }
    if (!stepped) return fail(depth, registers.rip, std::string(text_of(stepped.error())));
    if (loose_entries.contains(frame->entry)) loose |= 1u << rbx | 1u << rsi | 1u << rdi;
    if (const std::string wrong = compare(*stepped, *frame, loose); !wrong.empty())
      return fail(depth, registers.rip, wrong);
    steps++;
    registers = stepped->caller;
    is_call_site = !frame->machine_frame;
  }
  return true;
}

void InstructionTruth::check(std::uint64_t address) {
  reached.insert(address);
  unsigned& seen = seen_[{address, machine_->shadow.size()}];
  if (seen >= visits || find_exemption(not_asked, address)) return;
  seen++;
  if (check_here()) checked.insert(address);
}

bool InstructionTruth::check_here() {
  walks++;
  return walk(nullptr) && walk(&cache_);
}

bool is_nop(const LoadedImage& image, std::uint64_t address) {
  csh disassembler;
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler) != CS_ERR_OK)
    throw std::runtime_error("cs_open");
  cs_insn* decoded = nullptr;
  const std::uint64_t offset = address - image.base;
  const std::size_t count = cs_disasm(disassembler, image.pages.data() + offset,
                                      image.size - offset, address, 1, &decoded);
  const bool nop = count == 1 && decoded->id == X86_INS_NOP;
  cs_free(decoded, count);
  cs_close(&disassembler);
  return nop;
}

std::vector<std::uint64_t> instructions_of(const LoadedImage& image) {
  // Starts of functions: of the function table, and names of .text outside of its entries.
  std::map<std::uint32_t, std::uint32_t> ranges(image.functions.begin(), image.functions.end());
  const auto described = [&](std::uint32_t rva) {
    return std::ranges::any_of(
        image.functions, [&](const auto& each) { return rva >= each.first && rva < each.second; });
  };
  for (const auto& [name, address] : image.symbols) {
    const auto rva = static_cast<std::uint32_t>(address - image.base);
    if (rva >= image.text_begin && rva < image.text_end && !described(rva)) ranges[rva] = 0;
  }
  csh disassembler;
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler) != CS_ERR_OK)
    throw std::runtime_error("cs_open");
  cs_insn* instruction = cs_malloc(disassembler);
  std::vector<std::uint64_t> found;
  for (auto range = ranges.begin(); range != ranges.end(); ++range) {
    const auto next = std::next(range);
    const std::uint32_t limit = range->second != 0     ? range->second
                                : next == ranges.end() ? image.text_end
                                                       : next->first;
    const std::uint8_t* code = image.pages.data() + range->first;
    std::size_t size = limit - range->first;
    std::uint64_t address = image.base + range->first;
    std::vector<std::uint64_t> own;
    std::size_t kept = 0;  // without the padding at the end
    while (cs_disasm_iter(disassembler, &code, &size, &address, instruction)) {
      own.push_back(instruction->address);
      if (instruction->id != X86_INS_INT3 && instruction->id != X86_INS_NOP) kept = own.size();
    }
    if (range->second != 0) kept = own.size();
    found.insert(found.end(), own.begin(), own.begin() + static_cast<std::ptrdiff_t>(kept));
  }
  cs_free(instruction, 1);
  cs_close(&disassembler);
  return found;
}

}  // namespace ntstack::world
