// Since Windows 8, x64 keeps KDDEBUGGER_DATA64 encoded while no debugger is attached: live dumps
// and memory images hold it so, crash dumps mostly not.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::target {

// What the kernel encodes with: the values of nt!KiWaitNever and nt!KiWaitAlways, and the address
// of nt!KdpDataBlockEncoded.
struct KdbgKey {
  std::uint64_t wait_never = 0, wait_always = 0, encoded_flag = 0;
};

std::uint64_t decode_kdbg_word(std::uint64_t word, const KdbgKey& key);

// The block at `address`, as it stands or decoded by `key`; nothing where it is neither. At most
// 4096 bytes, as its own size says.
std::optional<std::vector<std::byte>> read_kdbg(const base::ByteSource& memory,
                                                std::uint64_t address, const KdbgKey* key);

// Without symbols. Both constants of the key come into every word alike, so one word that is known
// - the kernel's base - gives them, but for how far KiWaitNever rotates: the one of 64 ways that
// makes the tag, and one of the sizes that the block has had. A wrong way passes once in 2^50
// trials.
std::optional<std::vector<std::byte>> read_kdbg_without_key(const base::ByteSource& memory,
                                                            std::uint64_t address,
                                                            std::uint64_t kernel_base);

}  // namespace ntstack::target
