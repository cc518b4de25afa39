#include "app/commands.h"

#include <algorithm>
#include <iterator>
#include <optional>
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
#include "report/json.h"
#include "report/text.h"

namespace ntstack::app {
namespace {

int none_is_in(const ThreadChoice& choice, const std::string& file_name, std::FILE* err) {
  fmt::print(err, "ntstack: no {} is in {}\n", choice.text(), file_name);
  return kFailed;
}

// Opens the dump; and again, as long as files come that `look` wanted after its look at it.
template <class Look>
base::Result<Session> open_with_files(DumpOptions options, Downloads& downloads, const Look& look) {
  options.answers = &downloads.answers();
  while (true) {
    auto session = Session::open(options);
    if (!session) return session;
    if (downloads.get(look(*session)).empty()) return session;
  }
}

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
    return none_is_in(*choice, walked->set.sessions.front().facts().file_name, err);
  const report::StackFacts facts = stack_facts_of(*walked, choice->is_all());
  if (options.json) return write(report::stacks_json(facts), out, err);
  return write(report::stacks_text(facts, {wants_colour(out), options.group}), out, err);
}

int run_processes(const ChosenOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.dump, err);
  auto session = open_with_files(options.dump, downloads, [&](Session& opened) {
    return downloads.are_possible() ? opened.lacking_kernel_files() : std::vector<store::Wanted>();
  });
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  const auto processes = choice->processes_of(session->machine());
  if (!choice->is_all() && processes.empty()) return none_is_in(*choice, facts.file_name, err);
  return write(options.json ? report::processes_json(facts, processes)
                            : report::processes_text(facts, processes),
               out, err);
}

int run_threads(const ChosenOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.dump, err);
  std::vector<report::ThreadEntry> threads;
  auto session = open_with_files(options.dump, downloads, [&](Session& opened) {
    StartNames names(opened);
    threads.clear();
    for (const target::Thread& thread : opened.machine().threads())
      if (choice->takes(opened.machine(), thread))
        threads.push_back({&thread, names.name_of(thread)});
    if (!downloads.are_possible()) return std::vector<store::Wanted>();
    auto wanted = opened.lacking_kernel_files();
    names.add_lacking(wanted);
    return wanted;
  });
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  if (!choice->is_all() && threads.empty()) return none_is_in(*choice, facts.file_name, err);
  return write(
      options.json ? report::threads_json(facts, threads) : report::threads_text(facts, threads),
      out, err);
}

int run_info(const ListOptions& options, std::FILE* out, std::FILE* err) {
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  return write(
      options.json ? report::info_json(facts) : report::info_text(facts, {wants_colour(out), true}),
      out, err);
}

int run_modules(const ListOptions& options, std::FILE* out, std::FILE* err) {
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  return write(options.json ? report::modules_json(facts) : report::modules_text(facts), out, err);
}

}  // namespace ntstack::app
