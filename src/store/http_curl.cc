// HTTP by libcurl, which is loaded when the first server is asked: whoever asks none needs none,
// and starts as fast as without it. Proxies as libcurl takes them from the environment (http_proxy,
// https_proxy, no_proxy), passwords from ~/.netrc, certificates of the system or SSL_CERT_FILE.
#ifndef _WIN32

#include <curl/curl.h>
#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "store/http.h"
#include "store/http_shared.h"

namespace ntstack::store::http {
namespace {

// The functions of the library that are used.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) init = nullptr;
  decltype(&curl_easy_cleanup) cleanup = nullptr;
  decltype(&curl_easy_reset) reset = nullptr;
  decltype(&curl_easy_setopt) set = nullptr;
  decltype(&curl_easy_perform) perform = nullptr;
  decltype(&curl_easy_getinfo) get = nullptr;
  decltype(&curl_easy_strerror) text_of = nullptr;
  decltype(&curl_slist_append) append = nullptr;
  decltype(&curl_slist_free_all) free_list = nullptr;

  bool is_whole = false;
};

Curl load() {
  Curl curl;
  void* library = nullptr;
  for (const char* name : {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"})
    if ((library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL))) break;
  if (!library) return curl;
  bool all = true;
  const auto find = [&](auto& function, const char* name) {
    void* symbol = ::dlsym(library, name);
    std::memcpy(&function, &symbol, sizeof symbol);
    all = all && symbol;
  };
  find(curl.global_init, "curl_global_init");
  find(curl.init, "curl_easy_init");
  find(curl.cleanup, "curl_easy_cleanup");
  find(curl.reset, "curl_easy_reset");
  find(curl.set, "curl_easy_setopt");
  find(curl.perform, "curl_easy_perform");
  find(curl.get, "curl_easy_getinfo");
  find(curl.text_of, "curl_easy_strerror");
  find(curl.append, "curl_slist_append");
  find(curl.free_list, "curl_slist_free_all");
  curl.is_whole = all && curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return curl;
}

// Loaded once for all threads, and never unloaded.
const Curl& library() {
  static const Curl curl = load();
  return curl;
}

Failure failure_of(CURLcode code) {
  switch (code) {
    case CURLE_OK:
      return Failure::none;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return Failure::unreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
      return Failure::not_trusted;
    case CURLE_OPERATION_TIMEDOUT:
      return Failure::stalled;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return Failure::cut_off;
    default:
      return Failure::other;
  }
}

// What one request gathers while libcurl calls back.
struct Exchange {
  CURL* handle = nullptr;
  const Request* request = nullptr;
  Sink* sink = nullptr;
  const std::atomic<bool>* cancelled = nullptr;
  Response response;
  std::string etag, last_modified, content_range;
  bool has_begun = false, was_refused = false, is_elsewhere = false;

  bool wants_bytes() const { return response.status == 200 || response.status == 206; }

  // The head is whole: what it says, to whoever takes the bytes.
  bool begin() {
    has_begun = true;
    response.validator = validator_of(etag, last_modified);
    if (response.status == 206) {
      const auto range = read_content_range(content_range);
      is_elsewhere = !range || range->first != request->from;
      if (is_elsewhere) return false;
      response.length = range->length;
    }
    was_refused = !sink->begin(response);
    return !was_refused;
  }
};

// A header line: "ETag: ...". A status line begins another head (after a redirect).
std::size_t on_header(char* text, std::size_t one, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  std::string_view line(text, one * count);
  if (line.starts_with("HTTP/")) {
    exchange.response = {};
    exchange.etag = exchange.last_modified = exchange.content_range = {};
    const auto space = line.find(' ');
    if (space != std::string_view::npos)
      exchange.response.status = std::atoi(std::string(line.substr(space + 1, 3)).c_str());
    return count;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return count;
  const std::string name = base::lower(line.substr(0, colon));
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
    value.remove_suffix(1);
  if (name == "etag") exchange.etag = value;
  if (name == "last-modified") exchange.last_modified = value;
  if (name == "content-range") exchange.content_range = value;
  if (name == "retry-after") exchange.response.retry_after = read_retry_after(value);
  if (name == "content-length" && exchange.response.status == 200) {
    const std::uint64_t length = std::strtoull(std::string(value).c_str(), nullptr, 10);
    exchange.response.length = length;
  }
  return count;
}

std::size_t on_body(char* bytes, std::size_t one, std::size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (!exchange.wants_bytes()) return count;
  if (!exchange.has_begun && !exchange.begin()) return 0;
  exchange.was_refused =
      !exchange.sink->take(base::Bytes::of(std::string_view(bytes, count * one)));
  return exchange.was_refused ? 0 : count;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<Exchange*>(user)->cancelled ? 1 : 0;
}

}  // namespace

struct Client::State {
  Limits limits;
  const std::atomic<bool>* cancelled = nullptr;
  CURL* handle = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};

  ~State() {
    if (handle) library().cleanup(handle);
  }

  template <class T>
  void set(CURLoption option, T value) {
    library().set(handle, option, value);
  }

  void set_up(Exchange& exchange, curl_slist* headers) {
    library().reset(handle);  // connections stay
    error.front() = '\0';
    set(CURLOPT_URL, exchange.request->url.c_str());
    set(CURLOPT_ERRORBUFFER, error.data());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_USERAGENT, kUserAgent);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    const bool is_secure = base::lower(exchange.request->url.substr(0, 8)) == "https://";
    set(CURLOPT_REDIR_PROTOCOLS_STR, is_secure ? "https" : "http,https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, static_cast<long>(kMostRedirects));
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_ANY));
    set(CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits.connect.count()));
    set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(limits.slowest));
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall.count()));
    if (const char* file = std::getenv("SSL_CERT_FILE")) set(CURLOPT_CAINFO, file);
    set(CURLOPT_HTTPHEADER, headers);
    set(CURLOPT_HEADERFUNCTION, on_header);
    set(CURLOPT_HEADERDATA, &exchange);
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, &exchange);
    set(CURLOPT_NOPROGRESS, 0L);
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    set(CURLOPT_XFERINFODATA, &exchange);
  }
};

