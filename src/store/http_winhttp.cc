// HTTP by WinHTTP: the system's proxy, also an automatic one, and the system's certificates.
// Redirects are followed here, so that passwords and https:// stay where they belong.
#ifdef _WIN32

#include "store/http.h"

#include <charconv>

#include "base/text.h"
#include "store/http_address.h"
#include "store/http_shared.h"
#include "store/winhttp_request.h"

namespace ntstack::store::http {
namespace {

struct Close {
  using pointer = HINTERNET;
  void operator()(HINTERNET handle) const { winhttp().close(handle); }
};
using Handle = std::unique_ptr<HINTERNET, Close>;

std::wstring wide(std::string_view text) {
  const std::u16string utf16 = base::utf16_from_utf8(text);
  return {utf16.begin(), utf16.end()};
}

Handle open_session() {
  const std::wstring agent = wide(kUserAgent);
  // Windows 8.1 and later look for a proxy by themselves.
  for (const DWORD proxy :
       {WINHTTP_ACCESS_TYPE_AUTOMATIC_PROXY, WINHTTP_ACCESS_TYPE_DEFAULT_PROXY}) {
    Handle session(winhttp().open(agent.c_str(), proxy, WINHTTP_NO_PROXY_NAME,
                                  WINHTTP_NO_PROXY_BYPASS, WINHTTP_FLAG_ASYNC));
    if (session) return session;
  }
  return {};
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::string headers_of(const Address& address, const Request& request) {
  std::string lines = "Accept-Encoding: identity\r\n";
  if (request.from != 0) {
    lines += "Range: bytes=" + std::to_string(request.from) + "-\r\n";
    if (!request.validator.empty()) lines += "If-Range: " + request.validator + "\r\n";
  }
  if (!address.user.empty()) lines += "Authorization: " + basic_authorization(address) + "\r\n";
  return lines;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Outcome failed(Outcome outcome, Failure failure, std::string reason) {
  outcome.failure = failure;
  outcome.reason = std::move(reason);
  return outcome;
}

Outcome failed(Outcome outcome, Trouble trouble) {
  return failed(std::move(outcome), trouble.failure, std::move(trouble.reason));
}

// The body's bytes, to whoever takes them.
Outcome take_body(PendingRequest& pending, Outcome outcome, Sink& sink) {
  const std::optional<std::uint64_t> length = number(pending.header(L"Content-Length"));
  if (!sink.begin(outcome.response)) return failed(std::move(outcome), Failure::refused, "");
  for (std::uint64_t taken = 0;;) {
    auto bytes = pending.read();
    if (!bytes) return failed(std::move(outcome), std::move(bytes.error()));
    if (bytes->empty()) {
      if (!length || taken == *length) return outcome;
      return failed(std::move(outcome), Failure::cut_off,
                    fmt::format("{} bytes of {} came", taken, *length));
    }
    taken += bytes->size();
    if (!sink.take(*bytes)) return failed(std::move(outcome), Failure::refused, "");
  }
}

// An answer that is no redirect.
Outcome take_answer(PendingRequest& pending, const Request& request, Sink& sink) {
  Outcome outcome;
  Response& response = outcome.response;
  response.status = pending.status();
  response.validator = validator_of(pending.header(L"ETag"), pending.header(L"Last-Modified"));
  response.retry_after = read_retry_after(pending.header(L"Retry-After"));
  if (response.status == 206) {
    const auto range = read_content_range(pending.header(L"Content-Range"));
    if (!range || range->first != request.from)
      return failed(std::move(outcome), Failure::other,
                    "it sent another part of the file than was asked for");
    response.length = range->length;
  } else if (response.status == 200) {
    response.length = number(pending.header(L"Content-Length"));
  } else {
    return outcome;
  }
  return take_body(pending, std::move(outcome), sink);
}

}  // namespace

struct Client::State {
  Limits limits;
  const std::atomic<bool>* cancelled = nullptr;
  Handle session;
  Handle connection;  // to the server that was asked last
  Address server;

  bool connect(const Address& address) {
    if (connection && server.is_same_server(address)) return true;
    const std::wstring host = wide(address.host);
    connection.reset(winhttp().connect(session.get(), host.c_str(), address.port, 0));
    server = address;
    return connection != nullptr;
  }

  HINTERNET open(const Address& address, const Request& request) {
    if (!connect(address)) return nullptr;
    const std::wstring path = wide(address.path);
    Handle opened(winhttp().open_request(connection.get(), L"GET", path.c_str(), nullptr,
                                         WINHTTP_NO_REFERER, WINHTTP_DEFAULT_ACCEPT_TYPES,
                                         address.is_secure ? WINHTTP_FLAG_SECURE : 0));
    if (!opened) return nullptr;
    DWORD without = WINHTTP_DISABLE_REDIRECTS | WINHTTP_DISABLE_COOKIES;
    winhttp().set_option(opened.get(), WINHTTP_OPTION_DISABLE_FEATURE, &without, sizeof without);
    const std::wstring headers = wide(headers_of(address, request));
    if (!winhttp().add_headers(opened.get(), headers.c_str(), static_cast<DWORD>(headers.size()),
                               WINHTTP_ADDREQ_FLAG_ADD))
      return nullptr;
    return opened.release();
  }
};

base::Result<Client> Client::make(const Limits& limits, const std::atomic<bool>& cancelled) {
  if (!winhttp().is_whole) return base::fail("winhttp.dll is not to be had");
  auto state = std::make_unique<State>();
  state->limits = limits;
  state->cancelled = &cancelled;
  state->session = open_session();
  if (!state->session || !listen(state->session.get()))
    return base::fail("WinHTTP could not be started: {}", reason_of(::GetLastError(), 0));
  const auto milliseconds = [](std::chrono::milliseconds time) {
    return static_cast<int>(std::min<std::int64_t>(time.count(), INT_MAX));
  };
  const int connect = milliseconds(limits.connect), stall = milliseconds(limits.stall);
  winhttp().set_timeouts(state->session.get(), connect, connect, stall, stall);
  return Client(std::move(state));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Outcome Client::get(const Request& request, Sink& sink) {
  std::optional<Address> address = read_address(request.url);
  if (!address) return failed({}, Failure::other, "its address is not one of HTTP");
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    if (*state_->cancelled) return failed({}, Failure::cancelled, "it was cancelled");
    HINTERNET opened = state_->open(*address, request);
    if (!opened) return failed({}, Failure::other, reason_of(::GetLastError(), 0));
    PendingRequest pending(opened, state_->limits, *state_->cancelled);
    if (auto trouble = pending.send()) return failed({}, std::move(*trouble));
    const std::string location = pending.header(L"Location");
    if (!is_redirect(pending.status()) || location.empty())
      return take_answer(pending, request, sink);
    const auto target = redirect_target(*address, location);
    if (!target) return failed({}, Failure::other, "it redirects to what is no address of HTTP");
    if (address->is_secure && !target->is_secure)
      return failed({}, Failure::other, "it redirects from https:// to http://");
    address = target;
  }
  return failed({}, Failure::other, fmt::format("it redirects more than {} times", kMostRedirects));
}

}  // namespace ntstack::store::http

#endif
