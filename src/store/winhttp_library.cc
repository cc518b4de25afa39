#ifdef _WIN32

#include "store/winhttp_library.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace ntstack::store::http {
namespace {

HMODULE module() { return ::LoadLibraryExW(L"winhttp.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32); }

WinHttp load() {
  WinHttp library;
  const HMODULE loaded = module();
  if (!loaded) return library;
  bool all = true;
  const auto find = [&](auto& function, const char* name) {
    const FARPROC address = ::GetProcAddress(loaded, name);
    std::memcpy(&function, &address, sizeof address);
    all = all && address;
  };
  find(library.open, "WinHttpOpen");
  find(library.close, "WinHttpCloseHandle");
  find(library.connect, "WinHttpConnect");
  find(library.open_request, "WinHttpOpenRequest");
  find(library.add_headers, "WinHttpAddRequestHeaders");
  find(library.send, "WinHttpSendRequest");
  find(library.receive, "WinHttpReceiveResponse");
  find(library.query_headers, "WinHttpQueryHeaders");
  find(library.query_available, "WinHttpQueryDataAvailable");
  find(library.read, "WinHttpReadData");
  find(library.set_option, "WinHttpSetOption");
  find(library.set_timeouts, "WinHttpSetTimeouts");
  find(library.set_callback, "WinHttpSetStatusCallback");
  library.is_whole = all;
  return library;
}

bool is_of_tls(DWORD error) {
  switch (error) {
    case ERROR_WINHTTP_SECURE_FAILURE:
    case ERROR_WINHTTP_SECURE_FAILURE_PROXY:
    case ERROR_WINHTTP_SECURE_CERT_DATE_INVALID:
    case ERROR_WINHTTP_SECURE_CERT_CN_INVALID:
    case ERROR_WINHTTP_SECURE_INVALID_CA:
    case ERROR_WINHTTP_SECURE_CERT_REV_FAILED:
    case ERROR_WINHTTP_SECURE_CHANNEL_ERROR:
    case ERROR_WINHTTP_SECURE_INVALID_CERT:
    case ERROR_WINHTTP_SECURE_CERT_REVOKED:
    case ERROR_WINHTTP_SECURE_CERT_WRONG_USAGE:
    case ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED:
    case ERROR_WINHTTP_CLIENT_AUTH_CERT_NEEDED_PROXY:
      return true;
    default:
      return false;
  }
}

// Windows tells one error for all that is wrong with a certificate, and what it is by flags; Wine
// tells it by the error.
const char* tls_phrase(DWORD error, DWORD flags) {
  struct Phrase {
    DWORD error, flag;
    const char* text;
  };
  static constexpr Phrase kPhrases[] = {
      {ERROR_WINHTTP_SECURE_CERT_DATE_INVALID, WINHTTP_CALLBACK_STATUS_FLAG_CERT_DATE_INVALID,
       "its certificate has expired"},
      {ERROR_WINHTTP_SECURE_CERT_REVOKED, WINHTTP_CALLBACK_STATUS_FLAG_CERT_REVOKED,
       "its certificate has been revoked"},
      {ERROR_WINHTTP_SECURE_CERT_CN_INVALID, WINHTTP_CALLBACK_STATUS_FLAG_CERT_CN_INVALID,
       "its certificate is of another host"},
      {ERROR_WINHTTP_SECURE_INVALID_CA, WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA,
       "this system does not trust its certificate"},
      {ERROR_WINHTTP_SECURE_CERT_WRONG_USAGE, WINHTTP_CALLBACK_STATUS_FLAG_CERT_WRONG_USAGE,
       "its certificate is not one of a server"},
      {ERROR_WINHTTP_SECURE_CERT_REV_FAILED, WINHTTP_CALLBACK_STATUS_FLAG_CERT_REV_FAILED,
       "whether its certificate has been revoked could not be asked"},
      {ERROR_WINHTTP_SECURE_INVALID_CERT, WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CERT,
       "its certificate is damaged"},
  };
  for (const Phrase& phrase : kPhrases)
    if (error == phrase.error || flags & phrase.flag) return phrase.text;
  return "there is no secure connection to it";
}

std::string system_phrase(DWORD error) {
  std::array<wchar_t, 512> text;
  const DWORD length = ::FormatMessageW(
      FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_IGNORE_INSERTS,
      module(), error, 0, text.data(), static_cast<DWORD>(text.size()), nullptr);
  const std::span<const wchar_t> said(text.data(), length);
  std::string phrase = base::utf8_from_utf16(base::Bytes(std::as_bytes(said)));
  while (!phrase.empty() && (phrase.back() == '\n' || phrase.back() == '\r' ||
                             phrase.back() == ' ' || phrase.back() == '.'))
    phrase.pop_back();
  return phrase.empty() ? "error " + std::to_string(error) : phrase;
}

}  // namespace

const WinHttp& winhttp() {
  static const WinHttp library = load();
  return library;
}

Failure failure_of(DWORD error, bool is_connected) {
  if (is_of_tls(error)) return Failure::not_trusted;
  switch (error) {
    case ERROR_SUCCESS:
      return Failure::none;
    case ERROR_WINHTTP_NAME_NOT_RESOLVED:
    case ERROR_WINHTTP_CANNOT_CONNECT:
      return Failure::unreachable;
    case ERROR_WINHTTP_TIMEOUT:
    case WSAETIMEDOUT:  // as Wine passes it on
      return is_connected ? Failure::stalled : Failure::unreachable;
    case ERROR_WINHTTP_CONNECTION_ERROR:
    case ERROR_WINHTTP_OPERATION_CANCELLED:
      return is_connected ? Failure::cut_off : Failure::unreachable;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case ERROR_HANDLE_EOF:
      return Failure::cut_off;
    default:
      return Failure::other;
  }
}

std::string reason_of(DWORD error, DWORD secure_flags) {
  if (is_of_tls(error)) return tls_phrase(error, secure_flags);
  switch (error) {
    case ERROR_WINHTTP_NAME_NOT_RESOLVED:
      return "its name is not known";
    case ERROR_WINHTTP_CANNOT_CONNECT:
      return "it takes no connection";
    case ERROR_WINHTTP_TIMEOUT:
    case WSAETIMEDOUT:
      return "it does not answer";
    case ERROR_WINHTTP_CONNECTION_ERROR:
      return "the connection was lost";
    case ERROR_WINHTTP_INVALID_SERVER_RESPONSE:
      return "its answer is not one of HTTP";
    default:
      return system_phrase(error);
  }
}

}  // namespace ntstack::store::http

#endif
