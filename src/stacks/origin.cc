#include "stacks/origin.h"

namespace ntstack::stacks {
namespace {

constexpr std::uint64_t kSecond = 10'000'000;  // of 100 ns
// A clock is set while a machine runs, and the time since the boot comes from it in steps.
constexpr std::uint64_t kClockTolerance = 60 * kSecond;

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a < b ? b - a : a - b; }

bool differ(std::uint64_t a, std::uint64_t b) { return a != 0 && b != 0 && a != b; }

}  // namespace

Origin origin_of(const target::Machine& machine) {
  const dump::Dump& dump = machine.dump();
  Origin origin;
  origin.is_user = dump.kind == dump::Kind::minidump;
  origin.architecture = dump.architecture;
  origin.build = machine.kernel().build();
  origin.written = dump.system_time;
  if (origin.is_user) {
    origin.process_id = dump.process_id;
    origin.process_create_time = dump.process_create_time;
    return origin;
  }
  origin.kernel_base = machine.kernel().base();
  origin.loaded_module_list = machine.kernel().loaded_module_list();
  if (dump.system_time && dump.up_time && *dump.up_time <= *dump.system_time)
    origin.boot_time = *dump.system_time - *dump.up_time;
  return origin;
}

std::string difference(const Origin& a, const Origin& b) {
  if (a.architecture != b.architecture) return "they are of different processors' kinds";
  if (differ(a.build, b.build)) return "they are of different builds of Windows";
  if (differ(a.kernel_base, b.kernel_base) || differ(a.loaded_module_list, b.loaded_module_list))
    return "their kernels were loaded at different addresses";
  if (a.boot_time && b.boot_time && distance(*a.boot_time, *b.boot_time) > kClockTolerance)
    return "their machines were started at different times";
  return "";
}

std::string user_difference(const Origin& user, const Origin& kernel) {
  // Their builds tell nothing: to programs, an update that only switches features on is another
  // build (19045), to the kernel it is not (19041). MiscInfo has whole seconds.
  if (user.process_create_time && kernel.written &&
      *user.process_create_time > *kernel.written + kSecond)
    return "the process was started after the kernel's dump was written";
  if (user.process_create_time && kernel.boot_time &&
      *user.process_create_time + kClockTolerance < *kernel.boot_time)
    return "the process was started before the kernel's machine";
  return "";
}

}  // namespace ntstack::stacks
