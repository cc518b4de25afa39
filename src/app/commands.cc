#include "app/commands.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "app/dump_set.h"
#include "app/exit_code.h"
#include "app/live_target.h"
#include "app/output.h"
#include "app/start_names.h"
#include "app/terminal.h"
#include "app/walked.h"
#include "base/text.h"
#include "capture/this_system.h"
#include "report/bundle_text.h"
#include "report/json.h"
#include "report/text.h"

namespace ntstack::app {
namespace {

int none_is_in(const ThreadChoice& choice, const Session& session, std::FILE* err) {
  say(err, "ntstack: {}\n", choice.none_in(session.machine(), session.facts().file_name));
  return kFailed;
}

// Opens the dump, or the dumps of a folder or zip; and again, as long as files come that `look`
// wanted after its look at them.
template <class Look>
base::Result<DumpSet> open_with_files(DumpOptions options, Downloads& downloads, const Look& look) {
  downloads.serve(options);
  UnpackedZips unpacked;
  options.unpacked = &unpacked;
  while (true) {
    auto set = open_dumps({options.dump}, options);
    if (!set) return set;
    if (downloads.get(look(*set)).empty()) return set;
  }
}

// Threads of several dumps, each once: where its object is, if it is anywhere.
class ThreadList {
 public:
  void add(const target::Thread& thread, std::string start_symbol) {
    const Key key{thread.process_id.value_or(0), thread.id.value_or(0),
                  thread.id ? 0 : thread.address};
    const auto [at, is_new] = known_.try_emplace(key, entries_.size());
    if (is_new) {
      entries_.push_back({&thread, std::move(start_symbol)});
      return;
    }
    report::ThreadEntry& entry = entries_[at->second];
    if (thread.object_present && !entry.thread->object_present)
      entry = {&thread, std::move(start_symbol)};
  }
  const std::vector<report::ThreadEntry>& entries() const { return entries_; }

 private:
  using Key = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  std::map<Key, std::size_t> known_;
  std::vector<report::ThreadEntry> entries_;
};

}  // namespace

int run_stacks(const StacksOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  if (options.dumps.empty() == options.live.empty())
    return wrong({"either dumps are named, or a running process by --live", {}}, err);
  Downloads downloads(options.paths, err);
  WalkRequest request{options.dumps, options.paths, *choice, &downloads};
  std::optional<LiveTarget> live;  // what the walk points into
  if (!options.live.empty()) {
    auto taken = LiveTarget::open(capture::this_system(), options.live, err);
    if (!taken) return taken.error();
    live = std::move(*taken);
    request.opened = [&](const DumpOptions& paths) { return live->opened(paths); };
  }
  auto walked = walk_dumps(request);
  if (!walked) return failed(walked.error(), err);
  if (!choice->is_all() && walked->stacks.empty())
    return none_is_in(*choice, walked->set.sessions.front(), err);
  const report::StackFacts facts = stack_facts_of(*walked, choice->is_all());
  if (options.json_lines)
    return write_lines(
        [&](const report::TakeLine& take) { return report::stacks_json_lines(facts, take); }, out,
        err);
  if (options.json) return write(report::stacks_json(facts), out, err);
  return write(report::stacks_text(facts, {wants_colour(out), !options.no_group}), out, err);
}

int run_processes(const ChosenOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.dump, err);
  auto set = open_with_files(options.dump, downloads, [&](DumpSet& opened) {
    return downloads.are_possible() ? opened.sessions.front().lacking_kernel_files()
                                    : std::vector<store::Wanted>();
  });
  if (!set) return failed(set.error(), err);
  const Session& session = set->sessions.front();
  const auto facts = session.facts();
  const auto processes = choice->processes_of(session.machine());
  if (!choice->is_all() && processes.empty()) return none_is_in(*choice, session, err);
  if (options.json || options.json_lines)
    return write_list(report::processes_json(facts, processes), "/processes", "process",
                      options.json_lines, out, err);
  return write(report::processes_text(facts, processes), out, err);
}

int run_threads(const ChosenOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.dump, err);
  ThreadList threads;
  auto set = open_with_files(options.dump, downloads, [&](DumpSet& opened) {
    threads = {};
    std::vector<store::Wanted> wanted;
    for (Session& session : opened.sessions) {
      StartNames names(session);
      for (const target::Thread& thread : session.machine().threads())
        if (choice->takes(session.machine(), thread)) threads.add(thread, names.name_of(thread));
      if (!downloads.are_possible()) continue;
      std::ranges::move(session.lacking_kernel_files(), std::back_inserter(wanted));
      names.add_lacking(wanted);
    }
    return wanted;
  });
  if (!set) return failed(set.error(), err);
  const auto facts = set->sessions.front().facts();
  if (!choice->is_all() && threads.entries().empty())
    return none_is_in(*choice, set->sessions.front(), err);
  if (options.json || options.json_lines)
    return write_list(report::threads_json(facts, threads.entries()), "/threads", "thread",
                      options.json_lines, out, err);
  return write(report::threads_text(facts, threads.entries()), out, err);
}

int run_info(const ListOptions& options, std::FILE* out, std::FILE* err) {
  const auto set = open_dumps({options.dump.dump}, options.dump);
  if (!set) return failed(set.error(), err);
  const auto facts = set->sessions.front().facts();
  if (options.json) return write(report::info_json(facts), out, err);
  std::string text;
  for (const dump::Bundle& bundle : set->bundles) text += report::bundle_text(bundle);
  for (const std::string& note : set->notes) text += "note: " + note + "\n";
  return write(text + report::info_text(facts, {wants_colour(out), true}), out, err);
}

int run_modules(const ListOptions& options, std::FILE* out, std::FILE* err) {
  const auto set = open_dumps({options.dump.dump}, options.dump);
  if (!set) return failed(set.error(), err);
  const auto facts = set->sessions.front().facts();
  if (options.json || options.json_lines)
    return write_list(report::modules_json(facts), "/modules", "module", options.json_lines, out,
                      err);
  return write(report::modules_text(facts), out, err);
}

}  // namespace ntstack::app
