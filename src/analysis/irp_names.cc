#include "analysis/irp_names.h"

#include <array>
#include <span>

namespace ntstack::analysis {
namespace {

constexpr std::array<std::string_view, 0x1c> kMajor = {"IRP_MJ_CREATE",
                                                       "IRP_MJ_CREATE_NAMED_PIPE",
                                                       "IRP_MJ_CLOSE",
                                                       "IRP_MJ_READ",
                                                       "IRP_MJ_WRITE",
                                                       "IRP_MJ_QUERY_INFORMATION",
                                                       "IRP_MJ_SET_INFORMATION",
                                                       "IRP_MJ_QUERY_EA",
                                                       "IRP_MJ_SET_EA",
                                                       "IRP_MJ_FLUSH_BUFFERS",
                                                       "IRP_MJ_QUERY_VOLUME_INFORMATION",
                                                       "IRP_MJ_SET_VOLUME_INFORMATION",
                                                       "IRP_MJ_DIRECTORY_CONTROL",
                                                       "IRP_MJ_FILE_SYSTEM_CONTROL",
                                                       "IRP_MJ_DEVICE_CONTROL",
                                                       "IRP_MJ_INTERNAL_DEVICE_CONTROL",
                                                       "IRP_MJ_SHUTDOWN",
                                                       "IRP_MJ_LOCK_CONTROL",
                                                       "IRP_MJ_CLEANUP",
                                                       "IRP_MJ_CREATE_MAILSLOT",
                                                       "IRP_MJ_QUERY_SECURITY",
                                                       "IRP_MJ_SET_SECURITY",
                                                       "IRP_MJ_POWER",
                                                       "IRP_MJ_SYSTEM_CONTROL",
                                                       "IRP_MJ_DEVICE_CHANGE",
                                                       "IRP_MJ_QUERY_QUOTA",
                                                       "IRP_MJ_SET_QUOTA",
                                                       "IRP_MJ_PNP"};

using Names = std::span<const std::string_view>;

constexpr std::array<std::string_view, 3> kDirectory = {"", "IRP_MN_QUERY_DIRECTORY",
                                                        "IRP_MN_NOTIFY_CHANGE_DIRECTORY"};
constexpr std::array<std::string_view, 5> kFileSystem = {
    "IRP_MN_USER_FS_REQUEST", "IRP_MN_MOUNT_VOLUME", "IRP_MN_VERIFY_VOLUME",
    "IRP_MN_LOAD_FILE_SYSTEM", "IRP_MN_KERNEL_CALL"};
constexpr std::array<std::string_view, 5> kLock = {"", "IRP_MN_LOCK", "IRP_MN_UNLOCK_SINGLE",
                                                   "IRP_MN_UNLOCK_ALL", "IRP_MN_UNLOCK_ALL_BY_KEY"};
constexpr std::array<std::string_view, 4> kPower = {"IRP_MN_WAIT_WAKE", "IRP_MN_POWER_SEQUENCE",
                                                    "IRP_MN_SET_POWER", "IRP_MN_QUERY_POWER"};
constexpr std::array<std::string_view, 12> kWmi = {"IRP_MN_QUERY_ALL_DATA",
                                                   "IRP_MN_QUERY_SINGLE_INSTANCE",
                                                   "IRP_MN_CHANGE_SINGLE_INSTANCE",
                                                   "IRP_MN_CHANGE_SINGLE_ITEM",
                                                   "IRP_MN_ENABLE_EVENTS",
                                                   "IRP_MN_DISABLE_EVENTS",
                                                   "IRP_MN_ENABLE_COLLECTION",
                                                   "IRP_MN_DISABLE_COLLECTION",
                                                   "IRP_MN_REGINFO",
                                                   "IRP_MN_EXECUTE_METHOD",
                                                   "",
                                                   "IRP_MN_REGINFO_EX"};
constexpr std::array<std::string_view, 0x1a> kPnp = {"IRP_MN_START_DEVICE",
                                                     "IRP_MN_QUERY_REMOVE_DEVICE",
                                                     "IRP_MN_REMOVE_DEVICE",
                                                     "IRP_MN_CANCEL_REMOVE_DEVICE",
                                                     "IRP_MN_STOP_DEVICE",
                                                     "IRP_MN_QUERY_STOP_DEVICE",
                                                     "IRP_MN_CANCEL_STOP_DEVICE",
                                                     "IRP_MN_QUERY_DEVICE_RELATIONS",
                                                     "IRP_MN_QUERY_INTERFACE",
                                                     "IRP_MN_QUERY_CAPABILITIES",
                                                     "IRP_MN_QUERY_RESOURCES",
                                                     "IRP_MN_QUERY_RESOURCE_REQUIREMENTS",
                                                     "IRP_MN_QUERY_DEVICE_TEXT",
                                                     "IRP_MN_FILTER_RESOURCE_REQUIREMENTS",
                                                     "",
                                                     "IRP_MN_READ_CONFIG",
                                                     "IRP_MN_WRITE_CONFIG",
                                                     "IRP_MN_EJECT",
                                                     "IRP_MN_SET_LOCK",
                                                     "IRP_MN_QUERY_ID",
                                                     "IRP_MN_QUERY_PNP_DEVICE_STATE",
                                                     "IRP_MN_QUERY_BUS_INFORMATION",
                                                     "IRP_MN_DEVICE_USAGE_NOTIFICATION",
                                                     "IRP_MN_SURPRISE_REMOVAL",
                                                     "IRP_MN_QUERY_LEGACY_BUS_INFORMATION",
                                                     "IRP_MN_DEVICE_ENUMERATED"};

Names minor_names(std::uint8_t major) {
  switch (major) {
    case 0xc:
      return kDirectory;
    case 0xd:
      return kFileSystem;
    case 0x11:
      return kLock;
    case 0x16:
      return kPower;
    case 0x17:
      return kWmi;
    case 0x1b:
      return kPnp;
    default:
      return {};
  }
}

}  // namespace

std::string_view irp_major_name(std::uint8_t major) {
  return major < kMajor.size() ? kMajor[major] : std::string_view();
}

std::string_view irp_minor_name(std::uint8_t major, std::uint8_t minor) {
  const Names names = minor_names(major);
  return minor < names.size() ? names[minor] : std::string_view();
}

std::string irp_control_text(std::uint8_t control) {
  std::string out;
  const auto add = [&](unsigned bit, std::string_view word) {
    if ((control & bit) == 0) return;
    out += out.empty() ? "" : " ";
    out += word;
  };
  add(0x40, "Success");  // SL_INVOKE_ON_SUCCESS
  add(0x80, "Error");    // SL_INVOKE_ON_ERROR
  add(0x20, "Cancel");   // SL_INVOKE_ON_CANCEL
  add(0x01, "pending");  // SL_PENDING_RETURNED
  return out;
}

}  // namespace ntstack::analysis
