#include "capture/thread_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>

#include "base/text.h"
#include "target/machine.h"

namespace ntstack::capture {
namespace {

constexpr std::uint8_t kWaiting = 5;  // KTHREAD_STATE

std::optional<std::uint32_t> id_of(std::string_view text) {
  int radix = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    radix = 16;
  }
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, radix);
  return error == std::errc() && at == end && !text.empty() ? std::optional(value) : std::nullopt;
}

bool asks_for_some(const ThreadRequest& request) {
  return request.wait_reason || request.state || request.has_frame;
}

// By all of its conditions but the IDs.
bool takes(const ThreadRequest& request, const ThreadFacts& thread) {
  if (request.state && thread.state != *request.state) return false;
  if (request.wait_reason &&
      (thread.state != kWaiting || thread.wait_reason != *request.wait_reason))
    return false;
  return !request.has_frame || request.has_frame(thread);
}

std::string text_of(const ThreadRequest& request) {
  std::string text;
  const auto say = [&](std::string_view part) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", part);
  };
  if (request.state) say(fmt::format("state {}", target::thread_state_name(*request.state)));
  if (request.wait_reason)
    say(fmt::format("waiting for {}", target::wait_reason_name(*request.wait_reason)));
  if (request.has_frame) say("such a frame");
  return text;
}

class Chooser {
 public:
  explicit Chooser(const ProcessFacts& process) : process_(process) {}

  bool add(const ThreadFacts& thread) {
    if (taken_.insert(thread.id).second) chosen_.threads.push_back(thread);
    return true;
  }
  base::Result<void> add(std::uint32_t id) {
    const auto found = std::ranges::find(process_.threads, id, &ThreadFacts::id);
    if (found == process_.threads.end())
      return base::fail("{} ({}) has no thread {} ({:#x}); it may have ended",
                        base::printable(process_.name), process_.id, id, id);
    add(*found);
    return {};
  }
  void end_of_chosen() { chosen_.first = chosen_.threads.size(); }
  ChosenThreads take() { return std::move(chosen_); }

 private:
  const ProcessFacts& process_;
  ChosenThreads chosen_;
  std::unordered_set<std::uint32_t> taken_;
};

}  // namespace

base::Result<ThreadRequest> thread_request_of(const std::vector<std::string>& ids,
                                              const std::string& wait_reason,
                                              const std::string& state) {
  ThreadRequest request;
  for (const std::string& text : ids) {
    const auto id = id_of(text);
    if (!id)
      return base::fail(
          "--thread takes a thread's ID (decimal, or hexadecimal with 0x), not \"{}\"",
          base::printable(text));
    request.ids.push_back(*id);
  }
  if (!wait_reason.empty()) {
    request.wait_reason = target::wait_reason_named(wait_reason);
    if (!request.wait_reason)
      return base::fail(
          "--wait-reason takes a wait reason (Executive, UserRequest, WrResource), not \"{}\"",
          base::printable(wait_reason));
  }
  if (!state.empty()) {
    request.state = target::thread_state_named(state);
    if (!request.state)
      return base::fail(
          "--state takes Waiting, Ready, Running, Standby, Terminated or another of kd's names, "
          "not "
          "\"{}\"",
          base::printable(state));
  }
  return request;
}

base::Result<ChosenThreads> choose_threads(const ProcessFacts& process,
                                           const ThreadRequest& request) {
  Chooser chooser(process);
  for (const std::uint32_t id : request.ids)
    if (auto added = chooser.add(id); !added) return std::unexpected(std::move(added.error()));
  bool any = false;
  if (asks_for_some(request)) {
    for (const ThreadFacts& thread : process.threads)
      if (takes(request, thread)) any |= chooser.add(thread);
    if (!any && request.ids.empty())
      return base::fail("no thread of {} ({}) is as asked for: {}", base::printable(process.name),
                        process.id, text_of(request));
  }
  chooser.end_of_chosen();
  if (!request.only || (request.ids.empty() && !asks_for_some(request)))
    for (const ThreadFacts& thread : process.threads) chooser.add(thread);
  ChosenThreads chosen = chooser.take();
  chosen.is_all = chosen.threads.size() == process.threads.size();
  if (chosen.threads.empty())
    return base::fail("{} ({}) has no threads: it has ended, and something still holds it",
                      base::printable(process.name), process.id);
  return chosen;
}

base::Result<void> check_capturable(const ProcessFacts& process, std::uint32_t own_process_id) {
  if (process.id == own_process_id)
    return base::fail(
        "process {} is this program itself, whose threads wait for the very dump; name another "
        "process",
        process.id);
  if (process.id == 0)
    return base::fail(
        "process 0 (Idle) has no threads that take a kernel APC; a live dump has their stacks");
  if (process.id == 4)
    return base::fail(
        "process 4 (System) gives nobody the handles to its threads that a triage dump needs; "
        "capture a live dump, which has every kernel stack");
  return {};
}

}  // namespace ntstack::capture
