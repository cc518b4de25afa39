// Mutates an answer of ntstack's driver and keeps what is checked first: sizes, the version, and
// that each thread's parts lie in the answer.
#pragma once

#include "driver/protocol.h"
#include "mutate.h"

namespace ntstack::fuzz {

inline std::size_t mutate_driver_answer(std::uint8_t* data, std::size_t size, std::size_t most,
                                        unsigned seed) {
  using driver::CaptureOut, driver::ThreadOut;
  Chance chance(seed);
  if (size < sizeof(CaptureOut) + sizeof(ThreadOut) || chance.one_in(16))
    return LLVMFuzzerMutate(data, size, most);
  Data answer(data, data + size);
  mutate_in_place(answer, chance.one_in(2) ? 16 : chance.below(size),
                  chance.one_in(2) ? sizeof(ThreadOut) : size);
  auto head = get<CaptureOut>(answer, 0);
  const std::size_t threads = std::min<std::size_t>(std::max<std::uint32_t>(head.thread_count, 1),
                                                    (size - sizeof head) / sizeof(ThreadOut));
  constexpr std::uint32_t kMachines[] = {0x8664, 0x14c, 0xaa64};
  head = {sizeof head, driver::kVersion, kMachines[chance.below(3)],
          static_cast<std::uint32_t>(threads)};
  put(answer, 0, head);
  std::size_t free = sizeof head + threads * sizeof(ThreadOut);
  for (std::size_t i = 0; i < threads; ++i) {
    const std::size_t at = sizeof head + i * sizeof(ThreadOut);
    auto thread = get<ThreadOut>(answer, at);
    // Parts one after the other, as far as there is room.
    const std::size_t frames = std::min<std::size_t>(thread.frame_count % 64, (size - free) / 8);
    thread.frame_count = static_cast<std::uint32_t>(frames);
    thread.frames_offset = static_cast<std::uint32_t>(free);
    free += frames * 8;
    thread.stack_size = static_cast<std::uint32_t>(
        std::min<std::size_t>(thread.stack_size % 512 & ~7u, (size - free) & ~std::size_t{7}));
    thread.stack_offset = static_cast<std::uint32_t>(free);
    free += thread.stack_size;
    thread.stack_low = thread.registers.sp & ~std::uint64_t{0xfff};
    thread.stack_high = thread.registers.sp + thread.stack_size;
    if (!chance.one_in(4)) thread.status = 0;
    if (thread.status != 0) thread.frame_count = thread.stack_size = thread.older_offset = 0;
    if (!chance.one_in(4)) thread.older_offset = 0;
    put(answer, at, thread);
  }
  return give(answer, data, most);
}

}  // namespace ntstack::fuzz
