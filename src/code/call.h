// Does a call end at an address? What a scan asks of a value that may be a return address.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "code/instruction.h"

namespace ntstack::code {

enum class CallKind : std::uint8_t {
  direct,           // E8: `distance` from the return address to the target
  through_pointer,  // FF /2 with [RIP + distance] (x64) or [distance] (x86): where the target is
                    // stored
  indirect,         // FF /2 with registers
  far               // FF /3 or 9A: to another code segment
};

struct Call {
  CallKind kind = CallKind::direct;
  // From the call's first byte to the return address, without prefixes.
  std::uint8_t length = 0;
  std::int32_t distance = 0;

  std::uint64_t target(std::uint64_t return_address) const {
    return return_address + static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
  }
};

// How many bytes before the return address are worth having.
inline constexpr std::size_t kBytesBeforeReturn = 16;

// The call that ends exactly at the end of `before`, the bytes before a return address. A call to
// an import of a Windows driver is followed by a five-byte NOP that the loader may have made part
// of a longer call: the end of that NOP counts as the end of the call.
std::optional<Call> call_before(base::Bytes before, Mode mode);

}  // namespace ntstack::code
