#include "capture/windows/live_dump_watch.h"

#include <windows.h>

// After windows.h.
#include <evntrace.h>
// After evntrace.h.
#include <evntcons.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "capture/windows/ntdll.h"

namespace ntstack::capture::windows {
namespace {

constexpr GUID kLiveDumpProvider = {
    0xbef2aa8e, 0x81cd, 0x11e2, {0xa7, 0xbb, 0x5e, 0xac, 0x61, 0x88, 0x70, 0x9b}};
// One name for all runs: a session outlives a program that was ended, and there are few in a
// system.
constexpr std::wstring_view kSession = L"ntstack live dumps";
constexpr std::size_t kMostPayload = 0x10000;

struct alignas(8) SessionProperties {
  EVENT_TRACE_PROPERTIES properties{};
  wchar_t name[64]{};

  SessionProperties() {
    properties.Wnode.BufferSize = sizeof *this;
    properties.Wnode.Flags = WNODE_FLAG_TRACED_GUID;
    properties.Wnode.ClientContext = 1;  // the performance counter
    properties.LogFileMode = EVENT_TRACE_REAL_TIME_MODE;
    properties.FlushTimer = 1;
    properties.LoggerNameOffset = offsetof(SessionProperties, name);
  }
};

ULONG start_session(TRACEHANDLE& session) {
  SessionProperties properties;
  ULONG error = ::StartTraceW(&session, kSession.data(), &properties.properties);
  if (error != ERROR_ALREADY_EXISTS) return error;
  SessionProperties old;
  ::ControlTraceW(0, kSession.data(), &old.properties, EVENT_TRACE_CONTROL_STOP);
  properties = SessionProperties();
  return ::StartTraceW(&session, kSession.data(), &properties.properties);
}

class LiveDumpWatch : public Watch {
 public:
  explicit LiveDumpWatch(std::function<void(const LiveDumpEvent&)> on_event)
      : on_event_(std::move(on_event)) {}

  // Stops the session; what was on the way still comes.
  ~LiveDumpWatch() override {
    if (session_ != 0) {
      SessionProperties properties;
      ::ControlTraceW(session_, nullptr, &properties.properties, EVENT_TRACE_CONTROL_STOP);
    }
    if (thread_.joinable()) thread_.join();
    if (trace_ != INVALID_PROCESSTRACE_HANDLE) ::CloseTrace(trace_);
  }

  ULONG start() {
    if (const ULONG error = start_session(session_)) {
      session_ = 0;
      return error;
    }
    if (const ULONG error =
            ::EnableTraceEx2(session_, &kLiveDumpProvider, EVENT_CONTROL_CODE_ENABLE_PROVIDER,
                             TRACE_LEVEL_VERBOSE, 0, 0, 0, nullptr))
      return error;
    std::wstring name(kSession);
    EVENT_TRACE_LOGFILEW file{};
    file.LoggerName = name.data();
    file.ProcessTraceMode = PROCESS_TRACE_MODE_REAL_TIME | PROCESS_TRACE_MODE_EVENT_RECORD;
    file.EventRecordCallback = &LiveDumpWatch::take;
    file.Context = this;
    trace_ = ::OpenTraceW(&file);
    if (trace_ == INVALID_PROCESSTRACE_HANDLE) return ::GetLastError();
    thread_ = std::thread([this] { ::ProcessTrace(&trace_, 1, nullptr, nullptr); });
    return ERROR_SUCCESS;
  }

 private:
  static void WINAPI take(EVENT_RECORD* record) {
    const EVENT_HEADER& header = record->EventHeader;
    if (!::IsEqualGUID(header.ProviderId, kLiveDumpProvider)) return;
    LiveDumpEvent event;
    event.time = static_cast<std::uint64_t>(header.TimeStamp.QuadPart);
    event.id = header.EventDescriptor.Id;
    const std::size_t size = std::min<std::size_t>(record->UserDataLength, kMostPayload);
    event.data.resize(size);
    if (size != 0) std::memcpy(event.data.data(), record->UserData, size);
    static_cast<LiveDumpWatch*>(record->UserContext)->on_event_(event);
  }

  std::function<void(const LiveDumpEvent&)> on_event_;
  TRACEHANDLE session_ = 0;
  TRACEHANDLE trace_ = INVALID_PROCESSTRACE_HANDLE;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Watch> watch_live_dumps(std::function<void(const LiveDumpEvent&)> on_event,
                                        Status& why) {
  auto watch = std::make_unique<LiveDumpWatch>(std::move(on_event));
  const ULONG error = watch->start();
  why = error == ERROR_SUCCESS ? kSuccess : status_of_error(error);
  if (error != ERROR_SUCCESS) return nullptr;
  return watch;
}

}  // namespace ntstack::capture::windows
