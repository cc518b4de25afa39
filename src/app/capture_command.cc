#include "app/capture_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iostream>
#include <set>
#include <utility>

#include "app/capture_report.h"
#include "app/exit_code.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "app/running_process.h"
#include "app/status_line.h"
#include "app/terminal.h"
#include "base/text.h"
#include "capture/process_capture.h"
#include "capture/triggers.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

// A command line whose texts have become values.
struct Plan {
  capture::CaptureOptions options;
  capture::Trigger trigger;
  std::uint64_t every = 0;  // milliseconds
};

base::Result<double> positive(const std::string& text, std::string_view option) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value > 0))
    return base::fail("{} takes a number above 0, not \"{}\"", option, base::printable(text));
  return value;
}

base::Result<void> plan_trigger(const CaptureCommand& command, capture::Trigger& trigger) {
  if (!command.hang.empty()) {
    const auto seconds = positive(command.hang, "--hang");
    if (!seconds) return std::unexpected(seconds.error());
    trigger.hang_seconds = static_cast<std::uint32_t>(std::min(*seconds, 1e6));
  }
  if (!command.cpu.empty()) {
    const auto percent = positive(command.cpu, "--cpu");
    if (!percent) return std::unexpected(percent.error());
    if (*percent > 100)
      return base::fail("--cpu takes at most 100, which is all processors, not {}", command.cpu);
    trigger.cpu_percent = *percent;
  }
  return {};
}

base::Result<void> plan_durations(const CaptureCommand& command, Plan& plan) {
  if (!command.every.empty()) {
    const auto every = capture::duration_of(command.every);
    if (!every) return std::unexpected(every.error());
    plan.every = *every;
  }
  if (!command.budget.empty()) {
    const auto budget = capture::duration_of(command.budget);
    if (!budget) return std::unexpected(budget.error());
    plan.options.triage.time_budget = *budget;
  }
  if (command.count == 0 || command.count > 1000)
    return base::fail("--count takes a number from 1 to 1000");
  return {};
}

base::Result<Plan> plan_of(const CaptureCommand& command) {
  Plan plan;
  auto threads = capture::thread_request_of(command.threads, command.wait_reason, command.state);
  if (!threads) return std::unexpected(std::move(threads.error()));
  plan.options.threads = std::move(*threads);
  plan.options.threads.only = command.only;
  if (auto done = plan_trigger(command, plan.trigger); !done)
    return std::unexpected(std::move(done.error()));
  if (auto done = plan_durations(command, plan); !done)
    return std::unexpected(std::move(done.error()));
  using capture::KernelDumps;
  plan.options.kernel = command.automatic      ? KernelDumps::automatic
                        : command.driver       ? KernelDumps::driver
                        : command.live.empty() ? KernelDumps::triage
                                               : KernelDumps::live;
  plan.options.live.is_selective = command.live == "selective";
  plan.options.live.user_pages = command.user_pages;
  plan.options.live.hypervisor_pages = command.hypervisor_pages;
  plan.options.live.under_memory_pressure = command.under_memory_pressure;
  if (plan.options.kernel == KernelDumps::live && !plan.options.live.is_selective && command.only)
    return base::fail("--only is of triage dumps: a live dump has the threads of all processes");
  if (command.user == "a") plan.options.user = capture::UserDump::full;
  if (command.user == "m") plan.options.user = capture::UserDump::mini;
  // A rare event: the first dump is to be good for what matters most.
  plan.options.triage.is_unattended = command.unattended || plan.trigger.is_set();
  plan.options.triage.flags = command.triage_flags;
  plan.options.program = "ntstack " NTSTACK_VERSION;
  return plan;
}

// Where it goes: an existing folder gets a new one in it.
fs::path target_of(const CaptureCommand& command, const std::string& name) {
  const fs::path output = base::path_from_utf8(command.output);
  std::error_code ignored;
  fs::path target = output;
  if (output.empty() || fs::is_directory(output, ignored))
    target = output / base::path_from_utf8(name);
  if (base::lower(base::path_text(target.extension())) == ".zip" && !command.output.empty())
    target.replace_extension();
  return target;
}

// Nothing that is there is written over.
base::Result<void> check_free(const fs::path& target) {
  std::error_code ignored;
  if (fs::exists(target, ignored))
    return base::fail("{} is there already: name another with -o", base::path_text(target));
  return {};
}

bool wants_zip(const CaptureCommand& command) {
  return command.zip || base::lower(command.output).ends_with(".zip");
}

// Asks, where there is somebody to ask. Nothing: go on as we are.
std::optional<int> start_elevated(const CaptureCommand& command, capture::System& system,
                                  std::FILE* err) {
  if (command.no_elevate || system.elevated()) return std::nullopt;
  if (!command.elevate) {
    if (!is_terminal(stdin) || !is_terminal(err)) return std::nullopt;
    say(err, "Kernel stacks are for administrators. Start anew with their rights? [Y/n] ");
    std::string answer;
    std::getline(std::cin, answer);
    if (!std::cin || (!answer.empty() && answer[0] != 'y' && answer[0] != 'Y')) return std::nullopt;
  }
  std::vector<std::string> arguments = command.arguments;
  arguments.push_back("--no-elevate");
  const auto code = system.run_elevated(arguments);
  if (code) return *code;
  say(err, "ntstack: it could not be started with an administrator's rights: {}\n",
      capture::status_text(code.error(), capture::Call::other));
  return kFailed;
}

class Captures {
 public:
  Captures(const CaptureCommand& command, Plan plan, capture::System& system, std::FILE* out,
           std::FILE* err)
      : command_(command),
        plan_(std::move(plan)),
        system_(system),
        out_(out),
        err_(err),
        line_(err, command.paths.quiet) {}

