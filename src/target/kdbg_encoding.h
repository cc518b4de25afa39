// Since Windows 8, x64 keeps KDDEBUGGER_DATA64 encoded while no debugger is attached: live dumps
// and memory images hold it so, crash dumps mostly not.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
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

// Without symbols: KiWaitNever is one of `candidates` (words of nt's data), and the rest follows
// from what the block must say of itself: its tag, one of the sizes that it has had, and the
// kernel's base. Two words that agree on the rest are found by chance once in 2^64 trials.
std::optional<std::vector<std::byte>> find_kdbg_key_and_read(
    const base::ByteSource& memory, std::uint64_t address, std::uint64_t kernel_base,
    std::span<const std::uint64_t> candidates);

}  // namespace ntstack::target
