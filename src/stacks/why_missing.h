// Why a thread's stack, or a part of it, is not in a dump: swapped out, gone with the thread, or
// left out by whatever wrote the dump.
#pragma once

#include <cstdint>
#include <string>

#include "stacks/stack.h"
#include "target/machine.h"

namespace ntstack::stacks {

struct WhyMissing {
  End end = End::lost;
  std::string reason;  // a sentence
};

// Of a thread for whose stack no start was found.
WhyMissing why_no_start(const target::Machine& machine, const target::Thread& thread);

// What the page tables say of an address that can't be read, to go behind "... is not in the dump":
// ": it was paged out"; empty where there are no page tables, or nothing to add.
std::string why_address_is_missing(const target::Machine& machine, std::uint64_t address);

// What a stack's reader should know of its thread's state: of one that has terminated, or whose
// kernel stack was marked as swapped out.
void add_state_notes(const target::Machine& machine, const target::Thread& thread, Stack& stack);

}  // namespace ntstack::stacks
