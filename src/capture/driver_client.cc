#include "capture/driver_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

constexpr std::string_view kRemedy =
    "install the ntstack.sys that came with this program (ntstack driver stop, then remove, "
    "install and start)";

base::Error wrong(std::string what) {
  return base::Error{fmt::format("ntstack's driver answered with something else: {}", what), {}};
}

base::Error other_version(std::uint32_t version) {
  return base::Error{fmt::format("the driver that runs speaks version {} of its language, and this "
                                 "program version {}: {}",
                                 version, driver::kVersion, kRemedy),
                     {}};
}

// Where the parts of an answer may lie, and how much of it they may claim together: a writer
// that names the same bytes for every thread does not make them many.
struct Room {
  std::uint64_t begin = 0;  // behind the threads
  std::uint64_t left = 0;   // bytes
};

std::expected<base::Bytes, std::string> part(base::Bytes answer, Room& room, std::uint32_t offset,
                                             std::uint64_t size, std::string_view what) {
  if (size == 0) return base::Bytes();
  const auto bytes = answer.slice(offset, size);
  if (!bytes || offset < room.begin)
    return std::unexpected(
        fmt::format("{} at {:#x}, {:#x} bytes, of {:#x}", what, offset, size, answer.size()));
  if (size > room.left) return std::unexpected(fmt::format("{} that lie over others", what));
  room.left -= size;
  return *bytes;
}

std::string check_stack(std::uint64_t low, std::uint64_t high, std::uint64_t sp,
                        std::uint32_t size) {
  if (size == 0) return "";  // it may have been on a stack that is not its own
  if (low >= high) return fmt::format("a stack from {:#x} to {:#x}", low, high);
  if (sp < low || sp > high) return fmt::format("a stack pointer {:#x} outside of its stack", sp);
  if (size > driver::kMostStackBytes || size > high - sp)
    return fmt::format("{:#x} bytes of a stack that has fewer", size);
  return "";
}

// Each record takes some of the room, so that a chain that goes round ends.
std::expected<std::vector<DriverOlderStack>, std::string> older_stacks(base::Bytes answer,
                                                                       std::uint32_t offset,
                                                                       Room& room) {
  std::vector<DriverOlderStack> stacks;
  while (offset != 0) {
    if (stacks.size() == driver::kMostOlderStacks) return std::unexpected("too many older stacks");
    const auto record = part(answer, room, offset, sizeof(driver::OlderStack), "an older stack");
    if (!record) return std::unexpected(record.error());
    const auto from = *record->get<driver::OlderStack>(0);
    if (std::string what = check_stack(from.low, from.high, from.sp, from.size); !what.empty())
      return std::unexpected(std::move(what));
    const auto bytes = part(answer, room, from.offset, from.size, "an older stack's bytes");
    if (!bytes) return std::unexpected(bytes.error());
    stacks.push_back({from.low, from.high, from.sp, *bytes});
    offset = from.next_offset;
  }
  return stacks;
}

DriverThread heads_of(const driver::ThreadOut& from) {
  DriverThread thread;
  thread.status = from.status;
  thread.flags = from.flags;
  thread.process_id = from.process_id;
  thread.thread_id = from.thread_id;
  thread.time = from.time;
  thread.stack_low = from.stack_low;
  thread.stack_high = from.stack_high;
  thread.registers = from.registers;
  thread.callers_address = from.callers_address;
  thread.callers_caller = from.callers_caller;
  thread.hash = from.hash;
  return thread;
}

std::expected<DriverThread, std::string> thread_of(base::Bytes answer,
                                                   const driver::ThreadOut& from, Room& room) {
  DriverThread thread = heads_of(from);
  if (from.status != kSuccess) {
    if (from.frame_count != 0 || from.stack_size != 0 || from.older_offset != 0)
      return std::unexpected("frames or a stack of a thread that was not captured");
    return thread;
  }
  if (std::string what =
          check_stack(from.stack_low, from.stack_high, from.registers.sp, from.stack_size);
      !what.empty())
    return std::unexpected(std::move(what));
  if (from.frame_count > driver::kMostFrames)
    return std::unexpected(fmt::format("{} frames", from.frame_count));
  const auto frames =
      part(answer, room, from.frames_offset, std::uint64_t{from.frame_count} * 8, "frames");
  if (!frames) return std::unexpected(frames.error());
  const auto stack = part(answer, room, from.stack_offset, from.stack_size, "a stack");
  if (!stack) return std::unexpected(stack.error());
  thread.frames.resize(from.frame_count);
  if (!frames->empty()) std::memcpy(thread.frames.data(), frames->data(), frames->size());
  thread.stack = *stack;
  auto older = older_stacks(answer, from.older_offset, room);
  if (!older) return std::unexpected(std::move(older.error()));
  thread.older = std::move(*older);
  return thread;
}

std::span<const std::byte> bytes_of(const auto& structure) {
  return std::as_bytes(std::span(&structure, 1));
}

}  // namespace

base::Result<DriverFacts> read_driver_facts(base::Bytes answer) {
  // These two stand in front in every version.
  const auto size = answer.get<std::uint32_t>(0), version = answer.get<std::uint32_t>(4);
  if (!size || !version) return std::unexpected(wrong(fmt::format("{} bytes", answer.size())));
  if (*version != driver::kVersion) return std::unexpected(other_version(*version));
  const auto out = answer.get<driver::QueryOut>(0);
  if (!out || *size != sizeof *out)
    return std::unexpected(wrong(fmt::format("{} bytes that say {}", answer.size(), *size)));
  DriverFacts facts;
  facts.version = out->version;
  facts.architecture = base::architecture_of_machine(out->architecture);
  facts.can_remove_apcs = (out->capabilities & driver::kCanRemoveApcs) != 0;
  facts.can_release_later = (out->capabilities & driver::kCanReleaseLater) != 0;
  facts.can_crash = (out->capabilities & driver::kCanCrash) != 0;
  facts.abandoned = out->abandoned;
  facts.pinned = out->pinned;
  return facts;
}

