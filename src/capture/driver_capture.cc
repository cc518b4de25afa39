#include "capture/driver_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "capture/debug_privilege.h"
#include "capture/listed_thread.h"
#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

// Access rights of threads (winnt.h).
constexpr std::uint32_t kGetContext = 0x0008, kQueryLimited = 0x0800;
// Nonpaged pool that one call takes: a call of 512 threads would want 16 MB at once.
constexpr std::size_t kMostBytesOfACall = std::size_t{8} << 20;

constexpr const char* kWithoutStack =
    "its registers and the kernel's own list of its frames were captured: Windows gives no access "
    "to its stack, as of protected processes; a live dump has it";
constexpr const char* kElsewhere =
    "its registers and the kernel's own list of its frames were captured: it was on a stack that "
    "is "
    "not its own; a live dump has it";
constexpr const char* kCut =
    "captured but for the oldest part of its kernel stack, which is larger than the driver copies; "
    "a live dump has all of it";

struct Open {
  std::size_t thread;
  Owned handle;
};

class Capture {
 public:
  Capture(System& system, const ProcessFacts& process, const ChosenThreads& chosen,
          const DriverOptions& options, const DriverCallbacks& callbacks)
      : system_(system),
        process_(process),
        options_(options),
        callbacks_(callbacks),
        begin_(system.milliseconds()) {
    for (const ThreadFacts& facts : chosen.threads) result_.threads.emplace_back().facts = facts;
  }

  DriverCapture run();

 private:
  using Numbers = std::vector<std::size_t>;  // of threads

  void capture_all();
  void ask_all(Numbers threads, std::uint32_t stack_bytes);
  bool may_go_on();
  Numbers those(const std::function<bool(const DriverRecord&)>& is_one) const;
  std::uint32_t stack_bytes_of(const Numbers& threads) const;

  void ask(std::span<const std::size_t> threads, std::uint32_t stack_bytes);
  bool open_one(std::size_t thread, Owned& handle, bool& is_limited);
  void read_objects(const std::vector<Open>& batch);
  bool call(const std::vector<Open>& batch, std::uint32_t stack_bytes);
  void take(DriverRecord& record, const DriverThread& answer, bool is_limited);

  void settle(DriverRecord& record, Outcome outcome, std::string text);
  void tell(std::size_t asking);
  void finish();
  std::uint64_t elapsed() { return system_.milliseconds() - begin_; }

  System& system_;
  const ProcessFacts& process_;
  const DriverOptions& options_;
  const DriverCallbacks& callbacks_;
  std::uint64_t begin_;
  std::optional<Driver> driver_;
  DriverCapture result_;
  std::vector<std::byte> buffer_;
  std::size_t most_ = driver::kMostThreads;  // of a call; fewer where memory is short
};

DriverCapture Capture::run() {
  const DebugPrivilege privilege(system_);
  if (privilege.status() != kSuccess) {
    result_.error = base::Error{status_text(privilege.status(), Call::privilege), {}};
  } else if (auto opened = Driver::open(system_); !opened) {
    result_.error = std::move(opened.error());
  } else {
    driver_ = std::move(*opened);
    result_.driver = driver_->facts();
    capture_all();
  }
  finish();
  return std::move(result_);
}

void Capture::capture_all() {
  const auto is_pending = [](const DriverRecord& one) { return one.outcome == Outcome::pending; };
  ask_all(those(is_pending), options_.stack_bytes);
  // Once more: what held them up may be over.
  ask_all(those([](const DriverRecord& one) { return one.status == kTimeout; }),
          options_.stack_bytes);
  const Numbers cut = those([](const DriverRecord& one) {
    return one.is_captured() && !one.stack.empty() && one.answer.is_cut();
  });
  ask_all(cut, stack_bytes_of(cut));
}

Capture::Numbers Capture::those(const std::function<bool(const DriverRecord&)>& is_one) const {
  Numbers numbers;
  for (std::size_t i = 0; i < result_.threads.size(); ++i)
    if (is_one(result_.threads[i])) numbers.push_back(i);
  return numbers;
}

