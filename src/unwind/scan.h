// When nothing better is known: the next slot of the stack that holds what may be a return address.
// Always a guess. Where the code before the address can be had, a call must end there.
#pragma once

#include <cstdint>
#include <optional>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "unwind/code_map.h"

namespace ntstack::unwind {

struct ScanHit {
  std::uint64_t slot = 0;         // address of the slot
  std::uint64_t value = 0;        // the return address, a signed one (ARM64) without its signature
  bool verified_by_code = false;  // a call ends at the value; false: the code is not at hand
};

// Looks through the slots of [from, end), a mebibyte at most; holes in the memory are passed over.
// A value counts where it lies in a module, in one of its executable sections if those are known,
// in a function that the module's table describes if that is whole, and behind a call if the
// code is at hand: in the image, or in `memory`.
std::optional<ScanHit> scan(const CodeMap& code, const base::ByteSource& memory,
                            base::Architecture architecture, std::uint64_t from, std::uint64_t end);

// Where frame pointers are saved below return addresses (x86, ARM64): the first slot of a return
// address from which a chain of three such pairs leads up the stack. Looks as far as scan() does.
std::optional<ScanHit> scan_for_chain(const CodeMap& code, const base::ByteSource& memory,
                                      base::Architecture architecture, std::uint64_t from,
                                      std::uint64_t end);

}  // namespace ntstack::unwind
