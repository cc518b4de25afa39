#include "capture/windows/memory.h"

#include <windows.h>

// After windows.h.
#include <psapi.h>

#include <algorithm>

#include "capture/windows/ntdll.h"
#include "capture/windows/text.h"

namespace ntstack::capture::windows {
namespace {

constexpr std::size_t kMostModules = 1 << 14;

const void* pointer_to(std::uint64_t address) {
  return reinterpret_cast<const void*>(static_cast<std::uintptr_t>(address));
}

std::vector<HMODULE> module_handles(HANDLE process) {
  std::vector<HMODULE> handles(256);
  while (true) {
    DWORD needed = 0;
    const auto size = static_cast<DWORD>(handles.size() * sizeof(HMODULE));
    if (!::K32EnumProcessModulesEx(process, handles.data(), size, &needed, LIST_MODULES_ALL))
      return {};
    const std::size_t count = needed / sizeof(HMODULE);
    if (count <= handles.size() || handles.size() >= kMostModules) {
      if (count < handles.size()) handles.resize(count);
      return handles;
    }
    handles.resize(std::min(count + 64, kMostModules));
  }
}

std::string path_of(HANDLE process, HMODULE module) {
  std::vector<wchar_t> path(0x8000);
  const DWORD length =
      ::K32GetModuleFileNameExW(process, module, path.data(), static_cast<DWORD>(path.size()));
  return utf8({path.data(), std::min<std::size_t>(length, path.size())});
}

}  // namespace

std::size_t read_memory(Handle process, std::uint64_t address, std::span<std::byte> to) {
  if (address > UINTPTR_MAX) return 0;
  SIZE_T read = 0;
  call_ntdll<ntdll::ReadVirtualMemory>("NtReadVirtualMemory", native_handle(process),
                                       pointer_to(address), to.data(), SIZE_T{to.size()}, &read);
  return std::min<std::size_t>(read, to.size());
}

std::expected<MemoryRegion, Status> region(Handle process, std::uint64_t address) {
  if (address > UINTPTR_MAX) return std::unexpected(Status{0xc000000d});
  MEMORY_BASIC_INFORMATION information{};
  constexpr ULONG kMemoryBasic = 0;
  const Status status = call_ntdll<ntdll::QueryVirtualMemory>(
      "NtQueryVirtualMemory", native_handle(process), pointer_to(address), kMemoryBasic,
      &information, SIZE_T{sizeof information}, nullptr);
  if (!succeeded(status)) return std::unexpected(status);
  MemoryRegion region;
  region.address = reinterpret_cast<std::uintptr_t>(information.BaseAddress);
  region.size = information.RegionSize;
  region.committed =
      information.State == MEM_COMMIT && (information.Protect & (PAGE_GUARD | PAGE_NOACCESS)) == 0;
  return region;
}

std::vector<dump::ModuleRecord> modules(Handle process) {
  const HANDLE handle = native_handle(process);
  std::vector<dump::ModuleRecord> records;
  for (const HMODULE module : module_handles(handle)) {
    MODULEINFO where{};
    if (!::K32GetModuleInformation(handle, module, &where, sizeof where)) continue;
    dump::ModuleRecord record;
    record.path = path_of(handle, module);
    record.base = reinterpret_cast<std::uintptr_t>(where.lpBaseOfDll);
    record.size = std::min<std::uint64_t>(where.SizeOfImage, UINT64_MAX - record.base);
    records.push_back(std::move(record));
  }
  return records;
}

bool is_wow64(Handle process) {
  BOOL result = FALSE;
  return ::IsWow64Process(native_handle(process), &result) && result;
}

}  // namespace ntstack::capture::windows
