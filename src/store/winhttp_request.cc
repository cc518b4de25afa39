#ifdef _WIN32

#include "store/winhttp_request.h"

#include <vector>

#include "base/text.h"

namespace ntstack::store::http {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStep{100};
constexpr std::chrono::seconds kSlice{1};

using Held = std::shared_ptr<Completion>;

void complete(Completion& completion, DWORD error, DWORD count) {
  const std::lock_guard lock(completion.mutex);
  completion.is_complete = true;
  completion.error = error;
  completion.count = count;
  completion.changed.notify_all();
}

void CALLBACK on_status(HINTERNET, DWORD_PTR context, DWORD status, void* information,
                        DWORD length) {
  auto* held = reinterpret_cast<Held*>(context);
  if (!held) return;  // a session's or a connection's
  Completion& completion = **held;
  switch (status) {
    case WINHTTP_CALLBACK_STATUS_SENDING_REQUEST: {
      const std::lock_guard lock(completion.mutex);
      completion.is_connected = true;
      return;
    }
    case WINHTTP_CALLBACK_STATUS_SECURE_FAILURE: {
      const std::lock_guard lock(completion.mutex);
      completion.secure_flags = *static_cast<const DWORD*>(information);
      return;
    }
    case WINHTTP_CALLBACK_STATUS_SENDREQUEST_COMPLETE:
    case WINHTTP_CALLBACK_STATUS_HEADERS_AVAILABLE:
      return complete(completion, ERROR_SUCCESS, 0);
    case WINHTTP_CALLBACK_STATUS_DATA_AVAILABLE:
      return complete(completion, ERROR_SUCCESS, *static_cast<const DWORD*>(information));
    case WINHTTP_CALLBACK_STATUS_READ_COMPLETE:
      return complete(completion, ERROR_SUCCESS, length);
    case WINHTTP_CALLBACK_STATUS_REQUEST_ERROR:
      return complete(completion, static_cast<const WINHTTP_ASYNC_RESULT*>(information)->dwError,
                      0);
    case WINHTTP_CALLBACK_STATUS_HANDLE_CLOSING:
      delete held;  // the last call of all
      return;
    default:
      return;
  }
}

}  // namespace

bool listen(HINTERNET session) {
  constexpr DWORD kWanted = WINHTTP_CALLBACK_FLAG_ALL_COMPLETIONS | WINHTTP_CALLBACK_FLAG_HANDLES |
                            WINHTTP_CALLBACK_FLAG_SEND_REQUEST |
                            WINHTTP_CALLBACK_FLAG_SECURE_FAILURE;
  return winhttp().set_callback(session, on_status, kWanted, 0) != WINHTTP_INVALID_STATUS_CALLBACK;
}

PendingRequest::PendingRequest(HINTERNET request, const Limits& limits,
                               const std::atomic<bool>& cancelled)
    : request_(request),
      limits_(limits),
      cancelled_(cancelled),
      completion_(std::make_shared<Completion>()),
      begin_(Clock::now()),
      slow_since_(begin_),
      slice_(begin_),
      left_(begin_) {
  auto* held = new Held(completion_);
  const auto context = reinterpret_cast<DWORD_PTR>(held);
  DWORD_PTR value = context;
  if (!winhttp().set_option(request_, WINHTTP_OPTION_CONTEXT_VALUE, &value, sizeof value))
    delete held;
}

PendingRequest::~PendingRequest() { winhttp().close(request_); }

std::optional<Trouble> PendingRequest::why_to_give_up(Clock::time_point now, bool connected) {
  if (cancelled_) return Trouble{Failure::cancelled, "it was cancelled"};
  if (!connected) {
    // A proxy is looked for and several addresses may be tried: each has the library's own limit.
    if (now - begin_ < limits_.connect * 3) return std::nullopt;
    return Trouble{Failure::unreachable, "it does not answer"};
  }
  const auto taken = now - slice_;
  if (taken >= kSlice) {
    const double seconds = std::chrono::duration<double>(taken).count();
    const bool is_slow =
        static_cast<double>(bytes_) < seconds * static_cast<double>(limits_.slowest);
    if (!is_slow) slow_since_ = now;
    slice_ = now;
    bytes_ = 0;
  }
  if (now - slow_since_ < limits_.stall) return std::nullopt;
  return Trouble{Failure::stalled, "it sends nothing, or next to nothing"};
}

