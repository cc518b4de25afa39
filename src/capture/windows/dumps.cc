#include "capture/windows/dumps.h"

#include <windows.h>

// After windows.h.
#include <dbghelp.h>

#include "base/text.h"
#include "capture/windows/ntdll.h"
#include "capture/windows/text.h"

namespace ntstack::capture::windows {
namespace {

using WriteDump = decltype(&::MiniDumpWriteDump);

// Loaded when the first user dump is written.
WriteDump write_dump() { return function_of<WriteDump>(L"dbghelp.dll", "MiniDumpWriteDump"); }

MINIDUMP_TYPE flags_of(UserDump kind) {
  constexpr int kIgnoreInaccessibleMemory = 0x20000;  // not in every header
  const int always = MiniDumpWithThreadInfo | MiniDumpWithUnloadedModules | MiniDumpWithHandleData |
                     kIgnoreInaccessibleMemory;
  if (kind == UserDump::full)
    return static_cast<MINIDUMP_TYPE>(always | MiniDumpWithFullMemory | MiniDumpWithFullMemoryInfo);
  return static_cast<MINIDUMP_TYPE>(always | MiniDumpWithProcessThreadData |
                                    MiniDumpWithIndirectlyReferencedMemory);
}

HANDLE create(const std::filesystem::path& path) {
  return ::CreateFileW(path.c_str(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, nullptr,
                       CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr);
}

// MiniDumpWriteDump's errors are HRESULTs, mostly of a Win32 error.
std::string dump_error_text(DWORD error) {
  const bool is_win32 = (error & 0xffff0000) == 0x80070000;
  return error_text(is_win32 ? error & 0xffff : error);
}

}  // namespace

Status debug_control(std::uint32_t command, std::span<const std::byte> in, std::span<std::byte> out,
                     std::uint32_t& returned) {
  ULONG size = 0;
  const Status status = call_ntdll<ntdll::SystemDebugControl>(
      "NtSystemDebugControl", ULONG{command}, const_cast<std::byte*>(in.data()),
      static_cast<ULONG>(in.size()), out.empty() ? nullptr : out.data(),
      static_cast<ULONG>(out.size()), &size);
  returned = size;
  return status;
}

std::expected<Handle, Status> create_file(const std::filesystem::path& path) {
  const HANDLE file = create(path);
  if (file == INVALID_HANDLE_VALUE) return std::unexpected(status_of_error(::GetLastError()));
  return handle_of(file);
}

std::expected<Handle, Status> create_event() {
  const HANDLE event = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
  if (!event) return std::unexpected(status_of_error(::GetLastError()));
  return handle_of(event);
}

bool can_write_user_dumps() { return write_dump() != nullptr; }

base::Result<void> write_user_dump(Handle process, std::uint32_t process_id,
                                   const std::filesystem::path& path, UserDump kind) {
  const WriteDump write = write_dump();
  if (!write) return base::fail("dbghelp.dll of this system has no MiniDumpWriteDump");
  const HANDLE file = create(path);
  if (file == INVALID_HANDLE_VALUE)
    return base::fail("{} can't be created: {}", base::path_text(path),
                      error_text(::GetLastError()));
  const bool written = write(native_handle(process), process_id, file, flags_of(kind), nullptr,
                             nullptr, nullptr) != FALSE;
  const DWORD error = written ? 0 : ::GetLastError();
  ::CloseHandle(file);
  if (written) return {};
  ::DeleteFileW(path.c_str());
  return base::fail("MiniDumpWriteDump wrote no dump of process {}: {}", process_id,
                    dump_error_text(error));
}

}  // namespace ntstack::capture::windows
