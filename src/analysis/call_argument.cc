#include "analysis/call_argument.h"

#include <fmt/format.h>

#include <algorithm>

namespace ntstack::analysis {

using base::Architecture;
using code::RegisterNumber;
using stacks::Frame;
using stacks::Stack;

namespace {

constexpr unsigned kMostPassedOn = 4;  // callers that pass on what they were given

std::optional<RegisterNumber> argument_register(Architecture architecture, unsigned index,
                                                Convention convention) {
  constexpr RegisterNumber x64[] = {1, 2, 8, 9};  // rcx, rdx, r8, r9
  if (index > 3) return std::nullopt;
  if (architecture == Architecture::x64) return x64[index];
  if (architecture == Architecture::arm64) return static_cast<RegisterNumber>(index);
  if (convention == Convention::fastcall && index < 2)
    return static_cast<RegisterNumber>(1 + index);  // ecx, edx
  return std::nullopt;
}

std::string function_of(const Frame& frame) {
  const std::string& name = frame.symbol.name;
  return name.empty() ? frame.symbol.text() : frame.symbol.module + "!" + name;
}

}  // namespace

const CallArguments::Places& CallArguments::places_of(Known& known, const FrameSpace& space,
                                                      const Frame& frame, RegisterNumber argument,
                                                      unsigned index) {
  const auto [at, is_new] = known.places.try_emplace(Key{&space, frame.ip, index});
  if (is_new) at->second = known.look(*space.code, frame.ip, argument);
  return at->second;
}

std::optional<CallArgument> CallArguments::in_callee(const Stack& stack,
                                                     std::span<const FrameRegister> registers,
                                                     std::size_t frame, std::size_t caller,
                                                     RegisterNumber argument, unsigned index) {
  const Frame& callee = stack.frames[frame];
  const FrameSpace* space = registers_.space_of(stack, callee);
  if (!space) return std::nullopt;
  const Architecture architecture = space->code->architecture_at(callee.ip);
  const bool wide = base::is_64_bit(architecture);
  for (const ArgumentPlace& place : places_of(in_callee_, *space, callee, argument, index)) {
    if (place.kind == ArgumentPlace::in_register) {
      const auto value = register_in(registers[frame].registers, place.number);
      if (value)
        return CallArgument{
            *value, at_most(place.certainty, registers[frame].certainty),
            fmt::format("in {}, where {} keeps it", code::register_name(architecture, place.number),
                        function_of(callee)),
            std::nullopt};
    } else if (place.kind == ArgumentPlace::at_entry) {
      // The call put the return address below the caller's stack pointer, on ARM64 nothing.
      const std::uint64_t entry =
          stack.frames[caller].child_sp - (architecture == Architecture::arm64 ? 0
                                           : wide                              ? 8
                                                                               : 4);
      const auto value = space->memory->pointer(entry + place.value, wide);
      if (value)
        return CallArgument{*value, at_most(place.certainty, registers[caller].certainty),
                            fmt::format("on the stack, where {} put it", function_of(callee)),
                            std::nullopt};
    }
  }
  return std::nullopt;
}

std::optional<CallArgument> CallArguments::in_caller(const Stack& stack,
                                                     std::span<const FrameRegister> registers,
                                                     std::size_t caller, RegisterNumber argument,
                                                     unsigned index, Convention convention,
                                                     unsigned depth) {
  const Frame& frame = stack.frames[caller];
  const FrameSpace* space = registers_.space_of(stack, frame);
  if (!space || !frame.is_call_site) return std::nullopt;
  const Architecture architecture = space->code->architecture_at(frame.ip);
  const bool wide = base::is_64_bit(architecture);
  const auto found = [&](std::uint64_t value, const ArgumentPlace& place, std::string_view from,
                         std::optional<std::uint64_t> container) {
    return CallArgument{value, at_most(place.certainty, registers[caller].certainty),
                        fmt::format("{} passed it {}", function_of(frame), from), container};
  };
  for (const ArgumentPlace& place : places_of(in_caller_, *space, frame, argument, index)) {
    const auto base = register_in(registers[caller].registers, place.number);
    const std::string name = code::register_name(architecture, place.number);
    switch (place.kind) {
      case ArgumentPlace::constant:
        return found(place.value, place, "as a fixed address", std::nullopt);
      case ArgumentPlace::in_register: {
        if (!base) break;
        const bool is_part = place.value != 0 && is_kept_by_calls(architecture, place.number);
        return found(*base + place.value, place, "from " + name,
                     is_part ? base : std::optional<std::uint64_t>());
      }
      case ArgumentPlace::in_memory:
      case ArgumentPlace::at_fixed: {
        if (place.kind == ArgumentPlace::in_memory && !base) break;
        const bool is_fixed = place.kind == ArgumentPlace::at_fixed;
        const std::uint64_t at = place.value + (is_fixed ? 0 : *base);
        const auto value = space->memory->pointer(at, wide);
        if (!value) break;
        const bool is_part = !is_fixed && is_kept_by_calls(architecture, place.number);
        return found(*value, place, "from memory", is_part ? base : std::optional<std::uint64_t>());
      }
      case ArgumentPlace::passed_on: {
        if (depth >= kMostPassedOn) break;
        auto own = find(stack, registers, caller, static_cast<unsigned>(place.value), convention,
                        depth + 1);
        if (own) return own;
        break;
      }
      case ArgumentPlace::at_entry:
        break;
    }
  }
  return std::nullopt;
}

std::optional<CallArgument> CallArguments::find(const Stack& stack,
                                                std::span<const FrameRegister> registers,
                                                std::size_t frame, unsigned index,
                                                Convention convention, unsigned depth) {
  if (frame >= stack.frames.size() || stack.frames[frame].is_inline) return std::nullopt;
  const Frame& callee = stack.frames[frame];
  const FrameSpace* space = registers_.space_of(stack, callee);
  const auto caller = frame_below(stack, frame);
  if (!space || !caller) return std::nullopt;
  const Architecture architecture = space->code->architecture_at(callee.ip);
  const auto argument = argument_register(architecture, index, convention);
  if (!argument) {
    if (architecture != Architecture::x86 || !callee.child_ebp) return std::nullopt;
    // Behind the return address, which lies above what EBP points to.
    const auto value = space->memory->pointer(*callee.child_ebp + 8 + 4 * index, false);
    if (!value) return std::nullopt;
    return CallArgument{*value, at_most(Certainty::likely, registers[frame].certainty),
                        "an argument on the stack of " + function_of(callee), std::nullopt};
  }
  auto kept = in_callee(stack, registers, frame, *caller, *argument, index);
  auto passed = in_caller(stack, registers, *caller, *argument, index, convention, depth);
  if (!kept || !passed) return kept ? kept : passed;
  if (kept->value == passed->value) {
    if (passed->certainty > kept->certainty) std::swap(kept, passed);
    if (!kept->container) kept->container = passed->container;
    return kept;
  }
  // One of them has changed since.
  if (passed->certainty > kept->certainty) std::swap(kept, passed);
  if (passed->certainty == kept->certainty) kept->certainty = Certainty::possible;
  return kept;
}

std::optional<CallArgument> CallArguments::of(const Stack& stack,
                                              std::span<const FrameRegister> registers,
                                              std::size_t frame, unsigned index,
                                              Convention convention) {
  if (registers.size() != stack.frames.size()) return std::nullopt;
  return find(stack, registers, frame, index, convention, 0);
}

}  // namespace ntstack::analysis
