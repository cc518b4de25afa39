#include "stacks/why_missing.h"

#include <fmt/format.h>

#include "base/text.h"
#include "target/facts.h"
#include "target/structures.h"

namespace ntstack::stacks {
namespace {

constexpr std::string_view kSwappedOut =
    "its kernel stack is swapped out (paged to disk), not in the dump";

std::optional<memory::Fault> fault_at(const target::Machine& machine, std::uint64_t address) {
  const memory::PageTables* tables = machine.kernel().page_tables();
  if (!tables) return std::nullopt;
  const auto found = tables->translate(address);
  return found ? std::nullopt : std::optional(found.error());
}

// Where the thread's stack pointer was, or the top of its stack.
std::uint64_t place_of_stack(const target::Thread& thread) {
  if (thread.kernel_stack.value_or(0) != 0) return *thread.kernel_stack;
  return thread.segments.empty() ? 0 : thread.segments.front().base - 8;
}

}  // namespace

WhyMissing why_no_start(const target::Machine& machine, const target::Thread& thread) {
  const std::uint64_t place = place_of_stack(thread);
  if (is_terminated(thread) && (place == 0 || !machine.memory().get<std::uint8_t>(place)))
    return {End::memory_missing, "the thread has terminated, and its kernel stack is gone"};
  const bool is_triage = machine.dump().kind == dump::Kind::triage;
  if (is_triage && !machine.captures().empty() && !has_stack_bytes(machine.memory(), thread))
    return {
        End::memory_missing,
        "its stack did not fit into the dump: the thread object is there, no byte of its stack"};
  if (place == 0 || machine.memory().get<std::uint8_t>(place))
    return {End::lost, "where the thread was running is not in the dump"};
  const auto fault = fault_at(machine, place);
  if (fault == memory::Fault::paged_out || target::is_stack_resident(machine, thread) == false)
    return {End::memory_missing, std::string(kSwappedOut)};
  return {End::memory_missing, fmt::format("its kernel stack at {} is not in the dump{}",
                                           base::address_text(place, machine.is_64_bit()),
                                           why_address_is_missing(machine, place))};
}

std::string why_address_is_missing(const target::Machine& machine, std::uint64_t address) {
  const auto fault = fault_at(machine, address);
  return fault ? fmt::format(": {}", text_of(*fault)) : "";
}

void add_state_notes(const target::Machine& machine, const target::Thread& thread, Stack& stack) {
  if (is_terminated(thread))
    stack.notes.push_back("the thread has terminated: this is what is left of its stack");
  else if (stack.end != End::memory_missing && is_stack_resident(machine, thread) == false)
    stack.notes.push_back(
        "the thread's kernel stack is marked as swapped out; its pages were still in memory");
}

}  // namespace ntstack::stacks
