// One request of WinHTTP in its asynchronous mode, waited for in small steps: so it can be given up
// at any moment, also in the middle of a receive.
#pragma once

#ifdef _WIN32

#include <array>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "store/winhttp_library.h"

namespace ntstack::store::http {

// What WinHTTP's threads tell, and where they write. It lives until WinHTTP has let go of the
// request, which may be after get() has returned.
struct Completion {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_complete = false;   // the last call
  bool is_connected = false;  // a server has taken the connection
  DWORD error = ERROR_SUCCESS;
  DWORD count = 0;  // of bytes, of the last call
  DWORD secure_flags = 0;
  std::array<std::byte, 64 << 10> buffer;
};

// Sets the callback of a session that requests tell by.
bool listen(HINTERNET session);

// A call that ended otherwise than it should.
struct Trouble {
  Failure failure = Failure::other;
  std::string reason;
};

class PendingRequest {
 public:
  // Takes the handle, of a request that is not sent yet.
  PendingRequest(HINTERNET request, const Limits& limits, const std::atomic<bool>& cancelled);
  ~PendingRequest();
  PendingRequest(const PendingRequest&) = delete;
  PendingRequest& operator=(const PendingRequest&) = delete;

  std::optional<Trouble> send();                  // up to the answer's head
  std::string header(const wchar_t* name) const;  // empty where there is none
  int status() const;
  // What there is of the body, up to a buffer; empty at its end.
  std::expected<base::Bytes, Trouble> read();

 private:
  // Waits for what `call` begins.
  template <class Call>
  std::optional<Trouble> run(Call call);
  std::optional<Trouble> wait();
  std::expected<base::Bytes, Trouble> read_now();
  std::optional<Trouble> why_to_give_up(std::chrono::steady_clock::time_point now, bool connected);

  HINTERNET request_;
  const Limits& limits_;
  const std::atomic<bool>& cancelled_;
  std::shared_ptr<Completion> completion_;
  std::chrono::steady_clock::time_point begin_;       // of the request
  std::chrono::steady_clock::time_point slow_since_;  // since when it has been too slow
  std::chrono::steady_clock::time_point slice_;       // since when bytes are counted
  std::uint64_t bytes_ = 0;                           // since then
  std::chrono::steady_clock::time_point left_;        // when the last call returned
};

}  // namespace ntstack::store::http

#endif