std::optional<Trouble> PendingRequest::wait() {
  std::unique_lock lock(completion_->mutex);
  while (!completion_->is_complete) {
    completion_->changed.wait_for(lock, kStep);
    if (completion_->is_complete) break;
    const bool was_connected = completion_->is_connected;
    if (!was_connected) slow_since_ = slice_ = Clock::now();
    if (auto trouble = why_to_give_up(Clock::now(), was_connected)) return trouble;
  }
  if (completion_->error == ERROR_SUCCESS) {
    // A server that always has a byte must not escape the limits.
    return why_to_give_up(Clock::now(), true);
  }
  return Trouble{failure_of(completion_->error, completion_->is_connected),
                 reason_of(completion_->error, completion_->secure_flags)};
}

template <class Call>
std::optional<Trouble> PendingRequest::run(Call call) {
  {
    const std::lock_guard lock(completion_->mutex);
    completion_->is_complete = false;
    completion_->error = ERROR_SUCCESS;
    completion_->count = 0;
  }
  if (!call()) {
    const DWORD error = ::GetLastError();
    const std::lock_guard lock(completion_->mutex);
    return Trouble{failure_of(error, completion_->is_connected),
                   reason_of(error, completion_->secure_flags)};
  }
  return wait();
}

std::optional<Trouble> PendingRequest::send() {
  const auto send = [&] {
    return winhttp().send(request_, WINHTTP_NO_ADDITIONAL_HEADERS, 0, WINHTTP_NO_REQUEST_DATA, 0, 0,
                          0);
  };
  if (auto trouble = run(send)) return trouble;
  auto trouble = run([&] { return winhttp().receive(request_, nullptr); });
  left_ = Clock::now();
  return trouble;
}

std::string PendingRequest::header(const wchar_t* name) const {
  DWORD size = 0;
  winhttp().query_headers(request_, WINHTTP_QUERY_CUSTOM, name, WINHTTP_NO_OUTPUT_BUFFER, &size,
                          WINHTTP_NO_HEADER_INDEX);
  if (::GetLastError() != ERROR_INSUFFICIENT_BUFFER || size == 0) return {};
  std::vector<wchar_t> text(size / sizeof(wchar_t) + 1);
  size = static_cast<DWORD>(text.size() * sizeof(wchar_t));
  if (!winhttp().query_headers(request_, WINHTTP_QUERY_CUSTOM, name, text.data(), &size,
                               WINHTTP_NO_HEADER_INDEX))
    return {};
  const std::span<const wchar_t> said(text.data(), size / sizeof(wchar_t));
  return base::utf8_from_utf16(base::Bytes(std::as_bytes(said)));
}

int PendingRequest::status() const {
  DWORD status = 0, size = sizeof status;
  winhttp().query_headers(request_, WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER,
                          WINHTTP_HEADER_NAME_BY_INDEX, &status, &size, WINHTTP_NO_HEADER_INDEX);
  return static_cast<int>(status);
}

std::expected<base::Bytes, Trouble> PendingRequest::read() {
  // The time that whoever takes the bytes needs is not the server's.
  const auto away = Clock::now() - left_;
  slice_ += away;
  slow_since_ += away;
  auto bytes = read_now();
  left_ = Clock::now();
  return bytes;
}

std::expected<base::Bytes, Trouble> PendingRequest::read_now() {
  // Reading what there is alone: a read of a whole buffer waits until it is full.
  if (auto trouble = run([&] { return winhttp().query_available(request_, nullptr); }))
    return std::unexpected(std::move(*trouble));
  const DWORD there = completion_->count;
  if (there == 0) return base::Bytes();
  const auto size = static_cast<DWORD>(std::min<std::size_t>(there, completion_->buffer.size()));
  const auto read = [&] {
    return winhttp().read(request_, completion_->buffer.data(), size, nullptr);
  };
  if (auto trouble = run(read)) return std::unexpected(std::move(*trouble));
  const std::size_t count = std::min<std::size_t>(completion_->count, size);
  bytes_ += count;
  return base::Bytes(completion_->buffer.data(), count);
}

}  // namespace ntstack::store::http

#endif
