#include "capture/status_meaning.h"

namespace ntstack::capture {
namespace {

constexpr std::string_view kNotRunning =
    "ntstack's driver is not running here: ntstack driver start (and before, once, ntstack driver "
    "install; docs/driver.md)";
constexpr std::string_view kAdministrators =
    "ntstack's driver answers administrators with SeDebugPrivilege alone; start from an elevated "
    "prompt";
constexpr std::string_view kOtherVersion =
    "the driver that runs does not understand the request: it is of another version; install the "
    "ntstack.sys that came with this program (ntstack driver stop, then remove, install and start)";
constexpr std::string_view kPool =
    "Windows had not enough nonpaged pool for the answer; choose fewer threads";
constexpr std::string_view kStopping = "the driver is being stopped; start it again";
constexpr std::string_view kSignature =
    "Windows does not trust the driver's signature: sign it for this machine and turn test signing "
    "on (bcdedit /set testsigning on, and a restart), as docs/driver.md says step by step";
constexpr std::string_view kPolicy =
    "a policy blocks the driver: memory integrity (HVCI), Smart App Control, a code integrity "
    "policy or the list of blocked drivers; docs/driver.md says which signature passes, and "
    "captures work without a driver";
constexpr std::string_view kNotElevated =
    "services are changed by administrators alone; start from an elevated prompt (Run as "
    "administrator)";
constexpr std::string_view kNotInstalled =
    "ntstack's driver is not installed: ntstack driver install";

constexpr Meaning kMeanings[] = {
    {Call::open_driver, 0xc0000034, kNotRunning},  // STATUS_OBJECT_NAME_NOT_FOUND
    {Call::open_driver, 0xc000003a, kNotRunning},  // STATUS_OBJECT_PATH_NOT_FOUND
    {Call::open_driver, 0xc000000f, kNotRunning},  // STATUS_NO_SUCH_FILE
    {Call::open_driver, 0xc0000013, kNotRunning},
    {Call::open_driver, status_of_win32(2), kNotRunning},
    {Call::open_driver, status_of_win32(3), kNotRunning},
    {Call::open_driver, kNotSupported, kNotRunning},
    {Call::open_driver, kNotImplemented, kNotRunning},
    {Call::open_driver, kAccessDenied, kAdministrators},
    {Call::open_driver, kPrivilegeNotHeld, kAdministrators},
    {Call::open_driver, status_of_win32(5), kAdministrators},
    {Call::open_driver, 0xc0000056, kStopping},  // STATUS_DELETE_PENDING
    {Call::open_driver, 0xc00000a3, kStopping},  // STATUS_DEVICE_NOT_READY

    {Call::driver_request, kAccessDenied, kAdministrators},
    {Call::driver_request, kPrivilegeNotHeld, kAdministrators},
    {Call::driver_request, kInvalidParameter, kOtherVersion},
    {Call::driver_request, kInfoLengthMismatch, kOtherVersion},
    {Call::driver_request, 0xc0000010, kOtherVersion},  // STATUS_INVALID_DEVICE_REQUEST
    {Call::driver_request, 0xc0000023, kOtherVersion},  // STATUS_BUFFER_TOO_SMALL
    {Call::driver_request, 0xc0000059, kOtherVersion},  // STATUS_REVISION_MISMATCH
    {Call::driver_request, kInsufficientResources, kPool},
    {Call::driver_request, kNoMemory, kPool},
    {Call::driver_request, kCancelled, "the request was cancelled"},
    {Call::driver_request, 0xc0000056, kStopping},
    {Call::driver_request, 0xc00000a3, kStopping},
    {Call::driver_request, 0xc000000e, kStopping},  // STATUS_NO_SUCH_DEVICE

    {Call::driver_thread, kSuccess, "captured"},
    {Call::driver_thread, kTimeout,
     "it did not answer in time: it runs with kernel APCs off, or not at all; a live dump has its "
     "stack"},
    {Call::driver_thread, kThreadIsTerminating, "it was about to end"},
    {Call::driver_thread, kAccessDenied,
     "its handle lacks the rights that the driver wants, as handles to threads of protected "
     "processes do; a live dump has its stack"},
    {Call::driver_thread, kInvalidHandle, "its handle was closed while it was captured"},
    {Call::driver_thread, kObjectTypeMismatch, "its handle is no thread's"},
    {Call::driver_thread, kInsufficientResources,
     "Windows had not enough nonpaged pool to ask it; capture it again"},
    {Call::driver_thread, kNoMemory,
     "Windows had not enough nonpaged pool to ask it; capture it again"},
    {Call::driver_thread, kNotImplemented,
     "this system looks up no thread by its handle for a driver (Wine does not)"},
    {Call::driver_thread, kUnsuccessful, "it took no kernel APC: it is about to end"},
    {Call::driver_thread, kCancelled, "the capture was cancelled before it answered"},

    {Call::driver_crash, kAccessDenied,
     "the driver refuses: its switch is off, or this is no administrator with SeDebugPrivilege. To "
     "allow it, set the REG_DWORD CrashAllowed below HKLM\\SYSTEM\\CurrentControlSet\\Services\\"
     "ntstack\\Parameters to 1 (reg add "
     "HKLM\\SYSTEM\\CurrentControlSet\\Services\\ntstack\\Parameters /v CrashAllowed /t REG_DWORD "
     "/d 1), then start the driver again"},
    {Call::driver_crash, kPrivilegeNotHeld, kAdministrators},
    {Call::driver_crash, kInvalidParameter, kOtherVersion},
    {Call::driver_crash, kInfoLengthMismatch, kOtherVersion},
    {Call::driver_crash, 0xc0000010, kOtherVersion},
    {Call::driver_crash, 0xc0000059, kOtherVersion},

    {Call::driver_service, kNotSupported, "this system has no drivers of Windows"},
    {Call::driver_service, status_of_win32(2),  // ERROR_FILE_NOT_FOUND
     "the driver's file is not where the service looks for it: ntstack driver remove, then install "
     "with --from"},
    {Call::driver_service, status_of_win32(3), "the driver's folder is not there any more"},
    {Call::driver_service, status_of_win32(5), kNotElevated},
    {Call::driver_service, status_of_win32(1051),
     "another service depends on the driver and still runs"},
    {Call::driver_service, status_of_win32(1052),  // ERROR_INVALID_SERVICE_CONTROL
     "the driver can't be stopped: APCs of it are still queued to threads that do not answer, and "
     "it stays until the next restart"},
    {Call::driver_service, status_of_win32(1053),
     "the driver, or the service manager, did not answer in time; try again"},
    {Call::driver_service, status_of_win32(1055), "the services are being changed; try again"},
    {Call::driver_service, status_of_win32(1056), "the driver is running already"},
    {Call::driver_service, status_of_win32(1058),
     "the service is disabled, or Windows runs in safe mode: ntstack driver remove, then install"},
    {Call::driver_service, status_of_win32(1060), kNotInstalled},
    {Call::driver_service, status_of_win32(1062), "the driver is not running"},
    {Call::driver_service, status_of_win32(1068), "a service that the driver needs does not start"},
    {Call::driver_service, status_of_win32(1072),  // ERROR_SERVICE_MARKED_FOR_DELETE
     "the service is being removed: close what has it open (services.msc, Process Hacker), or "
     "restart"},
    {Call::driver_service, status_of_win32(1073),
     "the driver is installed already: ntstack driver remove first, to install another"},
    {Call::driver_service, status_of_win32(1075), "a service that the driver needs is not there"},
    {Call::driver_service, status_of_win32(1078),
     "a service of another kind has the driver's name on this machine"},
    {Call::driver_service, status_of_win32(1083), "the driver's file is no driver"},
    {Call::driver_service, status_of_win32(1275), kPolicy},
    {Call::driver_service, status_of_win32(1450), "Windows had not enough memory"},
    {Call::driver_service, status_of_win32(31),
     "the driver started and gave up; another program may have its device, or the kernel lacks "
     "what it needs"},
    {Call::driver_service, status_of_win32(127),  // ERROR_PROC_NOT_FOUND
     "the driver wants a kernel function that this Windows does not have"},
    {Call::driver_service, status_of_win32(193),  // ERROR_BAD_EXE_FORMAT
     "the driver is of another architecture than this Windows: take the ntstack.sys of this one"},
    {Call::driver_service, status_of_win32(216),  // ERROR_EXE_MACHINE_TYPE_MISMATCH
     "the driver is of another architecture than this Windows: take the ntstack.sys of this one"},
    {Call::driver_service, status_of_win32(577), kSignature},  // ERROR_INVALID_IMAGE_HASH
    {Call::driver_service, status_of_win32(654), kSignature},
    {Call::driver_service, status_of_win32(4551), kPolicy},  // ERROR_SYSTEM_INTEGRITY_...
    {Call::driver_service, status_of_win32(1314), kNotElevated}};

}  // namespace

std::span<const Meaning> driver_meanings() { return kMeanings; }

}  // namespace ntstack::capture
