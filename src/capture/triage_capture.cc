#include "capture/triage_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "capture/debug_privilege.h"
#include "capture/listed_thread.h"
#include "capture/outcome_text.h"
#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

constexpr std::size_t kUnattendedFirst = 10;
constexpr std::uint64_t kWedgedTime = 5000;  // milliseconds that each of them takes
constexpr std::size_t kMostFailures = 3;     // of calls, one after the other
constexpr std::uint32_t kPause = 500;        // milliseconds after each
constexpr std::size_t kMostNewRounds = 2, kMostNewThreads = 4096;

// A thread of the batch that is put together.
struct Open {
  std::size_t thread;
  Owned handle;
};

// The request itself is wrong or not known: another try can't help.
bool is_final(Status status) {
  switch (status) {
    case kAccessDenied:
    case kNotImplemented:
    case kInvalidInfoClass:
    case kInfoLengthMismatch:
    case kInvalidParameter:
    case kDebuggerInactive:
    case kPrivilegeNotHeld:
      return true;
    default:
      return false;
  }
}

class Capture {
 public:
  Capture(System& system, const ProcessFacts& process, const ChosenThreads& chosen,
          const TriageOptions& options, const TriageCallbacks& callbacks)
      : system_(system),
        process_(process),
        is_all_(chosen.is_all),
        options_(options),
        callbacks_(callbacks),
        begin_(system.milliseconds()),
        batches_(chosen.threads.size(), limits()) {
    for (const ThreadFacts& thread : chosen.threads) add(thread, false);
  }

  TriageCapture run() {
    const DebugPrivilege privilege(system_);
    if (privilege.status() != kSuccess)
      fail(privilege.status(), Call::privilege);
    else
      capture_all();
    finish();
    return std::move(result_);
  }

 private:
  BatchLimits limits() const;
  void add(const ThreadFacts& thread, bool is_new);
  void capture_all();
  bool may_go_on();
  bool begin_next_round();
  bool add_new_threads();
  std::size_t answers_that_fit();

  void capture_some();
  std::vector<Open> open_batch();
  bool open_one(std::size_t thread, Owned& handle);
  void read_objects(const std::vector<Open>& batch);
  void call(const std::vector<Open>& batch);
  void take_dump(const std::vector<Open>& batch, const TriageAnswer& answer, CallRecord& record);
  void call_failed(const std::vector<Open>& batch, CallRecord& record);
  bool is_worth_storing(std::span<const std::size_t> threads, const TriageContents& contents) const;
  bool store(std::span<const std::byte> dump, CallRecord& record);
  void remember(std::span<const std::size_t> threads, const TriageContents& contents,
                const CallRecord& record);

  void settle(std::size_t thread, Outcome outcome, std::string text);
  void fail(Status status, Call call);
  void tell(std::size_t asking);
  void finish();
  Ending ending_of_capture() const {
    return {result_.thread_room, options_.time_budget, result_.was_cancelled,
            result_.ran_out_of_time, batches_.gave_up()};
  }
  void explain_nothing();
  std::uint64_t elapsed() { return system_.milliseconds() - begin_; }
  std::string process_text() const {
    return fmt::format("{} ({})", base::printable(process_.name), process_.id);
  }

  System& system_;
  const ProcessFacts& process_;
  bool is_all_;
  const TriageOptions& options_;
  const TriageCallbacks& callbacks_;
  std::uint64_t begin_;
  TriageBatches batches_;
  TriageCapture result_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> known_;  // by ID and create time
  std::vector<std::byte> buffer_;
  std::size_t failures_ = 0, new_rounds_ = 0;
  bool is_retry_ = false, went_well_ = false;
};

BatchLimits Capture::limits() const {
  const MachineFacts machine = system_.machine();
  BatchLimits limits;
  limits.room = kTriageDumpRoom;
  limits.processors = std::max(machine.processors, 1u);
  limits.build = machine.build;
  limits.is_64_bit = sizeof(void*) == 8;
  limits.first_batch = options_.is_unattended ? kUnattendedFirst : 0;
  return limits;
}

void Capture::add(const ThreadFacts& thread, bool is_new) {
  ThreadRecord record;
  record.facts = thread;
  record.is_new = is_new;
  result_.threads.push_back(std::move(record));
  known_.emplace(thread.id, thread.create_time);
}

void Capture::capture_all() {
  while (may_go_on()) {
    if (batches_.size_of_next() != 0)
      capture_some();
    else if (!begin_next_round())
      return;
  }
}

bool Capture::may_go_on() {
  if (result_.error) return false;
  if (callbacks_.cancel && callbacks_.cancel->load()) {
    result_.was_cancelled = batches_.pending() != 0 || batches_.unanswered() != 0;
    return false;
  }
  const bool is_over = options_.time_budget != 0 && elapsed() >= options_.time_budget;
  if (is_over && batches_.pending() != 0) result_.ran_out_of_time = true;
  return !is_over;
}

// Threads that began since it began; then, last, those that did not answer.
bool Capture::begin_next_round() {
  if (add_new_threads()) return true;
  if (is_retry_ || batches_.unanswered() == 0) return false;
  is_retry_ = true;
  batches_.retry_unanswered(answers_that_fit());
  return batches_.size_of_next() != 0;
}