  int run(const capture::ProcessFacts& process);

 private:
  base::Result<void> wait(const capture::ProcessFacts& process);
  base::Result<void> choose_by_frame(const capture::ProcessFacts& process);
  base::Result<bool> take_one(const capture::ProcessFacts& process, const fs::path& target);
  base::Result<void> pack(const fs::path& folder);
  void pause(std::uint64_t until);
  bool is_cancelled() const { return interrupt_.requested().load(); }

  const CaptureCommand& command_;
  Plan plan_;
  capture::System& system_;
  std::FILE* out_;
  std::FILE* err_;
  StatusLine line_;
  Interrupt interrupt_;
  std::set<std::uint32_t> with_frame_;  // IDs
};

base::Result<void> Captures::wait(const capture::ProcessFacts& process) {
  if (!plan_.trigger.is_set()) return {};
  const auto tell = [&](const std::string& text) { line_.say("waiting: " + text, true); };
  const auto what =
      capture::wait_for(system_, process, plan_.trigger, tell, interrupt_.requested());
  if (!what) return std::unexpected(what.error());
  if (!what->empty()) line_.say(*what, false);
  return {};
}

base::Result<void> Captures::choose_by_frame(const capture::ProcessFacts& process) {
  if (command_.frame.empty()) return {};
  auto found =
      threads_with_frame(system_, process, command_.frame, command_.paths, interrupt_.requested());
  if (!found) return std::unexpected(std::move(found.error()));
  with_frame_ = std::move(*found);
  plan_.options.threads.has_frame = [&](const capture::ThreadFacts& thread) {
    return with_frame_.contains(thread.id);
  };
  return {};
}

base::Result<void> Captures::pack(const fs::path& folder) {
  fs::path zip = folder;
  zip += ".zip";
  line_.say("packing", true);
  if (auto packed = zip_capture(folder, zip, interrupt_.requested()); !packed) return packed;
  say(out_, "{}\n", base::path_text(zip));
  return {};
}

// Whether it has a stack.
base::Result<bool> Captures::take_one(const capture::ProcessFacts& process,
                                      const fs::path& target) {
  capture::CaptureCallbacks callbacks;
  callbacks.tell = [&](const std::string& text, bool is_passing) { line_.say(text, is_passing); };
  callbacks.cancel = &interrupt_.requested();
  if (command_.report) {
    callbacks.finish = [&](const fs::path& folder, dump::Bundle& bundle) {
      if (is_cancelled()) return base::Result<void>();
      line_.say("walking the stacks", true);
      return write_report(folder, bundle, command_.paths, err_);
    };
  }
  const auto captured =
      capture::capture_process(system_, process, target, plan_.options, callbacks);
  if (!captured) return std::unexpected(captured.error());
  for (const dump::BundleThread& thread : captured->bundle.threads) {
    if (!thread.reason.empty())
      line_.say(fmt::format("thread {:x}: {}", thread.id, thread.reason), false);
  }
  if (wants_zip(command_)) {
    if (auto packed = pack(captured->folder); !packed)
      return std::unexpected(std::move(packed.error()));
  } else {
    say(out_, "{}\n", base::path_text(captured->folder));
  }
  std::fflush(out_);
  return captured->with_stack > 0 || captured->has_live_dump;
}

void Captures::pause(std::uint64_t until) {
  while (!is_cancelled() && system_.milliseconds() < until) {
    const std::uint64_t left = until - system_.milliseconds();
    line_.say(fmt::format("the next capture in {} s", left / 1000), true);
    system_.sleep(static_cast<std::uint32_t>(std::min<std::uint64_t>(left, 200)));
  }
}

int Captures::run(const capture::ProcessFacts& named) {
  capture::ProcessFacts process = named;
  if (auto waited = wait(process); !waited) return failed(waited.error(), err_);
  const std::string name = capture::capture_name(process, system_.system_time());
  const fs::path target = target_of(command_, name);
  if (auto free = check_free(target); !free) return failed(free.error(), err_);
  fs::path zip = target;
  zip += ".zip";
  if (wants_zip(command_) && command_.count == 1)
    if (auto free = check_free(zip); !free) return failed(free.error(), err_);
  bool is_good = true;
  for (unsigned round = 1; round <= command_.count && !is_cancelled(); ++round) {
    const std::uint64_t began = system_.milliseconds();
    if (round > 1 || plan_.trigger.is_set()) {
      // Threads come and go.
      auto now = choose_process(system_, fmt::format("{}", named.id), err_);
      if (!now) return now.error();
      if (now->create_time != named.create_time)
        return failed({fmt::format("process {} has ended", named.id), {}}, err_);
      process = std::move(*now);
    }
    if (auto chosen = choose_by_frame(process); !chosen) return failed(chosen.error(), err_);
    const fs::path folder = command_.count == 1 ? target : target / fmt::format("{:03}", round);
    const auto taken = take_one(process, folder);
    if (!taken) return failed(taken.error(), err_);
    is_good = is_good && *taken;
    if (round < command_.count) pause(began + plan_.every);
  }
  return is_good && !is_cancelled() ? kOk : kFailed;
}

}  // namespace

int run_capture(const CaptureCommand& command, capture::System* system, std::FILE* out,
                std::FILE* err) {
  auto plan = plan_of(command);
  if (!plan) return wrong(plan.error(), err);
  if (!can_look_at_processes(system, err)) return kFailed;
  if (const auto code = start_elevated(command, *system, err)) return *code;
  const auto process = choose_process(*system, command.process, err);
  if (!process) return process.error();
  return Captures(command, std::move(*plan), *system, out, err).run(*process);
}

}  // namespace ntstack::app