// As much as the largest of their stacks may come to hold, with an older one.
std::uint32_t Capture::stack_bytes_of(const Numbers& threads) const {
  std::uint64_t most = 0;
  for (const std::size_t thread : threads) {
    const DriverThread& answer = result_.threads[thread].answer;
    most = std::max(most, answer.stack_high - answer.stack_low);
  }
  constexpr std::uint64_t kLargeStack = 0x12000;  // of x64 and ARM64
  most += kLargeStack;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, driver::kMostStackBytes));
}

bool Capture::may_go_on() {
  if (result_.error) return false;
  if (callbacks_.cancel && callbacks_.cancel->load()) return !(result_.was_cancelled = true);
  const bool is_over = options_.time_budget != 0 && elapsed() >= options_.time_budget;
  if (is_over) result_.ran_out_of_time = true;
  return !is_over;
}

void Capture::ask_all(Numbers threads, std::uint32_t stack_bytes) {
  const std::size_t each = std::max<std::size_t>(options_.frames * 8 + stack_bytes, 1);
  const std::size_t fit = std::min(most_threads_in_a_call(options_.frames, stack_bytes),
                                   std::max<std::size_t>(kMostBytesOfACall / each, 1));
  std::span<const std::size_t> left(threads);
  while (!left.empty() && may_go_on()) {
    const std::size_t before = most_;
    const auto some = left.first(std::min({left.size(), fit, most_}));
    ask(some, stack_bytes);
    if (most_ == before) left = left.subspan(some.size());  // else once more, with fewer
  }
}

// One call for those whose stack may be read, and one for those of which only the frames may be
// told.
void Capture::ask(std::span<const std::size_t> threads, std::uint32_t stack_bytes) {
  std::vector<Open> whole, limited;
  for (const std::size_t thread : threads) {
    Owned handle;
    bool is_limited = false;
    if (open_one(thread, handle, is_limited))
      (is_limited ? limited : whole).push_back({thread, std::move(handle)});
  }
  for (const auto* batch : {&whole, &limited}) {
    if (batch->empty() || result_.error) continue;
    read_objects(*batch);
    tell(batch->size());
    if (!call(*batch, batch == &whole ? stack_bytes : 0)) return;
    for (const Open& open : *batch) {
      std::string& name = result_.threads[open.thread].name;
      if (name.empty()) name = system_.thread_name(open.handle.get());
    }
  }
}

bool Capture::open_one(std::size_t thread, Owned& handle, bool& is_limited) {
  DriverRecord& record = result_.threads[thread];
  const auto open = [&](std::uint32_t access) {
    return open_listed_thread(system_, record.facts, process_.id, access);
  };
  auto opened = open(kQueryLimited | kGetContext);
  is_limited = !opened && opened.error().status == kAccessDenied;
  if (is_limited) opened = open(kQueryLimited);
  if (opened) {
    handle = std::move(*opened);
    return true;
  }
  if (record.is_captured()) return false;  // what it had before stays
  if (opened.error().status) record.status = *opened.error().status;
  settle(record, opened.error().outcome, std::move(opened.error().text));
  return false;
}

void Capture::read_objects(const std::vector<Open>& batch) {
  const auto handles = system_.own_handles();
  if (!handles) return;  // stacks are as good without
  std::unordered_map<Handle, std::uint64_t> objects;
  for (const HandleFacts& handle : *handles) objects.emplace(handle.handle, handle.object);
  for (const Open& open : batch) {
    const auto found = objects.find(open.handle.get());
    if (found != objects.end() && found->second != 0)
      result_.threads[open.thread].object = found->second;
  }
}

// False where these are to be asked again, or the capture is over.
bool Capture::call(const std::vector<Open>& batch, std::uint32_t stack_bytes) {
  std::vector<Handle> handles;
  for (const Open& open : batch) handles.push_back(open.handle.get());
  DriverRequest request{handles, options_.milliseconds, 0, options_.frames, stack_bytes};
  Status status = kSuccess;
  ++result_.calls;
  const auto answer = driver_->capture(request, buffer_, status);
  if (!answer) {
    const bool is_short = status == kInsufficientResources || status == kNoMemory;
    if (is_short && batch.size() > 1)
      most_ = batch.size() / 2;
    else
      result_.error = answer.error();
    return false;
  }
  result_.architecture = answer->architecture;
  for (std::size_t i = 0; i < batch.size(); ++i)
    take(result_.threads[batch[i].thread], answer->threads[i], stack_bytes == 0);
  return true;
}

