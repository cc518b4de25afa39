#include "dump/kernel_stacks.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/text.h"
#include "dump/kernel_stacks_layout.h"

namespace ntstack::dump {
namespace {

namespace layout = kernel_stacks_layout;

KernelStackRecord record_of(const layout::Thread& from, base::Bytes stream) {
  KernelStackRecord record;
  record.status = from.status;
  record.flags = from.flags;
  record.object = from.object;
  record.create_time = from.create_time;
  record.time = from.time;
  record.stack_low = from.stack_low;
  record.stack_high = from.stack_high;
  record.hash = from.hash;
  record.callers_address = from.callers_address;
  record.callers_caller = from.callers_caller;
  if (from.state != layout::kUnknown) record.state = from.state;
  if (from.wait_reason != layout::kUnknown) record.wait_reason = from.wait_reason;
  const base::Bytes frames = stream.clamp(
      from.frames_offset, std::uint64_t{std::min(from.frame_count, layout::kMostFrames)} * 8);
  for (std::uint64_t at = 0; frames.contains(at, 8); at += 8)
    record.frames.push_back(frames.get_or<std::uint64_t>(at, 0));
  return record;
}

base::Result<layout::Header> header_of(base::Bytes stream) {
  const auto header = stream.get<layout::Header>(0);
  if (!header || std::memcmp(header->text, layout::kText, sizeof layout::kText) != 0)
    return base::fail(
        "the stream that says whose stacks these are is damaged: they are taken for a process's "
        "own");
  if (header->version > layout::kVersion || header->size < sizeof(layout::Header) ||
      header->thread_size < sizeof(layout::Thread))
    return base::fail(
        "the stream of kernel stacks is of format {}, and this program reads format {}: they are "
        "taken for a process's own",
        header->version, layout::kVersion);
  return *header;
}

// What the minidump has in whole seconds.
void take_times(const layout::Header& header, Dump& dump) {
  if (header.written == 0) return;
  dump.system_time = header.written;
  if (header.boot_time != 0 && header.boot_time <= header.written)
    dump.up_time = header.written - header.boot_time;
  if (header.process_create_time != 0) dump.process_create_time = header.process_create_time;
}

}  // namespace

base::Result<void> take_kernel_stacks(base::Bytes stream, std::uint64_t most_threads, Dump& dump) {
  const auto header = header_of(stream);
  if (!header) return std::unexpected(header.error());
  dump.kind = Kind::kernel_stacks;
  take_times(*header, dump);
  KernelStacks stacks;
  stacks.driver_version = header->driver_version;
  const base::Bytes name{std::as_bytes(std::span(header->process_name))};
  stacks.process_name = std::string(name.text(0));
  stacks.threads.resize(dump.threads.size());
  std::unordered_map<std::uint32_t, std::size_t> by_id;
  for (std::size_t i = 0; i < dump.threads.size(); ++i) by_id.emplace(dump.threads[i].id, i);
  const std::uint64_t size = header->thread_size;
  const base::Bytes entries = stream.clamp(header->size);
  const std::uint64_t count =
      std::min({std::uint64_t{header->thread_count}, entries.size() / size, most_threads});
  if (count < header->thread_count)
    dump.warnings.push_back(fmt::format("{} of {} threads that the driver was asked for are listed",
                                        count, header->thread_count));
  std::uint64_t room = stream.size() / 8;  // frames may not be the same bytes again and again
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = *entries.get<layout::Thread>(i * size);
    const auto [at, is_new] = by_id.try_emplace(entry.id, dump.threads.size());
    if (is_new) {
      dump.threads.emplace_back().id = entry.id;
      stacks.threads.emplace_back();
    }
    KernelStackRecord record = record_of(entry, stream);
    if (record.frames.size() > room) record.frames.clear();
    room -= record.frames.size();
    stacks.threads[at->second] = std::move(record);
  }
  dump.kernel_stacks = std::move(stacks);
  return {};
}

}  // namespace ntstack::dump
