// The functions of winhttp.dll that are used, loaded when the first server is asked, and what its
// errors mean.
#pragma once

#ifdef _WIN32

#include <windows.h>
#include <winhttp.h>

#include <string>

#include "store/http.h"

namespace ntstack::store::http {

struct WinHttp {
  decltype(&WinHttpOpen) open = nullptr;
  decltype(&WinHttpCloseHandle) close = nullptr;
  decltype(&WinHttpConnect) connect = nullptr;
  decltype(&WinHttpOpenRequest) open_request = nullptr;
  decltype(&WinHttpAddRequestHeaders) add_headers = nullptr;
  decltype(&WinHttpSendRequest) send = nullptr;
  decltype(&WinHttpReceiveResponse) receive = nullptr;
  decltype(&WinHttpQueryHeaders) query_headers = nullptr;
  decltype(&WinHttpQueryDataAvailable) query_available = nullptr;
  decltype(&WinHttpReadData) read = nullptr;
  decltype(&WinHttpSetOption) set_option = nullptr;
  decltype(&WinHttpSetTimeouts) set_timeouts = nullptr;
  decltype(&WinHttpSetStatusCallback) set_callback = nullptr;

  bool is_whole = false;
};

// Loaded once for all threads, and never unloaded.
const WinHttp& winhttp();

// `is_connected`: whether the server had taken the connection by then.
Failure failure_of(DWORD error, bool is_connected);

// A phrase for people. `secure_flags`: WINHTTP_CALLBACK_STATUS_FLAG_*, where TLS failed.
std::string reason_of(DWORD error, DWORD secure_flags);

}  // namespace ntstack::store::http

#endif