// How many threads that do not answer there is time for.
std::size_t Capture::answers_that_fit() {
  if (options_.time_budget == 0) return SIZE_MAX;
  const std::uint64_t over = std::min(elapsed(), options_.time_budget);
  return static_cast<std::size_t>((options_.time_budget - over) / kWedgedTime);
}

bool Capture::add_new_threads() {
  if (!is_all_ || is_retry_ || new_rounds_ == kMostNewRounds) return false;
  ++new_rounds_;
  const auto processes = system_.processes();
  if (!processes) return false;
  const auto now = std::ranges::find_if(*processes, [&](const ProcessFacts& process) {
    return process.id == process_.id && process.create_time == process_.create_time;
  });
  if (now == processes->end()) return false;
  std::size_t added = 0;
  for (const ThreadFacts& thread : now->threads) {
    if (added == kMostNewThreads || known_.contains({thread.id, thread.create_time})) continue;
    add(thread, true);
    ++added;
  }
  batches_.add(added);
  return added != 0;
}

void Capture::settle(std::size_t thread, Outcome outcome, std::string text) {
  batches_.settle(thread, outcome);
  result_.threads[thread].text = std::move(text);
}

// Right before the call, so that few end in between.
void Capture::capture_some() {
  if (options_.time_budget != 0)
    batches_.bound_wedged(std::min(kWedgedInACall, answers_that_fit()));
  const std::vector<Open> batch = open_batch();
  if (batch.empty()) return;
  read_objects(batch);
  call(batch);
  for (const Open& open : batch) {
    std::string& name = result_.threads[open.thread].name;
    if (name.empty()) name = system_.thread_name(open.handle.get());
  }
}

std::vector<Open> Capture::open_batch() {
  const std::size_t count = batches_.size_of_next();
  std::vector<Open> batch;
  while (batch.size() < count) {
    const std::vector<std::size_t> taken = batches_.take(count - batch.size());
    if (taken.empty()) break;
    for (const std::size_t thread : taken) {
      Owned handle;
      if (open_one(thread, handle)) batch.push_back({thread, std::move(handle)});
    }
  }
  return batch;
}

bool Capture::open_one(std::size_t thread, Owned& handle) {
  ThreadRecord& record = result_.threads[thread];
  auto opened = open_listed_thread(system_, record.facts, process_.id, kThreadAllAccess);
  if (opened) {
    handle = std::move(*opened);
    return true;
  }
  if (opened.error().status) record.status = *opened.error().status;
  settle(thread, opened.error().outcome, std::move(opened.error().text));
  return false;
}

void Capture::read_objects(const std::vector<Open>& batch) {
  const auto handles = system_.own_handles();
  if (!handles) return;  // the dump tells them too
  std::unordered_map<Handle, std::uint64_t> objects;
  for (const HandleFacts& handle : *handles) objects.emplace(handle.handle, handle.object);
  for (const Open& open : batch) {
    const auto found = objects.find(open.handle.get());
    if (found != objects.end() && found->second != 0)
      result_.threads[open.thread].object = found->second;
  }
}

void Capture::call(const std::vector<Open>& batch) {
  std::vector<Handle> handles;
  std::vector<std::uint64_t> objects;
  for (const Open& open : batch) {
    handles.push_back(open.handle.get());
    objects.push_back(result_.threads[open.thread].object);
  }
  tell(batch.size());
  CallRecord record;
  record.time = system_.system_time();
  record.asked = batch.size();
  const std::uint64_t begin = system_.milliseconds();
  const TriageAnswer answer =
      take_triage_dump(system_,
                       {handles, objects, static_cast<std::uint32_t>(result_.dumps), options_.flags,
                        options_.bugcheck_code},
                       buffer_);
  record.milliseconds = system_.milliseconds() - begin;
  record.status = answer.status;
  record.complaint = answer.complaint;
  record.bytes = answer.dump.size();
  if (answer.dump.empty())
    call_failed(batch, record);
  else
    take_dump(batch, answer, record);
  result_.calls.push_back(std::move(record));
  tell(0);
}

void Capture::take_dump(const std::vector<Open>& batch, const TriageAnswer& answer,
                        CallRecord& record) {
  std::vector<AskedThread> asked;
  std::vector<std::size_t> threads;
  for (const Open& open : batch) {
    const ThreadRecord& thread = result_.threads[open.thread];
    asked.push_back({thread.facts.id, thread.object});
    threads.push_back(open.thread);
  }
  const auto contents = read_triage_contents(base::Bytes(answer.dump), asked, kTriageDumpRoom);
  if (!contents) {
    record.complaint = contents.error().text();
    call_failed(batch, record);
    return;
  }
  failures_ = 0;
  went_well_ = true;
  record.has_list = contents->has_list;
  if (is_worth_storing(threads, *contents) && !store(answer.dump, record)) {
    batches_.put_back(threads);
    return;
  }
  remember(threads, *contents, record);
  batches_.learn(threads, *contents);
  record.captured = static_cast<std::size_t>(std::ranges::count_if(
      contents->threads, [](const auto& thread) { return thread.stack != StackBytes::none; }));
}

