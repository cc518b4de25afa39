// The stand-in's driver: by the protocol's rules, over the world's threads. A thread's registers
// are those of the code that captured it, and its frames those that the emulated processor had.
#include <algorithm>
#include <cstring>

#include "capture/stand_in.h"
#include "capture/status_text.h"
#include "driver/protocol.h"

namespace ntstack::tests {
namespace {

using namespace capture;  // NOLINT: the whole of it is stood in for

constexpr Status kNoName = 0xc0000034, kInvalidRequest = 0xc0000010, kTooSmall = 0xc0000023,
                 kOtherRevision = 0xc0000059;
constexpr std::uint32_t kGetContext = 0x8, kQueryLimited = 0x800;

template <class T>
std::optional<T> block_of(std::span<const std::byte> bytes) {
  T block;
  if (bytes.size() < sizeof block) return std::nullopt;
  std::memcpy(&block, bytes.data(), sizeof block);
  return block;
}

template <class T>
void put(std::vector<std::byte>& bytes, std::size_t at, const T& value) {
  std::memcpy(&bytes[at], &value, sizeof value);
}

std::uint32_t append(std::vector<std::byte>& to, std::span<const std::byte> bytes) {
  const auto at = static_cast<std::uint32_t>(to.size());
  to.insert(to.end(), bytes.begin(), bytes.end());
  return at;
}

// Of a CONTEXT of x64: rip, rsp, rbx, rbp, rsi, rdi, r12 to r15.
driver::Registers registers_of(std::span<const std::uint8_t> context) {
  const auto at = [&](std::size_t offset) {
    std::uint64_t value;
    std::memcpy(&value, &context[offset], sizeof value);
    return value;
  };
  return {at(0xf8),
          at(0x98),
          {at(0x90), at(0xa0), at(0xa8), at(0xb0), at(0xd8), at(0xe0), at(0xe8), at(0xf0)}};
}

// The kernel's own walk: where each frame returns to, the kernel's frames alone.
std::vector<std::uint64_t> frames_of(const world::ThreadTruth& truth, std::uint32_t most) {
  std::vector<std::uint64_t> frames;
  for (const world::TruthFrame& frame : truth.frames) {
    if (frames.size() == most || frame.ip >> 63 == 0) break;
    frames.push_back(frame.ip);
  }
  return frames;
}

bool is_valid(const driver::CaptureIn& in) {
  const bool of_caller = in.flags == driver::kOfCallingThread;
  return (in.flags == 0 || of_caller) && of_caller == (in.thread_count == 0) &&
         in.thread_count <= driver::kMostThreads && in.milliseconds != 0 &&
         in.milliseconds <= driver::kMostMilliseconds &&
         in.frames_to_capture <= driver::kMostFrames && in.frames_to_skip <= driver::kMostSkipped &&
         in.stack_bytes <= driver::kMostStackBytes &&
         std::uint64_t{in.thread_count} *
                 (std::uint64_t{in.frames_to_capture} * 8 + in.stack_bytes) <=
             driver::kMostBytes;
}

}  // namespace

std::expected<Handle, Status> StandIn::open_device() {
  if (!rules_.driver.is_installed || !rules_.driver.is_running) return std::unexpected(kNoName);
  if (!privilege_ || !rules_.is_elevated) return std::unexpected(kAccessDenied);
  return add({Object::Kind::device, 0, 0, {}, false});
}

Status StandIn::device_control(Handle device, std::uint32_t code, std::span<const std::byte> in,
                               std::span<std::byte> out, std::uint32_t& returned) {
  returned = 0;
  if (!find(device, Object::Kind::device)) return kInvalidHandle;
  if (!privilege_) return kPrivilegeNotHeld;
  if (code == driver::kControlCapture) return capture_by_driver(in, out, returned);
  if (code == driver::kControlQuery) {
    driver::QueryOut query{sizeof query, rules_.driver.version, 0x8664, 3, 0, 0};
    if (rules_.driver.allows_crash) query.capabilities |= driver::kCanCrash;
    if (out.size() < sizeof query) return kTooSmall;
    std::memcpy(out.data(), &query, sizeof query);
    returned = sizeof query;
    return kSuccess;
  }
  if (code != driver::kControlCrash) return kInvalidRequest;
  const auto crash = block_of<driver::CrashIn>(in);
  if (!crash || crash->size != sizeof *crash || crash->is_meant != driver::kCrashIsMeant)
    return kInvalidParameter;
  if (!rules_.driver.allows_crash) return kAccessDenied;
  if (rules_.driver.on_crash) rules_.driver.on_crash();
  return kSuccess;
}

Status StandIn::capture_by_driver(std::span<const std::byte> in, std::span<std::byte> out,
                                  std::uint32_t& returned) {
  const auto request = block_of<driver::CaptureIn>(in);
  if (!request || request->size != sizeof *request) return kInfoLengthMismatch;
  if (request->version != rules_.driver.version) return kOtherRevision;
  if (!is_valid(*request) || in.size() != sizeof *request + 8 * request->thread_count)
    return kInvalidParameter;
  const std::uint32_t count = std::max(request->thread_count, 1u);
  if (out.size() <
      driver::bytes_of_capture(count, request->frames_to_capture, request->stack_bytes))
    return kTooSmall;
  if (out.size() > rules_.driver.pool) return kInsufficientResources;
  std::vector<std::byte> answer(sizeof(driver::CaptureOut) + count * sizeof(driver::ThreadOut));
  put(answer, 0,
      driver::CaptureOut{sizeof(driver::CaptureOut), rules_.driver.version, 0x8664, count});
  const std::uint64_t began = now_;
  for (std::uint32_t i = 0; i < request->thread_count; ++i)
    answer_thread(*block_of<Handle>(in.subspan(sizeof *request + 8 * i)), in, i, answer);
  if (request->thread_count == 0) answer_caller(*request, answer);
  // All that do not answer cost one deadline.
  now_ = now_ == began ? began + 1 : began + request->milliseconds;
  ++calls_;
  if (rules_.driver.spoil) rules_.driver.spoil(answer);
  if (answer.size() > out.size()) return kUnsuccessful;
  std::memcpy(out.data(), answer.data(), answer.size());
  returned = static_cast<std::uint32_t>(answer.size());
  return kSuccess;
}

// Of the thread that asks, which the world does not have: a stack of one frame.
void StandIn::answer_caller(const driver::CaptureIn& request, std::vector<std::byte>& answer) {
  constexpr std::uint64_t kBase = 0xffffe10d00006000, kUsed = 0x100;
  driver::ThreadOut out{};
  out.flags = driver::kIsCaller;
  out.stack_low = kBase - 0x6000;
  out.stack_high = kBase;
  out.registers.ip = big_.world->images().front().base + 0x1000;
  out.registers.sp = kBase - kUsed;
  const std::vector<std::byte> stack(std::min<std::size_t>(kUsed, request.stack_bytes));
  out.stack_size = static_cast<std::uint32_t>(stack.size());
  out.stack_offset = append(answer, stack);
  out.frame_count = std::min(request.frames_to_capture, 1u);
  out.frames_offset = append(answer, std::as_bytes(std::span(&out.registers.ip, out.frame_count)));
  put(answer, sizeof(driver::CaptureOut), out);
}

void StandIn::answer_thread(Handle handle, std::span<const std::byte> bytes, std::size_t number,
                            std::vector<std::byte>& answer) {
  const auto request = *block_of<driver::CaptureIn>(bytes);
  driver::ThreadOut out{};
  const std::size_t at = sizeof(driver::CaptureOut) + number * sizeof out;
  const StandInThread* thread = thread_of(handle);
  const auto say = [&](Status status) {
    out.status = status;
    put(answer, at, out);
  };
  if (!thread) return say(objects_.contains(handle) ? kObjectTypeMismatch : kInvalidHandle);
  const std::uint32_t access = objects_.at(handle).access;
  const std::uint32_t wanted = kQueryLimited | (request.stack_bytes != 0 ? kGetContext : 0);
  if ((access & wanted) != wanted) return say(kAccessDenied);
  out.process_id = thread->facts.process_id;
  out.thread_id = thread->facts.id;
  if (thread->ends != Ends::never) return say(kThreadIsTerminating);
  if (thread->wedged_calls > calls_ || thread->truth.frames.empty()) {
    ++now_;
    return say(kTimeout);
  }
  const world::ThreadTruth& truth = thread->truth;
  const world::StackSegment& stack = truth.segments.front();
  out.time = now_ * 10'000;
  out.stack_low = stack.limit;
  out.stack_high = stack.base;
  out.registers = registers_of(truth.context);
  const auto frames = frames_of(truth, request.frames_to_capture);
  out.frame_count = static_cast<std::uint32_t>(frames.size());
  out.frames_offset = append(answer, std::as_bytes(std::span(frames)));
  for (const std::uint64_t frame : frames) out.hash += static_cast<std::uint32_t>(frame);
  const std::uint64_t used = stack.base - out.registers.sp;
  out.stack_size = static_cast<std::uint32_t>(std::min<std::uint64_t>(used, request.stack_bytes));
  if (out.stack_size < used) out.flags |= driver::kStackCut;
  const auto copied = big_.world->memory().read(out.registers.sp, out.stack_size);
  out.stack_offset = append(answer, std::as_bytes(std::span(copied)));
  if (rules_.driver.copies_older_stacks && out.stack_size == used &&
      !append_older(truth, request.stack_bytes - used, answer, out.older_offset))
    out.flags |= driver::kStackCut;
  say(kSuccess);
}

bool StandIn::append_older(const world::ThreadTruth& truth, std::uint64_t room,
                           std::vector<std::byte>& answer, std::uint32_t& first) const {
  std::size_t link = 0;  // where the offset of the next one goes; 0: `first`
  for (const world::StackSegment& stack : std::span(truth.segments).subspan(1)) {
    const std::uint64_t used = stack.base - stack.used_from;
    if (room < sizeof(driver::OlderStack) + used) return false;
    room -= sizeof(driver::OlderStack) + used;
    const auto bytes = big_.world->memory().read(stack.used_from, static_cast<std::size_t>(used));
    driver::OlderStack record{
        stack.limit, stack.base, stack.used_from, 0, static_cast<std::uint32_t>(used), 0, 0};
    record.offset = append(answer, std::as_bytes(std::span(bytes)));
    const std::uint32_t at = append(answer, std::as_bytes(std::span(&record, 1)));
    if (link == 0)
      first = at;
    else
      put(answer, link, at);
    link = at + offsetof(driver::OlderStack, next_offset);
  }
  return true;
}

std::expected<DriverService, Status> StandIn::driver_service() {
  if (!rules_.driver.is_installed) return std::unexpected(status_of_win32(1060));
  return DriverService{rules_.driver.is_running, "\\??\\" + rules_.driver.path,
                       rules_.driver.is_running ? 4u : 1u, 0};
}

Status StandIn::install_driver(const std::filesystem::path& image) {
  if (!rules_.is_elevated) return status_of_win32(5);
  if (rules_.driver.is_installed) return status_of_win32(1073);
  rules_.driver.is_installed = true;
  rules_.driver.path = image.string();
  return kSuccess;
}

Status StandIn::start_driver() {
  if (!rules_.driver.is_installed) return status_of_win32(1060);
  if (rules_.driver.is_running) return status_of_win32(1056);
  rules_.driver.is_running = true;
  return kSuccess;
}

Status StandIn::stop_driver() {
  if (!rules_.driver.is_running) return status_of_win32(1062);
  rules_.driver.is_running = false;
  return kSuccess;
}

Status StandIn::remove_driver() {
  if (!rules_.driver.is_installed) return status_of_win32(1060);
  rules_.driver.is_installed = false;
  return kSuccess;
}

std::expected<std::vector<dump::ModuleRecord>, Status> StandIn::kernel_modules() {
  std::vector<dump::ModuleRecord> modules;
  for (const world::LoadedImage& image : big_.world->images()) {
    dump::ModuleRecord module;
    module.path = "\\SystemRoot\\system32\\" + image.file_name;
    module.base = privilege_ ? image.base : 0;
    module.size = image.size;
    modules.push_back(std::move(module));
  }
  return modules;
}

}  // namespace ntstack::tests
