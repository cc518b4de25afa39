#include "capture/windows/machine.h"

#include <windows.h>

#include <array>

#include "capture/native_layout.h"
#include "capture/windows/ntdll.h"
#include "capture/windows/settings.h"
#include "capture/windows/text.h"

namespace ntstack::capture::windows {
namespace {

#if defined(_M_ARM64) || defined(__aarch64__)
constexpr auto kOwnArchitecture = base::Architecture::arm64;
#elif defined(_WIN64)
constexpr auto kOwnArchitecture = base::Architecture::x64;
#else
constexpr auto kOwnArchitecture = base::Architecture::x86;
#endif

// Of the system, not of the emulation that a program may see. IsWow64Process2: since Windows 10
// 1511.
base::Architecture native_architecture() {
  using IsWow64Process2 = BOOL(WINAPI*)(HANDLE, USHORT * process, USHORT * native);
  USHORT process = 0, native = 0;
  if (const auto ask = function_of<IsWow64Process2>(L"kernel32.dll", "IsWow64Process2");
      ask && ask(::GetCurrentProcess(), &process, &native))
    return base::architecture_of_machine(native);
  SYSTEM_INFO system{};
  ::GetNativeSystemInfo(&system);
  switch (system.wProcessorArchitecture) {
    case PROCESSOR_ARCHITECTURE_INTEL:
      return base::Architecture::x86;
    case PROCESSOR_ARCHITECTURE_AMD64:
      return base::Architecture::x64;
    case 12:  // PROCESSOR_ARCHITECTURE_ARM64
      return base::Architecture::arm64;
    default:
      return base::Architecture::unknown;
  }
}

std::string computer_name() {
  std::array<wchar_t, 256> name;
  auto size = static_cast<DWORD>(name.size());
  if (!::GetComputerNameExW(ComputerNameDnsHostname, name.data(), &size)) return "";
  return utf8({name.data(), std::min<std::size_t>(size, name.size())});
}

// RtlGetVersion: GetVersionEx tells what the manifest allows, not what there is.
void add_version(MachineFacts& facts) {
  OSVERSIONINFOEXW version{};
  version.dwOSVersionInfoSize = sizeof version;
  if (!succeeded(call_ntdll<ntdll::GetVersion>("RtlGetVersion", &version))) return;
  facts.major = version.dwMajorVersion;
  facts.minor = version.dwMinorVersion;
  facts.build = version.dwBuildNumber;
  facts.server = version.wProductType != VER_NT_WORKSTATION;
  facts.revision =
      number_setting("SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", "UBR").value_or(0);
}

}  // namespace

MachineFacts machine() {
  MachineFacts facts;
  facts.name = computer_name();
  facts.architecture = native_architecture();
  add_version(facts);
  facts.processors = ::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
  MEMORYSTATUSEX memory{};
  memory.dwLength = sizeof memory;
  if (::GlobalMemoryStatusEx(&memory)) facts.physical_memory = memory.ullTotalPhys;
  native::TimeOfDay time;
  if (succeeded(call_ntdll<ntdll::QuerySystemInformation>("NtQuerySystemInformation",
                                                          ULONG{native::kSystemTimeOfDay}, &time,
                                                          ULONG{sizeof time}, nullptr)))
    facts.boot_time = time.boot_time;
  facts.is_wine = function_of<const char*(CDECL*)()>(L"ntdll.dll", "wine_get_version") != nullptr;
  return facts;
}

bool runs_under_wow64() {
  const auto native = native_architecture();
  return native != base::Architecture::unknown && native != kOwnArchitecture;
}

}  // namespace ntstack::capture::windows
