#include "capture/process_capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/out_file.h"
#include "base/partial.h"
#include "base/text.h"
#include "capture/driver_stacks.h"
#include "capture/live_dump_events.h"

namespace ntstack::capture {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kFirstSelective = 20348;  // Windows Server 2022; 11 is 22000

base::Result<void> write_file(const fs::path& path, base::Bytes bytes) {
  auto file = base::OutFile::open(path);
  if (!file) return std::unexpected(std::move(file.error()));
  if (auto written = file->write(bytes); !written) return written;
  return file->close_durably();
}

std::string version_text(const MachineFacts& machine) {
  return fmt::format("{}.{}.{}.{}", machine.major, machine.minor, machine.build, machine.revision);
}

class Capturing {
 public:
  Capturing(System& system, const ProcessFacts& process, const fs::path& folder,
            const CaptureOptions& options, const CaptureCallbacks& callbacks)
      : system_(system),
        process_(process),
        target_(folder),
        stem_(base::path_text(folder.filename())),
        options_(options),
        callbacks_(callbacks) {}

  base::Result<Captured> run();

 private:
  bool is_cancelled() const { return callbacks_.cancel && callbacks_.cancel->load(); }
  void tell(const std::string& line, bool is_passing = false) const {
    if (callbacks_.tell) callbacks_.tell(line, is_passing);
  }
  std::string name(std::string_view ending) const { return stem_ + std::string(ending); }
  dump::Bundle& bundle() { return captured_.bundle; }

  void tell_of_others() const;
  base::Result<void> make_folder();
  void begin();
  base::Result<void> take_kernel_dumps();
  base::Result<void> take_triage_dumps();
  base::Result<void> take_driver_stacks();
  base::Result<void> keep_driver_stacks(const DriverStacks& stacks);
  void add_calls(const TriageCapture& taken);
  void add_threads(const TriageCapture& taken);
  base::Result<void> take_live();
  base::Result<void> take_live(LiveDumpOptions options);
  base::Result<void> keep_live(const LiveDump& dump, const LiveDumpOptions& options);
  void list_threads();
  void take_user_half();
  base::Result<void> write_manifest();
  base::Result<void> finish();