std::string driver_text(const DriverFacts& facts) {
  std::string text =
      fmt::format("version {}, {}", facts.version, base::name_of(facts.architecture));
  if (facts.can_crash) text += "; it stops the machine where ntstack crash asks for it";
  if (facts.abandoned != 0)
    text += fmt::format("; {} threads that were asked did not answer yet", facts.abandoned);
  if (facts.pinned != 0)
    text += fmt::format("; {} of them keep it in memory until the next restart", facts.pinned);
  return text;
}

base::Result<DriverAnswer> read_driver_answer(base::Bytes answer, std::size_t asked) {
  const auto out = answer.get<driver::CaptureOut>(0);
  if (!out) return std::unexpected(wrong(fmt::format("{} bytes", answer.size())));
  if (out->version != driver::kVersion) return std::unexpected(other_version(out->version));
  if (out->size != sizeof *out)
    return std::unexpected(wrong(fmt::format("a head of {} bytes", out->size)));
  if (out->thread_count != asked || asked > driver::kMostThreads)
    return std::unexpected(
        wrong(fmt::format("{} threads, where {} were asked for", out->thread_count, asked)));
  DriverAnswer result;
  result.architecture = base::architecture_of_machine(out->architecture);
  if (result.architecture == base::Architecture::unknown)
    return std::unexpected(wrong(fmt::format("an architecture {:#x}", out->architecture)));
  const std::uint64_t begin = sizeof *out + std::uint64_t{asked} * sizeof(driver::ThreadOut);
  if (answer.size() < begin)
    return std::unexpected(wrong(fmt::format("{} bytes of {} threads", answer.size(), asked)));
  Room room{begin, answer.size() - begin};
  for (std::size_t i = 0; i < asked; ++i) {
    const auto head = *answer.get<driver::ThreadOut>(sizeof *out + i * sizeof(driver::ThreadOut));
    auto thread = thread_of(answer, head, room);
    if (!thread) return std::unexpected(wrong(fmt::format("for thread {}: {}", i, thread.error())));
    result.threads.push_back(std::move(*thread));
  }
  return result;
}

std::vector<std::byte> DriverRequest::bytes() const {
  driver::CaptureIn in{};
  in.size = sizeof in;
  in.version = driver::kVersion;
  in.flags = threads.empty() ? driver::kOfCallingThread : 0;
  in.thread_count = static_cast<std::uint32_t>(threads.size());
  in.milliseconds = milliseconds;
  in.frames_to_skip = frames_to_skip;
  in.frames_to_capture = frames_to_capture;
  in.stack_bytes = stack_bytes;
  std::vector<std::byte> bytes(sizeof in + threads.size_bytes());
  std::memcpy(bytes.data(), &in, sizeof in);
  if (!threads.empty()) std::memcpy(&bytes[sizeof in], threads.data(), threads.size_bytes());
  return bytes;
}

std::size_t DriverRequest::room() const {
  const std::size_t count = std::max<std::size_t>(threads.size(), 1);
  return static_cast<std::size_t>(
      driver::bytes_of_capture(static_cast<std::uint32_t>(count), frames_to_capture, stack_bytes));
}

std::size_t most_threads_in_a_call(std::uint32_t frames, std::uint32_t stack_bytes) {
  const std::uint64_t each = std::max<std::uint64_t>(std::uint64_t{frames} * 8 + stack_bytes, 1);
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(driver::kMostBytes / each, 1, driver::kMostThreads));
}

base::Result<Driver> Driver::open(System& system) {
  const auto device = system.open_device();
  if (!device) return base::fail("{}", status_text(device.error(), Call::open_driver));
  Driver opened(system, *device);
  std::byte answer[256] = {};  // a later version's may be longer
  std::uint32_t returned = 0;
  const Status status =
      system.device_control(opened.device_.get(), driver::kControlQuery, {}, answer, returned);
  if (!succeeded(status)) return base::fail("{}", status_text(status, Call::driver_request));
  auto facts = read_driver_facts(base::Bytes(answer, std::min<std::size_t>(returned, 256)));
  if (!facts) return std::unexpected(std::move(facts.error()));
  opened.facts_ = *facts;
  return opened;
}

base::Result<DriverAnswer> Driver::capture(const DriverRequest& request,
                                           std::vector<std::byte>& buffer, Status& status) {
  buffer.resize(request.room());
  std::uint32_t returned = 0;
  status = system_->device_control(device_.get(), driver::kControlCapture, request.bytes(), buffer,
                                   returned);
  if (!succeeded(status)) return base::fail("{}", status_text(status, Call::driver_request));
  if (returned > buffer.size())
    return std::unexpected(wrong(fmt::format("{} bytes in {}", returned, buffer.size())));
  return read_driver_answer(base::Bytes(buffer.data(), returned),
                            std::max<std::size_t>(request.threads.size(), 1));
}

Status Driver::crash(std::span<const std::uint64_t, 4> parameters) {
  driver::CrashIn in{};
  in.size = sizeof in;
  in.version = driver::kVersion;
  in.is_meant = driver::kCrashIsMeant;
  std::ranges::copy(parameters, in.parameters);
  std::uint32_t returned = 0;
  return system_->device_control(device_.get(), driver::kControlCrash, bytes_of(in), {}, returned);
}

}  // namespace ntstack::capture
