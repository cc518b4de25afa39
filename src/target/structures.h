// Reads one kernel structure each - KPRCB, ETHREAD, EPROCESS, KSTACK_CONTROL - from memory.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_source.h"
#include "target/machine.h"
#include "target/offsets/offsets.h"

namespace ntstack::target {

// What reading a structure needs to know.
struct Layout {
  const Offsets& offsets;
  base::Architecture architecture;
  std::uint32_t build;
  bool is_64_bit() const { return base::is_64_bit(architecture); }

  std::optional<std::uint64_t> pointer(const base::ByteSource& memory, std::uint64_t object,
                                       Field field) const;
  std::optional<std::uint8_t> byte(const base::ByteSource& memory, std::uint64_t object,
                                   Field field) const;
};

// Bytes of a CONTEXT record.
std::size_t context_size(base::Architecture architecture);

// A KPRCB at `prcb` of `source`; contexts and stacks are read from `memory`. Nothing where not even
// the current thread can be read.
std::optional<Processor> read_processor(const base::ByteSource& source, std::uint64_t prcb,
                                        const base::ByteSource& memory, const Layout& layout);

// True where the object at `address` can be nothing but a thread: its type, and a stack that is
// one.
bool looks_like_thread(const base::ByteSource& memory, std::uint64_t address, const Layout& layout);

Thread read_thread(const base::ByteSource& memory, std::uint64_t address, const Layout& layout);
// What SetThreadDescription named it, UTF-8; empty: nothing did, or it can't be read.
std::string read_thread_name(const base::ByteSource& memory, std::uint64_t address,
                             const Layout& layout);
Process read_process(const base::ByteSource& memory, std::uint64_t address, const Layout& layout);

// False where memory has no byte of the kernel stack that `thread` uses; true where that is
// unknown.
bool has_stack_bytes(const base::ByteSource& memory, const Thread& thread);

// The segments of a thread's kernel stack, the one in use first; the chain of KSTACK_CONTROL
// followed as far as it makes sense.
std::vector<StackSegment> read_stack_segments(const base::ByteSource& memory, const Thread& thread,
                                              std::uint64_t limit, std::uint64_t base,
                                              const Layout& layout);

}  // namespace ntstack::target
