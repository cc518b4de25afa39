#include "analysis/status_names.h"

#include <algorithm>
#include <iterator>

namespace ntstack::analysis {
namespace {

struct Status {
  std::uint32_t code;
  std::string_view name;
  std::string_view words;
};

// clang-format off
// By rising code.
constexpr Status kStatuses[] = {
    {0x40000005, "STATUS_SEGMENT_NOTIFICATION", ""},
    {0x4000001F, "STATUS_WX86_BREAKPOINT", "a breakpoint in 32-bit code"},
    {0x40010005, "DBG_CONTROL_C", "Ctrl-C"},
    {0x406D1388, "MS_VC_EXCEPTION", "a thread tells its name to a debugger"},
    {0x80000001, "STATUS_GUARD_PAGE_VIOLATION", "a guard page was touched"},
    {0x80000002, "STATUS_DATATYPE_MISALIGNMENT", "data at an address that is not aligned"},
    {0x80000003, "STATUS_BREAKPOINT", "a breakpoint or assertion that no debugger was there for"},
    {0x80000004, "STATUS_SINGLE_STEP", "a single step that no debugger was there for"},
    {0x80000007, "STATUS_WAKE_SYSTEM_DEBUGGER", ""},
    {0xC0000001, "STATUS_UNSUCCESSFUL", ""},
    {0xC0000005, "STATUS_ACCESS_VIOLATION", "memory that is not there, or must not be touched so"},
    {0xC0000006, "STATUS_IN_PAGE_ERROR", "a page could not be read from its file"},
    {0xC0000008, "STATUS_INVALID_HANDLE", "a handle that is not valid"},
    {0xC000000D, "STATUS_INVALID_PARAMETER", ""},
    {0xC000000E, "STATUS_NO_SUCH_DEVICE", "the device is gone"},
    {0xC0000017, "STATUS_NO_MEMORY", "no memory left"},
    {0xC000001D, "STATUS_ILLEGAL_INSTRUCTION", "bytes that are no instruction"},
    {0xC0000025, "STATUS_NONCONTINUABLE_EXCEPTION", "an exception was to go on that can't"},
    {0xC0000026, "STATUS_INVALID_DISPOSITION", "an exception handler gave an answer that is none"},
    {0xC0000028, "STATUS_BAD_STACK", "a stack that is out of its bounds"},
    {0xC0000029, "STATUS_INVALID_UNWIND_TARGET", "an unwind to a frame that is not there"},
    {0xC000003E, "STATUS_DATA_ERROR", ""},
    {0xC000007B, "STATUS_INVALID_IMAGE_FORMAT", "an image that is damaged or of another machine"},
    {0xC000008C, "STATUS_ARRAY_BOUNDS_EXCEEDED", ""},
    {0xC000008E, "STATUS_FLOAT_DIVIDE_BY_ZERO", ""},
    {0xC0000090, "STATUS_FLOAT_INVALID_OPERATION", ""},
    {0xC0000091, "STATUS_FLOAT_OVERFLOW", ""},
    {0xC0000094, "STATUS_INTEGER_DIVIDE_BY_ZERO", "a division by zero"},
    {0xC0000095, "STATUS_INTEGER_OVERFLOW", "a division whose result has no room"},
    {0xC0000096, "STATUS_PRIVILEGED_INSTRUCTION", "an instruction that is not allowed there"},
    {0xC000009A, "STATUS_INSUFFICIENT_RESOURCES", "no pool or other resource left"},
    {0xC000009C, "STATUS_DEVICE_DATA_ERROR", "bad blocks of the device"},
    {0xC000009D, "STATUS_DEVICE_NOT_CONNECTED", "the device is not connected"},
    {0xC00000B5, "STATUS_IO_TIMEOUT", "an I/O did not end in time"},
    {0xC00000FD, "STATUS_STACK_OVERFLOW", "a stack is full"},
    {0xC0000102, "STATUS_FILE_CORRUPT_ERROR", "a file or directory is damaged"},
    {0xC000012D, "STATUS_COMMITMENT_LIMIT", "the commit limit is reached"},
    {0xC0000135, "STATUS_DLL_NOT_FOUND", "a DLL was not found"},
    {0xC0000142, "STATUS_DLL_INIT_FAILED", "a DLL could not be initialized"},
    {0xC000014C, "STATUS_REGISTRY_CORRUPT", "the registry is damaged"},
    {0xC000016A, "STATUS_DISK_OPERATION_FAILED", "the disk failed"},
    {0xC0000185, "STATUS_IO_DEVICE_ERROR", "the device reported an error"},
    {0xC0000194, "STATUS_POSSIBLE_DEADLOCK", "a wait that takes so long that it may be a deadlock"},
    {0xC0000218, "STATUS_CANNOT_LOAD_REGISTRY_FILE", "a hive can't be loaded"},
    {0xC000021A, "STATUS_SYSTEM_PROCESS_TERMINATED", "a system process ended"},
    {0xC0000221, "STATUS_IMAGE_CHECKSUM_MISMATCH", "an image's checksum is wrong"},
    {0xC0000354, "STATUS_DEBUGGER_INACTIVE", ""},
    {0xC0000374, "STATUS_HEAP_CORRUPTION", "a heap is damaged"},
    {0xC0000409, "STATUS_STACK_BUFFER_OVERRUN", "a fast fail: the program found itself damaged"},
    {0xC0000415, "STATUS_HUNG_DISPLAY_DRIVER_THREAD", "a display driver's thread hangs"},
    {0xC0000417, "STATUS_INVALID_CRUNTIME_PARAMETER", "a wrong parameter to the C runtime"},
    {0xC0000420, "STATUS_ASSERTION_FAILURE", "an assertion failed"},
    {0xC0000602, "STATUS_FAIL_FAST_EXCEPTION", "a fast fail: the program found itself damaged"},
    {0xC06D007E, "VCPP_EXCEPTION_MODULE_NOT_FOUND", "a delay-loaded DLL was not found"},
    {0xC06D007F, "VCPP_EXCEPTION_PROCEDURE_NOT_FOUND", "a delay-loaded function was not found"},
    {0xE0434352, "CLR_EXCEPTION", "a .NET exception"},
    {0xE06D7363, "CPP_EXCEPTION", "a C++ exception that nobody caught"},
};
// clang-format on
static_assert(std::ranges::is_sorted(kStatuses, {}, &Status::code));

const Status* find(std::uint32_t status) {
  const auto found = std::ranges::lower_bound(kStatuses, status, {}, &Status::code);
  return found == std::end(kStatuses) || found->code != status ? nullptr : found;
}

}  // namespace

std::string_view status_name(std::uint32_t status) {
  const Status* found = find(status);
  return found ? found->name : std::string_view();
}

std::string_view status_words(std::uint32_t status) {
  const Status* found = find(status);
  return found ? found->words : std::string_view();
}

}  // namespace ntstack::analysis