  System& system_;
  const ProcessFacts& process_;
  const fs::path& target_;
  std::string stem_;
  const CaptureOptions& options_;
  const CaptureCallbacks& callbacks_;
  std::optional<base::Partial> partial_;
  fs::path folder_;  // that one
  Captured captured_;
};

std::string triage_name(const std::string& stem, std::size_t number) {
  // ProcDump's name for the first, so that tools which open a pair find it.
  return number == 0 ? stem + ".Kernel.dmp" : fmt::format("{}.Kernel.{}.dmp", stem, number + 1);
}

void Capturing::begin() {
  const MachineFacts machine = system_.machine();
  bundle().program = options_.program;
  bundle().machine = {machine.name,       version_text(machine),   machine.architecture,
                      machine.processors, machine.physical_memory, machine.boot_time};
  bundle().process = {process_.id, process_.parent_id, process_.session, process_.name,
                      process_.create_time};
  bundle().started = system_.system_time();
}

std::string progress_text(const TriageProgress& progress) {
  std::string text = fmt::format("{} of {} threads, {} dump{}", progress.captured, progress.threads,
                                 progress.calls, progress.calls == 1 ? "" : "s");
  if (progress.is_retry)
    text += fmt::format("; {} that did not answer are asked once more, 5 s each", progress.asking);
  return text;
}

base::Result<void> Capturing::take_triage_dumps() {
  if (auto may = check_capturable(process_, system_.own_process_id()); !may) return may;
  const auto chosen = choose_threads(process_, options_.threads);
  if (!chosen) return std::unexpected(chosen.error());
  TriageCallbacks callbacks;
  callbacks.cancel = callbacks_.cancel;
  callbacks.store = [&](std::size_t number, std::span<const std::byte> dump) {
    auto written = write_file(folder_ / base::path_from_utf8(triage_name(stem_, number)), dump);
    if (written) partial_->keep();
    return written;
  };
  callbacks.progress = [&](const TriageProgress& progress) { tell(progress_text(progress), true); };
  const TriageCapture taken =
      capture_triage(system_, process_, *chosen, options_.triage, callbacks);
  add_calls(taken);
  add_threads(taken);
  bundle().is_cut_short |= taken.was_cancelled || taken.ran_out_of_time;
  captured_.threads = taken.threads.size();
  captured_.with_stack = taken.count(Outcome::captured) + taken.count(Outcome::captured_in_part);
  tell(fmt::format("kernel stacks of {} of {} threads in {} triage dump{}, {:.1f} s",
                   captured_.with_stack, captured_.threads, taken.dumps,
                   taken.dumps == 1 ? "" : "s", static_cast<double>(taken.milliseconds) / 1000));
  if (!taken.error) return {};
  if (!taken.has_any()) return std::unexpected(*taken.error);
  bundle().notes.push_back(taken.error->text());
  tell(taken.error->text());
  return {};
}

void Capturing::add_calls(const TriageCapture& taken) {
  for (const CallRecord& call : taken.calls) {
    if (!call.complaint.empty()) bundle().notes.push_back(call.complaint);
    if (!call.dump) continue;
    dump::BundleFile file;
    file.name = triage_name(stem_, *call.dump);
    file.kind = dump::BundleFileKind::triage;
    file.size = call.bytes;
    file.started = call.time;
    file.milliseconds = call.milliseconds;
    file.asked = static_cast<std::uint32_t>(call.asked);
    file.captured = static_cast<std::uint32_t>(call.captured);
    bundle().files.push_back(std::move(file));
  }
}

void Capturing::add_threads(const TriageCapture& taken) {
  for (const ThreadRecord& record : taken.threads) {
    dump::BundleThread thread = listed_thread(record.facts);
    thread.object = record.object;
    thread.name = record.name;
    if (record.dump) thread.file = triage_name(stem_, *record.dump);
    thread.status = record.status;
    thread.outcome = name_of(record.outcome);
    if (record.outcome != Outcome::captured) thread.reason = record.text;
    bundle().threads.push_back(std::move(thread));
  }
}

// Where no triage dump has them: a live dump has the threads of every process. Which stacks are
// whole in it, its reader sees.
void Capturing::list_threads() {
  for (const ThreadFacts& facts : process_.threads) {
    dump::BundleThread thread = listed_thread(facts);
    if (captured_.has_live_dump) {
      thread.file = name(".Live.dmp");
      thread.outcome = "in_live_dump";
    } else {
      thread.outcome = name_of(Outcome::not_tried);
      thread.reason = "there is no live dump";
    }
    bundle().threads.push_back(std::move(thread));
  }
}

std::string live_progress_text(const LiveDumpProgress& progress) {
  return fmt::format("live dump: {}{}{} MB, {} s", progress.stage,
                     progress.stage.empty() ? "" : ", ", progress.bytes >> 20,
                     progress.milliseconds / 1000);
}

base::Result<void> Capturing::take_live(LiveDumpOptions options) {
  LiveDumpCallbacks callbacks;
  callbacks.cancel = callbacks_.cancel;
  callbacks.progress = [&](const LiveDumpProgress& progress) {
    tell(live_progress_text(progress), true);
  };
  const fs::path path = folder_ / base::path_from_utf8(name(".Live.dmp"));
  const LiveDump dump = take_live_dump(system_, path, options, callbacks);
  if (!dump.is_written) {
    if (is_cancelled()) bundle().is_cut_short = true;
    return base::fail("{}", dump.why);
  }
  return keep_live(dump, options);
}

base::Result<void> Capturing::keep_live(const LiveDump& dump, const LiveDumpOptions& options) {
  dump::BundleFile file;
  file.name = name(".Live.dmp");
  file.kind = dump::BundleFileKind::live;
  file.contents = options.is_selective ? "selective" : "full";
  file.size = dump.bytes;
  file.started = dump.started;
  file.milliseconds = dump.milliseconds;
  file.stood_still_us = stood_still(dump.events);
  std::string line = fmt::format("live dump: {} MB in {:.1f} s", dump.bytes >> 20,
                                 static_cast<double>(dump.milliseconds) / 1000);
  if (file.stood_still_us)
    line += fmt::format("; the system stood still for {} ms", *file.stood_still_us / 1000);
  tell(line);
  bundle().files.push_back(std::move(file));
  for (const std::string& note : dump.notes) {
    bundle().notes.push_back(note);
    tell(note);
  }
  captured_.has_live_dump = true;
  if (dump.events.empty()) return {};
  const std::string text = events_text(dump.events);
  file = {};
  file.name = name(".Live.txt");
  file.size = text.size();
  if (auto written = write_file(folder_ / base::path_from_utf8(file.name), base::Bytes::of(text));
      !written)
    return written;
  bundle().files.push_back(std::move(file));
  return {};
}

// Kernel stacks alone are small and quickly there; what Windows does not know leads to a full one.
base::Result<void> Capturing::take_live() {
  LiveDumpOptions options = options_.live;
  if (options_.kernel != KernelDumps::automatic) return take_live(options);
  options.is_selective = system_.machine().build >= kFirstSelective;
  auto taken = take_live(options);
  if (taken || !options.is_selective || is_cancelled()) return taken;
  tell("no live dump of kernel stacks: " + taken.error().text());
  options.is_selective = false;
  return take_live(options);
}

base::Result<void> Capturing::keep_driver_stacks(const DriverStacks& stacks) {
  const DriverCapture& taken = stacks.capture();
  auto bytes = stacks.file();
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  dump::BundleFile file;
  file.name = triage_name(stem_, 0);
  file.kind = dump::BundleFileKind::kernel_stacks;
  file.size = bytes->size();
  file.started = bundle().started;
  file.milliseconds = taken.milliseconds;
  file.asked = static_cast<std::uint32_t>(taken.threads.size());
  file.captured = static_cast<std::uint32_t>(taken.captured());
  if (auto written = write_file(folder_ / base::path_from_utf8(file.name), base::Bytes(*bytes));
      !written)
    return written;
  bundle().threads = bundle_threads_of(taken, file.name);
  bundle().files.push_back(std::move(file));
  return {};
}

base::Result<void> Capturing::take_driver_stacks() {
  const auto chosen = choose_threads(process_, options_.threads);
  if (!chosen) return std::unexpected(chosen.error());
  DriverCallbacks callbacks;
  callbacks.cancel = callbacks_.cancel;
  callbacks.progress = [&](const DriverProgress& progress) {
    tell(fmt::format("{} of {} threads; {} are asked", progress.captured, progress.threads,
                     progress.asking),
         true);
  };
  DriverOptions options = options_.driver;
  options.time_budget = options_.triage.time_budget;
  const auto stacks = DriverStacks::take(system_, process_, *chosen, options, callbacks);
  if (!stacks) {
    bundle().is_cut_short |= is_cancelled();
    return std::unexpected(stacks.error());
  }
  const DriverCapture& taken = stacks->capture();
  if (auto kept = keep_driver_stacks(*stacks); !kept) return kept;
  bundle().is_cut_short |= taken.was_cancelled || taken.ran_out_of_time;
  captured_.threads = taken.threads.size();
  captured_.with_stack = taken.captured();
  tell(fmt::format("kernel stacks of {} of {} threads by the driver, {:.1f} s",
                   captured_.with_stack, captured_.threads,
                   static_cast<double>(taken.milliseconds) / 1000));
  for (const std::string& note : stacks->notes()) {
    bundle().notes.push_back(note);
    tell(note);
  }
  return {};
}

base::Result<void> Capturing::take_kernel_dumps() {
  if (options_.kernel == KernelDumps::driver) return take_driver_stacks();
  if (options_.kernel == KernelDumps::live) {
    auto live = take_live();
    list_threads();
    captured_.threads = process_.threads.size();
    return live;
  }
  auto triage = take_triage_dumps();
  if (options_.kernel == KernelDumps::triage || is_cancelled()) return triage;
  const auto lacks = [](const dump::BundleThread& thread) {
    return thread.outcome != name_of(Outcome::captured) && thread.outcome != name_of(Outcome::gone);
  };
  if (triage && std::ranges::none_of(bundle().threads, lacks)) return {};
  if (!triage) {
    tell("no triage dumps: " + triage.error().text());
    bundle().notes.push_back("no triage dumps: " + triage.error().text());
  }
  const auto live = take_live();
  if (live) {
    if (bundle().threads.empty()) list_threads();
    return {};
  }
  if (!triage) return live;
  bundle().notes.push_back("no live dump: " + live.error().text());
  tell("no live dump: " + live.error().text());
  return {};
}

// The kernel's half comes first; this one is worth having without it, too.
void Capturing::take_user_half() {
  if (!options_.user || is_cancelled()) return;
  constexpr std::uint32_t kQueryReadDup = 0x0450;  // query, read memory, duplicate handles
  const std::uint64_t began = system_.milliseconds();
  const std::string file_name = name(".dmp");
  const fs::path path = folder_ / base::path_from_utf8(file_name);
  dump::BundleFile file;
  file.started = system_.system_time();
  tell("user dump", true);
  base::Result<void> written = {};
  if (const auto handle = system_.open_process(process_.id, kQueryReadDup)) {
    const Owned process(system_, *handle);
    written = system_.write_user_dump(*handle, process_.id, path, *options_.user);
  } else {
    written = base::fail("{}", status_text(handle.error(), Call::open_process));
  }
  std::error_code error;
  if (!written) {
    fs::remove(path, error);
    bundle().notes.push_back("no user dump: " + written.error().text());
    tell("no user dump: " + written.error().text());
    return;
  }
  file.name = file_name;
  file.kind = dump::BundleFileKind::user;
  file.contents = *options_.user == UserDump::full ? "full" : "mini";
  const auto size = fs::file_size(path, error);
  file.size = error ? 0 : std::uint64_t{size};
  file.milliseconds = system_.milliseconds() - began;
  tell(fmt::format("user dump: {} MB in {:.1f} s", file.size >> 20,
                   static_cast<double>(file.milliseconds) / 1000));
  bundle().files.push_back(std::move(file));
}

base::Result<void> Capturing::finish() {
  bundle().ended = system_.system_time();
  bundle().is_cut_short |= is_cancelled();
  if (callbacks_.finish) {
    // As the folder's reader is to find it.
    if (auto written = write_manifest(); !written) return written;
    if (auto done = callbacks_.finish(folder_, bundle()); !done)
      bundle().notes.push_back(done.error().text());
  }
  return write_manifest();
}

base::Result<void> Capturing::write_manifest() {
  return write_file(folder_ / dump::kBundleFile, base::Bytes::of(dump::bundle_json(bundle())));
}

// Of captures that were killed: what they have may be all that there is of a rare event.
void Capturing::tell_of_others() const {
  for (const fs::path& other : base::sweep_partials(target_.parent_path()))
    tell(
        fmt::format("{} is what a capture left that was killed: its dumps can be opened; remove it "
                    "when it is of no use",
                    base::path_text(other)));
}

base::Result<void> Capturing::make_folder() {
  auto partial = base::Partial::beside(target_);
  if (!partial) return std::unexpected(std::move(partial.error()));
  partial_ = std::move(*partial);
  folder_ = partial_->path();
  std::error_code error;
  if (fs::create_directory(folder_, error)) return {};
  return base::fail("the folder {} can't be made: {}", base::path_text(folder_),
                    error ? error.message() : "there is a file of that name");
}

base::Result<Captured> Capturing::run() {
  tell_of_others();
  if (auto made = make_folder(); !made) return std::unexpected(std::move(made.error()));
  begin();
  auto kernel = take_kernel_dumps();
  if (!kernel) {
    bundle().notes.push_back("no kernel stacks: " + kernel.error().text());
    tell("no kernel stacks: " + kernel.error().text());
  }
  take_user_half();
  if (bundle().files.empty()) {
    if (!kernel) return std::unexpected(std::move(kernel.error()));
    return base::fail("nothing was captured");
  }
  partial_->keep();  // whatever happens now
  auto finished = finish();
  if (finished) finished = partial_->become(target_);
  if (!finished)
    return base::with_context(std::move(finished.error()), "the dumps are in {}",
                              base::path_text(folder_));
  captured_.folder = target_;
  return std::move(captured_);
}

}  // namespace

std::string capture_name(const ProcessFacts& process, std::uint64_t filetime) {
  constexpr std::int64_t kUnixEpoch = 11'644'473'600;  // in seconds since 1601
  const std::chrono::sys_seconds time{
      std::chrono::seconds(static_cast<std::int64_t>(filetime / 10'000'000) - kUnixEpoch)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string name = process.name.empty() ? fmt::format("{}", process.id) : process.name;
  for (char& c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || std::string_view("<>:\"/\\|?*").contains(c))
      c = '_';
  }
  return fmt::format("{}_{:02}{:02}{:02}_{:02}{:02}{:02}", name,
                     static_cast<int>(date.year()) % 100, static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

base::Result<Captured> capture_process(System& system, const ProcessFacts& process,
                                       const fs::path& folder, const CaptureOptions& options,
                                       const CaptureCallbacks& callbacks) {
  return Capturing(system, process, folder, options, callbacks).run();
}

}  // namespace ntstack::capture
