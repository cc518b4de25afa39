// Answers of ntstack's driver, and files of kernel stacks that their threads are written to.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "capture/driver_client.h"
#include "capture/driver_stacks.h"
#include "dump/kernel_stacks.h"
#include "mutate_driver.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  const base::Bytes bytes(std::as_bytes(std::span(data, size)));
  static_cast<void>(capture::read_driver_facts(bytes));
  // As many threads as it says: any other number is refused at once.
  const std::uint32_t asked = bytes.get_or<std::uint32_t>(12, 0);
  const auto answer = capture::read_driver_answer(bytes, asked);
  if (!answer) return 0;
  std::size_t taken = 0;
  dump::Dump dump;
  dump.architecture = answer->architecture;
  dump.kernel_stacks.emplace();
  std::vector<std::vector<std::byte>> contexts;
  std::vector<base::SegmentSource::Segment> stacks;
  for (const capture::DriverThread& thread : answer->threads) {
    taken += thread.frames.size() * 8 + thread.stack.size();
    if (thread.stack.size() > thread.stack_high - thread.registers.sp) std::abort();
    dump::ThreadRecord& record = dump.threads.emplace_back();
    record.id = thread.thread_id;
    contexts.push_back(capture::context_of(thread.registers, answer->architecture));
    record.stack_address = thread.registers.sp;
    record.stack_size = thread.stack.size();
    stacks.push_back({thread.registers.sp, thread.stack});
    dump.kernel_stacks->threads.emplace_back().frames = thread.frames;
  }
  if (taken > size) std::abort();
  for (std::size_t i = 0; i < contexts.size(); ++i)
    dump.threads[i].context = base::Bytes(contexts[i]);
  dump.memory = std::make_unique<base::SegmentSource>(std::move(stacks));
  const auto file = dump::kernel_stacks_file(dump);
  if (file && !dump::parse(base::Bytes(*file))) std::abort();
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  return ntstack::fuzz::mutate_driver_answer(data, size, most, seed);
}

extern "C" bool LLVMFuzzerDoor(const std::uint8_t* data, std::size_t size) {
  const auto answer = ntstack::base::Bytes::of(std::span(data, size));
  const auto asked = answer.get_or<std::uint32_t>(12, 0);
  return ntstack::capture::read_driver_answer(answer, asked).has_value();
}