void Capture::take(DriverRecord& record, const DriverThread& answer, bool is_limited) {
  const bool has_one = record.is_captured();
  if (answer.status != kSuccess) {
    if (has_one) return;  // asked for more of it, which did not come
    record.status = answer.status;
    const Outcome outcome = answer.status == kTimeout               ? Outcome::wedged
                            : answer.status == kThreadIsTerminating ? Outcome::gone
                            : answer.status == kAccessDenied        ? Outcome::denied
                                                                    : Outcome::failed;
    return settle(record, outcome, status_text(answer.status, Call::driver_thread));
  }
  if (answer.thread_id != record.facts.id || answer.process_id != process_.id) {
    if (!has_one) settle(record, Outcome::failed, "the driver answered for another thread");
    return;
  }
  record.status = kSuccess;
  record.answer = answer;
  record.stack.assign(answer.stack.span().begin(), answer.stack.span().end());
  record.answer.stack = {};
  record.older.clear();
  for (DriverOlderStack& older : record.answer.older) {
    const auto bytes = older.bytes.span();
    record.older.push_back({older.sp, {bytes.begin(), bytes.end()}});
    older.bytes = {};
  }
  if (record.stack.empty())
    return settle(record, Outcome::captured_in_part, is_limited ? kWithoutStack : kElsewhere);
  if (answer.is_cut()) return settle(record, Outcome::captured_in_part, kCut);
  settle(record, Outcome::captured, "captured");
}

void Capture::settle(DriverRecord& record, Outcome outcome, std::string text) {
  record.outcome = outcome;
  record.text = std::move(text);
}

void Capture::tell(std::size_t asking) {
  if (!callbacks_.progress) return;
  DriverProgress progress;
  progress.threads = result_.threads.size();
  progress.captured = result_.captured();
  for (const DriverRecord& record : result_.threads)
    progress.settled += record.outcome != Outcome::pending;
  progress.asking = asking;
  callbacks_.progress(progress);
}

void Capture::finish() {
  for (DriverRecord& record : result_.threads) {
    if (record.outcome != Outcome::pending) continue;
    settle(record, Outcome::not_tried,
           result_.was_cancelled     ? "not captured: the capture was cancelled before"
           : result_.ran_out_of_time ? fmt::format("not captured: the time for it ({} s) was over",
                                                   (options_.time_budget + 999) / 1000)
                                     : "not captured: the capture ended before");
  }
  result_.milliseconds = elapsed();
  if (result_.captured() != 0 || result_.error || result_.was_cancelled) return;
  const auto why = std::ranges::find_if(result_.threads, [](const DriverRecord& record) {
    return record.outcome != Outcome::gone && record.outcome != Outcome::not_tried;
  });
  result_.error =
      base::Error{fmt::format("no thread of {} ({}) could be captured: {}",
                              base::printable(process_.name), process_.id,
                              result_.threads.empty()        ? "it has none"
                              : why != result_.threads.end() ? why->text
                                                             : result_.threads.front().text),
                  {}};
}

}  // namespace

std::size_t DriverCapture::captured() const {
  return static_cast<std::size_t>(std::ranges::count_if(threads, &DriverRecord::is_captured));
}

DriverCapture capture_by_driver(System& system, const ProcessFacts& process,
                                const ChosenThreads& chosen, const DriverOptions& options,
                                const DriverCallbacks& callbacks) {
  return Capture(system, process, chosen, options, callbacks).run();
}

base::Result<void> check_driver_capturable(const ProcessFacts& process,
                                           std::uint32_t own_process_id) {
  if (process.id == own_process_id)
    return base::fail("process {} is this program itself", process.id);
  if (process.id == 0)
    return base::fail("Idle has no threads that could be asked; a live dump has their stacks");
  return {};
}

}  // namespace ntstack::capture