base::Result<Client> Client::make(const Limits& limits, const std::atomic<bool>& cancelled) {
  if (!library().is_whole)
    return base::fail("libcurl.so.4 is not to be had: install it (Debian: libcurl4) to download");
  auto state = std::make_unique<State>();
  state->limits = limits;
  state->cancelled = &cancelled;
  state->handle = library().init();
  if (!state->handle) return base::fail("libcurl could not be started");
  return Client(std::move(state));
}

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Outcome Client::get(const Request& request, Sink& sink) {
  Exchange exchange{.handle = state_->handle,
                    .request = &request,
                    .sink = &sink,
                    .cancelled = state_->cancelled,
                    .response = {},
                    .etag = {},
                    .last_modified = {},
                    .content_range = {}};
  curl_slist* headers = nullptr;
  const auto add = [&](const std::string& line) {
    headers = library().append(headers, line.c_str());
  };
  add("Accept-Encoding: identity");
  if (request.from != 0) {
    // Not CURLOPT_RESUME_FROM, which takes an answer from the beginning for a failure.
    add("Range: bytes=" + std::to_string(request.from) + "-");
    if (!request.validator.empty()) add("If-Range: " + request.validator);
  }
  state_->set_up(exchange, headers);
  const CURLcode code = library().perform(state_->handle);
  library().free_list(headers);
  // An empty file has no bytes to begin with.
  if (code == CURLE_OK && exchange.wants_bytes() && !exchange.has_begun) exchange.begin();
  Outcome outcome{std::move(exchange.response), failure_of(code), {}};
  if (*state_->cancelled)
    outcome.failure = Failure::cancelled;
  else if (exchange.was_refused)
    outcome.failure = Failure::refused;
  else if (exchange.is_elsewhere)
    outcome.failure = Failure::other;
  if (outcome.failure == Failure::none) return outcome;
  outcome.reason = exchange.is_elsewhere   ? "it sent another part of the file than was asked for"
                   : state_->error.front() ? state_->error.data()
                                           : library().text_of(code);
  return outcome;
}

}  // namespace ntstack::store::http

#endif
