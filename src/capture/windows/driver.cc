#include "capture/windows/driver.h"

#include <windows.h>

#include <string>
#include <utility>
#include <vector>

#include "capture/windows/ntdll.h"
#include "capture/windows/text.h"
#include "driver/protocol.h"

namespace ntstack::capture::windows {
namespace {

namespace fs = std::filesystem;

constexpr DWORD kMostWait = 10'000, kPause = 50;  // milliseconds

struct IoStatus {
  std::uintptr_t status = 0, information = 0;
};

// A handle of the service manager.
class Service {
 public:
  Service() = default;
  explicit Service(SC_HANDLE handle) : handle_(handle) {}
  Service(Service&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Service& operator=(Service&&) = delete;
  ~Service() {
    if (handle_) ::CloseServiceHandle(handle_);
  }
  SC_HANDLE get() const { return handle_; }

 private:
  SC_HANDLE handle_ = nullptr;
};

Status service_error() { return status_of_error(::GetLastError()); }

std::wstring service_name() { return wide(driver::kServiceName); }

std::expected<Service, Status> manager(DWORD access) {
  Service opened(::OpenSCManagerW(nullptr, nullptr, access));
  if (!opened.get()) return std::unexpected(service_error());
  return opened;
}

std::expected<Service, Status> service(DWORD access) {
  auto all = manager(SC_MANAGER_CONNECT);
  if (!all) return std::unexpected(all.error());
  Service opened(::OpenServiceW(all->get(), service_name().c_str(), access));
  if (!opened.get()) return std::unexpected(service_error());
  return opened;
}

// As registered; empty where it can't be read.
std::string image_of(const Service& service) {
  std::vector<std::byte> bytes(0x2000);  // the most that the function gives
  auto* config = reinterpret_cast<QUERY_SERVICE_CONFIGW*>(bytes.data());
  DWORD needed = 0;
  if (!::QueryServiceConfigW(service.get(), config, static_cast<DWORD>(bytes.size()), &needed))
    return "";
  return config->lpBinaryPathName ? utf8(config->lpBinaryPathName) : "";
}

// Until it has the state, or for as long as a driver may take.
Status wait_for(const Service& service, DWORD state) {
  SERVICE_STATUS now{};
  for (DWORD waited = 0; waited < kMostWait; waited += kPause) {
    if (!::QueryServiceStatus(service.get(), &now)) return service_error();
    if (now.dwCurrentState == state) return kSuccess;
    ::Sleep(kPause);
  }
  return status_of_error(ERROR_SERVICE_REQUEST_TIMEOUT);
}

}  // namespace

std::expected<Handle, Status> open_device() {
  using LastStatus = LONG(NTAPI*)();
  const HANDLE device = ::CreateFileW(wide(driver::kOpenName).c_str(), GENERIC_READ | GENERIC_WRITE,
                                      0, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (device != INVALID_HANDLE_VALUE) return handle_of(device);
  const DWORD error = ::GetLastError();
  const auto last = function_of<LastStatus>(L"ntdll.dll", "RtlGetLastNtStatus");
  const Status status = last ? static_cast<Status>(last()) : kSuccess;
  return std::unexpected(succeeded(status) ? status_of_error(error) : status);
}

Status device_control(Handle device, std::uint32_t code, std::span<const std::byte> in,
                      std::span<std::byte> out, std::uint32_t& returned) {
  using Control = LONG(NTAPI*)(HANDLE, HANDLE, void*, void*, IoStatus*, ULONG code, const void* in,
                               ULONG in_size, void* out, ULONG out_size);
  IoStatus io;
  const Status status = call_ntdll<Control>(
      "NtDeviceIoControlFile", native_handle(device), HANDLE{nullptr}, static_cast<void*>(nullptr),
      static_cast<void*>(nullptr), &io, ULONG{code},
      static_cast<const void*>(in.empty() ? nullptr : in.data()), static_cast<ULONG>(in.size()),
      static_cast<void*>(out.empty() ? nullptr : out.data()), static_cast<ULONG>(out.size()));
  returned = succeeded(status) ? static_cast<std::uint32_t>(io.information) : 0;
  return status;
}

std::expected<DriverService, Status> driver_service() {
  const auto opened = service(SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG);
  if (!opened) return std::unexpected(opened.error());
  SERVICE_STATUS status{};
  if (!::QueryServiceStatus(opened->get(), &status)) return std::unexpected(service_error());
  DriverService facts;
  facts.state = status.dwCurrentState;
  facts.is_running = status.dwCurrentState == SERVICE_RUNNING;
  facts.exit_code = status.dwWin32ExitCode;
  facts.path = image_of(*opened);
  return facts;
}

Status install_driver(const fs::path& image) {
  const auto all = manager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
  if (!all) return all.error();
  const Service created(::CreateServiceW(
      all->get(), service_name().c_str(), L"ntstack: kernel stacks", SERVICE_QUERY_STATUS,
      SERVICE_KERNEL_DRIVER, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, image.c_str(), nullptr,
      nullptr, nullptr, nullptr, nullptr));
  return created.get() ? kSuccess : service_error();
}

Status start_driver() {
  const auto opened = service(SERVICE_START | SERVICE_QUERY_STATUS);
  if (!opened) return opened.error();
  if (!::StartServiceW(opened->get(), 0, nullptr)) return service_error();
  return wait_for(*opened, SERVICE_RUNNING);
}

Status stop_driver() {
  const auto opened = service(SERVICE_STOP | SERVICE_QUERY_STATUS);
  if (!opened) return opened.error();
  SERVICE_STATUS status{};
  if (!::ControlService(opened->get(), SERVICE_CONTROL_STOP, &status)) return service_error();
  return wait_for(*opened, SERVICE_STOPPED);
}

Status remove_driver() {
  const auto opened = service(DELETE | SERVICE_QUERY_STATUS);
  if (!opened) return opened.error();
  return ::DeleteService(opened->get()) ? kSuccess : service_error();
}

fs::path own_folder() {
  std::wstring path(0x8000, L'\0');
  const DWORD length = ::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size()));
  if (length == 0 || length >= path.size()) return {};
  path.resize(length);
  return fs::path(path).parent_path();
}

fs::path system_root() {
  wchar_t path[MAX_PATH];
  const UINT length = ::GetSystemWindowsDirectoryW(path, MAX_PATH);
  return length == 0 || length >= MAX_PATH ? fs::path() : fs::path(std::wstring(path, length));
}

}  // namespace ntstack::capture::windows
