// The real ntstack.sys under Wine: it is loaded, asked and unloaded by this program. Truth: Wine's
// walk of the thread's stack and the stack's own bytes must agree, and so must what the driver
// refuses with what its documentation says. Wine knows no handles of threads in a driver and
// delivers no APC, so of the capture itself that of the calling thread is tried.
//   wine_check DRIVER              the checks
//   wine_check DRIVER COUNT SEED   so many requests at random
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "driver/selftest/service.h"

namespace ntstack::driver {
namespace {

int failures;

void check(bool is_good, const char* what) {
  std::printf("%s %s\n", is_good ? "PASS" : "FAIL", what);
  if (!is_good) ++failures;
}

struct Asked {
  DWORD error = 0;  // 0: it succeeded
  DWORD bytes = 0;
};

Asked ask(HANDLE device, std::uint32_t code, const void* in, std::size_t in_size, void* out,
          std::size_t out_size) {
  Asked asked;
  if (!DeviceIoControl(device, code, const_cast<void*>(in), static_cast<DWORD>(in_size), out,
                       static_cast<DWORD>(out_size), &asked.bytes, nullptr))
    asked.error = GetLastError();
  return asked;
}

CaptureIn of_caller() {
  return {sizeof(CaptureIn), kVersion, kOfCallingThread, 0, 1000, 0, 64, 0x8000};
}

void check_query(HANDLE device) {
  QueryOut out{};
  const Asked asked = ask(device, kControlQuery, nullptr, 0, &out, sizeof(out));
  check(asked.error == 0 && asked.bytes == sizeof(out) && out.size == sizeof(out), "query answers");
  check(out.version == kVersion && out.architecture == 0x8664, "its version and architecture");
  check(out.capabilities == 0, "what Wine's kernel lacks, it does not claim");
  check(out.abandoned == 0 && out.pinned == 0, "nothing is left behind");
}

// Each return address of the walk lies in the bytes, each higher than the one before.
bool agree(const std::vector<std::uint64_t>& frames, const std::vector<std::uint64_t>& words) {
  std::size_t at = 0, found = 0;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    if (frames[i] < 0x10000) break;  // Wine's walk ends in what is no code
    std::size_t next = at;
    while (next < words.size() && words[next] != frames[i]) ++next;
    if (next == words.size()) break;
    at = next + 1;
    ++found;
  }
  return found >= 4;
}

void check_own_capture(HANDLE device) {
  std::vector<std::byte> bytes(1 << 17);
  const CaptureIn in = of_caller();
  const Asked asked = ask(device, kControlCapture, &in, sizeof(in), bytes.data(), bytes.size());
  check(asked.error == 0, "the calling thread is captured");
  if (asked.error != 0) return;
  CaptureOut head;
  ThreadOut out;
  std::memcpy(&head, bytes.data(), sizeof(head));
  std::memcpy(&out, bytes.data() + sizeof(head), sizeof(out));
  check(head.size == sizeof(head) && head.version == kVersion && head.thread_count == 1,
        "its head");
  check(out.status == 0 && (out.flags & kIsCaller) != 0, "its status");
  check(out.stack_low < out.registers.sp && out.registers.sp < out.stack_high,
        "its stack's limits");
  check(out.stack_size == out.stack_high - out.registers.sp, "the whole stack is there");
  check(asked.bytes == out.stack_offset + out.stack_size, "the answer ends with it");
  std::vector<std::uint64_t> frames(out.frame_count), words(out.stack_size / 8);
  std::memcpy(frames.data(), bytes.data() + out.frames_offset, frames.size() * 8);
  std::memcpy(words.data(), bytes.data() + out.stack_offset, words.size() * 8);
  check(frames.size() >= 4 && frames[0] == out.registers.ip,
        "the walk begins where the registers are: none of the driver's frames, none left out");
  check(agree(frames, words), "its frames are in its bytes, in their order");
  std::uint32_t hash = 0;
  for (const std::uint64_t frame : frames) hash += static_cast<std::uint32_t>(frame);
  check(hash == out.hash, "its hash");
  check(out.callers_address == frames[0] && out.callers_caller == frames[1], "its two callers");
  CaptureIn skipping = in;
  skipping.frames_to_skip = 2;
  skipping.stack_bytes = 64;
  ask(device, kControlCapture, &skipping, sizeof(skipping), bytes.data(), bytes.size());
  std::memcpy(&out, bytes.data() + sizeof(head), sizeof(out));
  check(out.callers_address == frames[2], "two frames are skipped");
  check(out.stack_size == 64 && (out.flags & kStackCut) != 0, "a stack that is cut says so");
}

void check_handles(HANDLE device) {
  struct {
    CaptureIn in = of_caller();
    std::uint64_t handles[2];
  } request;
  request.in.flags = 0;
  request.in.thread_count = 2;
  request.in.stack_bytes = 0x1000;
  request.handles[0] = 0x7777777;
  request.handles[1] = 0x7777;
  std::vector<std::byte> bytes(1 << 17);
  const Asked asked =
      ask(device, kControlCapture, &request, sizeof(request), bytes.data(), bytes.size());
  check(asked.error == 0, "a call whose handles lead nowhere is answered all the same");
  ThreadOut out;
  std::memcpy(&out, bytes.data() + sizeof(CaptureOut), sizeof(out));
  check(out.status >= 0x80000000 && out.stack_size == 0, "each thread with its own refusal");
}

void check_refusals(HANDLE device) {
  std::vector<std::byte> bytes(1 << 17);
  const auto refused = [&](const CaptureIn& in, std::size_t in_size, std::size_t out_size,
                           DWORD error, const char* what) {
    check(ask(device, kControlCapture, &in, in_size, bytes.data(), out_size).error == error, what);
  };
  CaptureIn in = of_caller();
  refused(in, sizeof(in) - 1, bytes.size(), ERROR_INVALID_PARAMETER, "half a request is refused");
  refused(in, sizeof(in), 100, ERROR_INSUFFICIENT_BUFFER, "room for half an answer is refused");
  in.version = 99;
  refused(in, sizeof(in), bytes.size(), ERROR_REVISION_MISMATCH, "another version is refused");
  in = of_caller();
  in.thread_count = 513;
  refused(in, sizeof(in), bytes.size(), ERROR_INVALID_PARAMETER, "513 threads are refused");
  in = of_caller();
  in.stack_bytes = 0xffffffff;
  refused(in, sizeof(in), bytes.size(), ERROR_INVALID_PARAMETER, "4 GB of stack are refused");
  check(ask(device, kControlQuery + 0x40, nullptr, 0, nullptr, 0).error != 0,
        "another code is refused");
  CrashIn crash{sizeof(CrashIn), kVersion, kCrashIsMeant, 0, {}};
  check(ask(device, kControlCrash, &crash, sizeof(crash), nullptr, 0).error == ERROR_ACCESS_DENIED,
        "a crash without the registry's switch is refused");
}

std::uint32_t random_number(std::mt19937_64& random, std::uint32_t usual) {
  switch (random() % 8) {
    case 0:
      return static_cast<std::uint32_t>(random());
    case 1:
      return 0xffffffff;
    case 2:
      return usual + 1;
    case 3:
      return static_cast<std::uint32_t>(random() % 600);
    default:
      return usual;
  }
}

// A request that is nearly right, or not at all. It never names a thread's handle that is one.
std::vector<std::byte> random_request(std::mt19937_64& random) {
  CaptureIn in = of_caller();
  in.stack_bytes = 256;
  if (random() % 2 != 0) {
    in.flags = 0;
    in.thread_count = static_cast<std::uint32_t>(random() % 4);
  }
  const std::size_t handles = in.thread_count;
  if (random() % 3 == 0) {
    std::uint32_t fields[sizeof(in) / 4];
    std::memcpy(fields, &in, sizeof(in));
    auto& field = fields[random() % std::size(fields)];
    field = random_number(random, field);
    std::memcpy(&in, fields, sizeof(in));
  }
  std::vector<std::byte> bytes(sizeof(in) + handles * 8);
  std::memcpy(bytes.data(), &in, sizeof(in));
  for (std::size_t i = sizeof(in); i < bytes.size(); ++i) bytes[i] = std::byte(random());
  if (random() % 16 == 0) bytes.resize(random() % 200);
  return bytes;
}

void fuzz(HANDLE device, std::uint64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::byte> out(1 << 16);
  std::uint64_t answered = 0, refused = 0, wrong = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::vector<std::byte> in = random_request(random);
    std::uint32_t code = kControlCapture;
    if (random() % 4 == 0) code = control_code(0x7f8 + random() % 16) | (random() % 64 == 0);
    if (code == kControlCrash) code = kControlQuery;  // Wine's KeBugCheckEx ends the machine too
    const std::size_t room = random() % 4 == 0 ? random() % 3000 : out.size();
    const Asked asked = ask(device, code, in.data(), in.size(), out.data(), room);
    ++(asked.error == 0 ? answered : refused);
    if (asked.bytes > room) ++wrong;
  }
  std::printf("%llu requests: %llu answered, %llu refused\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(answered),
              static_cast<unsigned long long>(refused));
  check(wrong == 0, "no answer is larger than its room");
  check(answered > count / 20 && refused > count / 20, "requests of both kinds were among them");
  check_query(device);  // it still answers
}

int run(int argc, char** argv) {
  selftest::Service service(argv[1]);
  const DWORD error = service ? service.start_at_last() : GetLastError();
  check(error == 0, "the driver starts");
  if (error != 0) std::printf("error %lu\n", error);
  if (error != 0) return 1;
  check(selftest::set_debug_privilege(true), "SeDebugPrivilege");
  const HANDLE device = selftest::open_device();
  check(device != INVALID_HANDLE_VALUE, "the device opens");
  if (device == INVALID_HANDLE_VALUE) return 1;
  if (argc > 3) {
    fuzz(device, std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10));
  } else {
    check_query(device);
    check_own_capture(device);
    check_handles(device);
    check_refusals(device);
    std::printf(
        "SKIP who may open it: Wine grants every privilege and keeps no DACL of a device\n");
  }
  CloseHandle(device);
  check(service.stop() == 0, "the driver stops");
  check(selftest::open_device() == INVALID_HANDLE_VALUE, "and its device is gone");
  check(service.start_at_last() == 0 && service.stop() == 0, "it starts and stops once more");
  std::printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ntstack::driver

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  return ntstack::driver::run(argc, argv);
}
