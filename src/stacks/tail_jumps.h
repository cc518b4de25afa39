// Which functions a function may go on in without a call: by a jump at its end, or by running into
// the next one. What tells a tail call from a return address of another call.
#pragma once

#include <cstdint>

#include "base/byte_source.h"
#include "stacks/module_map.h"

namespace ntstack::stacks {

// The function that holds an address, by the image's function table (x64, ARM64); parts of another
// one count as functions of their own. Nothing where no table says.
struct Extent {
  std::uint64_t begin = 0, end = 0;
};
std::optional<Extent> extent_of(const ModuleMap& modules, std::uint64_t address);

// False: surely not. Follows the jumps that leave `from`'s function, and those of where they lead,
// a few functions far; a jump through a register may go anywhere. `to` is an address of the other
// function. `code`: the dump's memory, and images behind it.
bool may_jump(const ModuleMap& modules, const base::ByteSource& code,
              base::Architecture architecture, std::uint64_t from, std::uint64_t to);

}  // namespace ntstack::stacks
