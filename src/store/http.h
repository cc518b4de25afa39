// One file of a symbol server by HTTP or HTTPS: asked for, and its bytes handed on as they come. By
// libcurl, which is loaded when first used, and by WinHTTP on Windows: the system's proxy and
// certificates hold.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::store::http {

struct Limits {
  std::chrono::seconds connect{10};
  // A server that sends fewer than `slowest` bytes a second for so long is given up.
  std::chrono::seconds stall{20};
  std::uint64_t slowest = 512;
};

struct Request {
  std::string url;         // absolute and percent-encoded; may hold "user:password@"
  std::uint64_t from = 0;  // of the file so many bytes are there: the rest is asked for
  std::string validator;   // of the file that they are of, as a response named it
};

// The head of an answer, after redirects.
struct Response {
  int status = 0;                       // 200: the whole file; 206: the rest
  std::optional<std::uint64_t> length;  // of the whole file, where the server tells it
  std::string validator;  // a strong ETag, else Last-Modified; empty where there is neither
  // Of a 429 or 503: the seconds after which to ask again, where the server tells them.
  std::optional<std::uint32_t> retry_after;
};

// Takes an answer. Whoever returns false ends it: Failure::refused.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual bool begin(const Response& response) = 0;  // once, before the bytes of a 200 or 206
  virtual bool take(base::Bytes bytes) = 0;
};

enum class Failure : std::uint8_t {
  none,         // the whole answer came, whatever its status; a 206 goes on where it was asked to
  unreachable,  // no such host, nobody listens, no answer to a connection
  not_trusted,  // TLS: its certificate, or no common ground
  stalled,      // too slow for too long
  cut_off,      // it ended before its end
  refused,      // by the sink
  cancelled,
  other
};

struct Outcome {
  Response response;
  Failure failure = Failure::none;
  std::string reason;  // a phrase, of the library or the system: "certificate has expired"
};

// Connections to servers, kept open between requests. Used by one thread at a time. At most ten
// redirects are followed, from https:// to https:// alone.
class Client {
 public:
  // Fails with a sentence where the library is not to be had. `cancelled` outlives the client.
  static base::Result<Client> make(const Limits& limits, const std::atomic<bool>& cancelled);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Bytes of answers other than 200 and 206 are dropped. A 206 that begins elsewhere than asked is
  // Failure::other.
  Outcome get(const Request& request, Sink& sink);

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ntstack::store::http
