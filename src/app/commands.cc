#include "app/commands.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <set>

#include "app/dump_set.h"
#include "app/exit_code.h"
#include "app/start_names.h"
#include "base/text.h"
#include "report/json.h"
#include "report/text.h"
#include "stacks/join.h"
#include "stacks/walker.h"

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace ntstack::app {
namespace {

bool is_terminal(std::FILE* file) {
#ifdef _WIN32
  return _isatty(_fileno(file)) != 0;
#else
  return isatty(fileno(file)) != 0;
#endif
}

// Colour on a terminal alone, and never where NO_COLOR is set (no-color.org).
bool wants_colour(std::FILE* out) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(out) && !(no_colour && *no_colour);
}

int write(const std::string& text, std::FILE* out, std::FILE* err) {
  if (std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0)
    return kOk;
  fmt::print(err, "ntstack: the output could not be written whole\n");
  return kFailed;
}

int failed(const base::Error& error, std::FILE* err) {
  fmt::print(err, "ntstack: {}\n", base::printable(error.text()));
  return kFailed;
}

int wrong(const base::Error& error, std::FILE* err) {
  fmt::print(err, "ntstack: {}\n", error.text());
  return kUsage;
}

int none_is_in(const ThreadChoice& choice, const std::string& file_name, std::FILE* err) {
  fmt::print(err, "ntstack: no {} is in {}\n", choice.text(), file_name);
  return kFailed;
}

struct Walked {
  std::vector<stacks::Stack> stacks;      // each thread once
  std::vector<symbols::Missing> missing;  // what was not at hand for them
  std::vector<std::string> notes;
};

// The chosen stacks of every dump.
Walked walk_all(std::vector<Session>& sessions, const ThreadChoice& choice) {
  Walked walked;
  std::vector<stacks::DumpStacks> dumps;
  std::set<std::pair<std::string, std::string>> known;
  for (Session& session : sessions) {
    const target::Machine& machine = session.machine();
    stacks::Walker walker(machine, session.symbolizer(), session.symbolizer_maker());
    stacks::Walker::IsWanted wanted;
    if (!choice.is_all())
      wanted = [&](const target::Thread& thread) { return choice.takes(machine, thread); };
    dumps.push_back(
        {walker.walk_all(wanted), session.facts().file_name, stacks::origin_of(machine)});
    for (symbols::Missing& one : walker.missing())
      if (known.emplace(one.module, one.remedy).second) walked.missing.push_back(std::move(one));
  }
  if (dumps.size() == 1) {
    walked.stacks = std::move(dumps.front().stacks);
    return walked;
  }
  stacks::Joined joined = stacks::join(std::move(dumps));
  walked.stacks = std::move(joined.stacks);
  walked.notes = std::move(joined.notes);
  return walked;
}

}  // namespace

int run_stacks(const StacksOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  auto set = open_dumps(options.dumps, options.paths);
  if (!set) return failed(set.error(), err);
  std::vector<Session>& sessions = set->sessions;
  Walked walked = walk_all(sessions, *choice);
  if (!choice->is_all() && walked.stacks.empty())
    return none_is_in(*choice, sessions.front().facts().file_name, err);
  report::StackFacts facts{sessions.front().facts(), {}, walked.stacks, std::move(walked.missing)};
  for (std::size_t i = 1; i < sessions.size(); ++i) facts.more.push_back(sessions[i].facts());
  facts.notes = std::move(set->notes);
  if (const std::string note = processes_note(sessions); !note.empty()) facts.notes.push_back(note);
  std::ranges::move(walked.notes, std::back_inserter(facts.notes));
  if (!facts.more.empty()) facts.missing_threads = missing_threads(sessions, walked.stacks);
  if (options.json) return write(report::stacks_json(facts), out, err);
  return write(report::stacks_text(facts, {wants_colour(out), options.group}), out, err);
}

int run_processes(const ChosenOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  auto session = Session::open(options.dump);
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
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  const auto facts = session->facts();
  StartNames names(*session);
  std::vector<report::ThreadEntry> threads;
  for (const target::Thread& thread : session->machine().threads())
    if (choice->takes(session->machine(), thread))
      threads.push_back({&thread, names.name_of(thread)});
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