// A smaller request may do where memory is short; nothing else is known to help.
void Capture::call_failed(const std::vector<Open>& batch, CallRecord& record) {
  std::vector<std::size_t> threads;
  for (const Open& open : batch) threads.push_back(open.thread);
  for (const std::size_t thread : threads)
    if (!succeeded(record.status)) result_.threads[thread].status = record.status;
  if (record.status == kAccessDenied && went_well_) {
    // The privilege is there: what is refused is each of these handles.
    for (const std::size_t thread : threads) batches_.settle(thread, Outcome::denied);
    return;
  }
  batches_.put_back(threads);
  if (!is_final(record.status) && ++failures_ < kMostFailures) {
    batches_.bound(threads.size() / 2);
    system_.sleep(kPause);
    return;
  }
  if (succeeded(record.status))
    result_.error = base::Error{record.complaint, {}};
  else
    fail(record.status, Call::triage_dump);
}

bool Capture::is_worth_storing(std::span<const std::size_t> threads,
                               const TriageContents& contents) const {
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const ThreadRecord& thread = result_.threads[threads[i]];
    const ThreadInDump& in_dump = contents.threads[i];
    if (in_dump.object != 0 && (!thread.dump || in_dump.stack > thread.stack)) return true;
  }
  return false;
}

bool Capture::store(std::span<const std::byte> dump, CallRecord& record) {
  if (auto stored = callbacks_.store(result_.dumps, dump); !stored) {
    result_.error = std::move(stored.error());
    result_.error->context.push_back(fmt::format("storing dump {}", result_.dumps));
    return false;
  }
  record.dump = result_.dumps++;
  result_.bytes += dump.size();
  return true;
}

void Capture::remember(std::span<const std::size_t> threads, const TriageContents& contents,
                       const CallRecord& record) {
  for (std::size_t i = 0; i < threads.size(); ++i) {
    ThreadRecord& thread = result_.threads[threads[i]];
    const ThreadInDump& in_dump = contents.threads[i];
    thread.status = in_dump.status;
    if (in_dump.object == 0) continue;
    thread.object = in_dump.object;
    if (!record.dump || (thread.dump && in_dump.stack <= thread.stack)) continue;
    thread.dump = record.dump;
    thread.stack = in_dump.stack;
    thread.may_lack_io = in_dump.may_lack_io;
  }
}

void Capture::fail(Status status, Call call) {
  result_.error_status = status;
  result_.error = base::Error{status_text(status, call),
                              {fmt::format("capturing threads of {}", process_text())}};
}

void Capture::tell(std::size_t asking) {
  if (!callbacks_.progress) return;
  TriageProgress progress;
  progress.threads = result_.threads.size();
  for (const Outcome outcome : batches_.outcomes()) {
    progress.settled += outcome != Outcome::pending;
    progress.captured += outcome == Outcome::captured || outcome == Outcome::captured_in_part;
  }
  progress.calls = result_.calls.size();
  progress.asking = asking;
  progress.milliseconds = elapsed();
  progress.is_retry = is_retry_;
  callbacks_.progress(progress);
}

void Capture::finish() {
  batches_.stop();
  result_.thread_room = batches_.thread_room();
  const Ending ending = ending_of_capture();
  for (std::size_t i = 0; i < result_.threads.size(); ++i) {
    ThreadRecord& thread = result_.threads[i];
    thread.outcome = batches_.outcomes()[i];
    if (thread.text.empty()) thread.text = outcome_text(thread, ending);
  }
  result_.milliseconds = elapsed();
  if (!result_.has_any() && !result_.error && !result_.was_cancelled) explain_nothing();
}

// No thread was captured, though the calls went well.
void Capture::explain_nothing() {
  std::string why;
  for (const ThreadRecord& thread : result_.threads) {
    if (thread.outcome == Outcome::gone || thread.outcome == Outcome::not_tried) continue;
    if (thread.status && !succeeded(*thread.status)) result_.error_status = *thread.status;
    why = thread.text;
    break;
  }
  if (result_.threads.empty())
    why = "it has none";
  else if (why.empty() && result_.count(Outcome::not_tried) == 0)
    why = "all of them have ended, or are about to";
  else if (why.empty())
    why = outcome_text(result_.threads.front(), ending_of_capture());
  result_.error =
      base::Error{fmt::format("no thread of {} could be captured: {}", process_text(), why), {}};
}

}  // namespace

std::size_t TriageCapture::count(Outcome outcome) const {
  return static_cast<std::size_t>(std::ranges::count(threads, outcome, &ThreadRecord::outcome));
}

bool TriageCapture::has_any() const {
  return count(Outcome::captured) + count(Outcome::captured_in_part) != 0;
}

TriageCapture capture_triage(System& system, const ProcessFacts& process,
                             const ChosenThreads& chosen, const TriageOptions& options,
                             const TriageCallbacks& callbacks) {
  return Capture(system, process, chosen, options, callbacks).run();
}

}  // namespace ntstack::capture
