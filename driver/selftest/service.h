// The driver as a service of this machine, for programs that try it out.
#pragma once

#include <windows.h>

#include <string>

#include "driver/protocol.h"

namespace ntstack::driver::selftest {

class Service {
 public:
  // Created as `name` (or opened, where it is there) with the driver's file. Not started.
  explicit Service(const std::string& driver, const char* name = kServiceName)
      : manager_(OpenSCManagerA(nullptr, nullptr, SC_MANAGER_ALL_ACCESS)) {
    service_ = CreateServiceA(manager_, name, name, SERVICE_ALL_ACCESS, SERVICE_KERNEL_DRIVER,
                              SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, driver.c_str(), nullptr,
                              nullptr, nullptr, nullptr, nullptr);
    is_ours_ = service_ != nullptr;
    if (!service_) service_ = OpenServiceA(manager_, name, SERVICE_ALL_ACCESS);
  }
  ~Service() {
    if (service_ && is_ours_) {
      stop();
      DeleteService(service_);
    }
    if (service_) CloseServiceHandle(service_);
    if (manager_) CloseServiceHandle(manager_);
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  explicit operator bool() const { return service_ != nullptr; }
  // The system's error; 0: it runs.
  DWORD start() {
    if (StartServiceA(service_, 0, nullptr)) return 0;
    const DWORD error = GetLastError();
    return error == ERROR_SERVICE_ALREADY_RUNNING ? 0 : error;
  }
  // Again for some seconds, where it does not at first: a driver that was just stopped may still be
  // going away, and Wine's first service of a prefix takes too long.
  DWORD start_at_last() {
    DWORD error = start();
    for (int i = 0; error != 0 && i < 20; ++i) {
      Sleep(250);
      error = start();
    }
    return error;
  }
  DWORD stop() {
    SERVICE_STATUS status;
    return ControlService(service_, SERVICE_CONTROL_STOP, &status) ? 0 : GetLastError();
  }

 private:
  SC_HANDLE manager_ = nullptr, service_ = nullptr;
  bool is_ours_ = false;
};

// SeDebugPrivilege of a process; false: the account has none.
inline bool set_debug_privilege(bool on, HANDLE process = GetCurrentProcess()) {
  HANDLE token = nullptr;
  if (!OpenProcessToken(process, TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token)) return false;
  TOKEN_PRIVILEGES privileges{1, {{{20, 0}, on ? DWORD{SE_PRIVILEGE_ENABLED} : 0}}};
  const bool done = AdjustTokenPrivileges(token, FALSE, &privileges, 0, nullptr, nullptr) &&
                    GetLastError() == ERROR_SUCCESS;
  CloseHandle(token);
  return done;
}

inline HANDLE open_device() {
  return CreateFileA(kOpenName, GENERIC_READ | GENERIC_WRITE, 0, nullptr, OPEN_EXISTING, 0,
                     nullptr);
}

}  // namespace ntstack::driver::selftest
