#include "driver/core/dispatch.h"

#include "driver/core/request.h"

namespace ntstack::driver {
namespace {

Reply query(const Buffer& buffer) {
  if (buffer.in_size != 0) return {kInvalidParameter, 0};
  if (buffer.out_size < sizeof(QueryOut)) return {kBufferTooSmall, 0};
  QueryOut out{sizeof(QueryOut), kVersion, kArchitecture, 0, abandoned_count(), pinned_count()};
  if (kernel::can_remove()) out.capabilities |= kCanRemoveApcs;
  if (kernel::can_release_later()) out.capabilities |= kCanReleaseLater;
  if (kernel::may_crash()) out.capabilities |= kCanCrash;
  __builtin_memcpy(buffer.bytes, &out, sizeof(out));
  return {kSuccess, sizeof(out)};
}

Reply crash(const Buffer& buffer) {
  CrashIn in{};
  if (buffer.in_size != sizeof(in)) return {kInvalidParameter, 0};
  __builtin_memcpy(&in, buffer.bytes, sizeof(in));
  if (in.version != kVersion) return {kRevisionMismatch, 0};
  if (in.size != sizeof(in) || in.is_meant != kCrashIsMeant || in.reserved != 0)
    return {kInvalidParameter, 0};
  if (!kernel::may_crash()) return {kAccessDenied, 0};
  kernel::crash(kBugcheckCode, in.parameters);
  return {kSuccess, 0};
}

}  // namespace

Status open(Irp& irp) { return kernel::may_debug(irp) ? kSuccess : kPrivilegeNotHeld; }

// The privilege is looked at with every call: a handle may have been passed on.
Reply control(std::uint32_t code, const Buffer& buffer, Irp& irp, const Registers& caller) {
  if (!kernel::may_debug(irp)) return {kPrivilegeNotHeld, 0};
  switch (code) {
    case kControlQuery:
      return query(buffer);
    case kControlCapture:
      return capture(buffer, irp, caller);
    case kControlCrash:
      return crash(buffer);
    default:
      return {kInvalidDeviceRequest, 0};
  }
}

}  // namespace ntstack::driver
