#include "app/commands.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

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

// The files that are meant: a folder stands for every .dmp in it, by name.
std::vector<std::filesystem::path> files_of(const std::vector<std::string>& dumps) {
  namespace fs = std::filesystem;
  std::vector<fs::path> files;
  for (const std::string& each : dumps) {
    const fs::path path = base::path_from_utf8(each);
    std::error_code ignored;
    if (!fs::is_directory(path, ignored)) {
      files.push_back(path);
      continue;
    }
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(path, ignored)) {
      if (base::lower(base::path_text(entry.path().extension())) == ".dmp")
        found.push_back(entry.path());
    }
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

base::Result<std::vector<Session>> open_all(const StacksOptions& options) {
  std::vector<Session> sessions;
  for (const std::filesystem::path& file : files_of(options.dumps)) {
    DumpOptions one = options.paths;
    one.dump = base::path_text(file);
    auto session = Session::open(one);
    if (!session) return std::unexpected(std::move(session.error()));
    sessions.push_back(std::move(*session));
  }
  if (sessions.empty()) return base::fail("no dump (*.dmp) is in the folder");
  // What the kernel says comes first.
  std::ranges::stable_partition(sessions, [](const Session& s) { return !s.is_user_dump(); });
  return sessions;
}

// The chosen stacks of every dump, each thread once; what was not at hand for them.
std::vector<stacks::Stack> walk_all(std::vector<Session>& sessions, const ThreadChoice& choice,
                                    std::vector<symbols::Missing>& missing) {
  std::vector<stacks::DumpStacks> dumps;
  for (Session& session : sessions) {
    const target::Machine& machine = session.machine();
    stacks::Walker walker(machine, session.symbolizer(), session.symbolizer_maker());
    stacks::Walker::IsWanted wanted;
    if (!choice.is_all())
      wanted = [&](const target::Thread& thread) { return choice.takes(machine, thread); };
    dumps.push_back({walker.walk_all(wanted), session.is_user_dump(), session.facts().file_name});
    for (symbols::Missing& one : walker.missing()) missing.push_back(std::move(one));
  }
  if (dumps.size() == 1) return std::move(dumps.front().stacks);
  return stacks::join(std::move(dumps));
}

}  // namespace

int run_stacks(const StacksOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  auto sessions = open_all(options);
  if (!sessions) return failed(sessions.error(), err);
  std::vector<symbols::Missing> missing;
  const std::vector<stacks::Stack> stacks = walk_all(*sessions, *choice, missing);
  if (!choice->is_all() && stacks.empty())
    return none_is_in(*choice, sessions->front().facts().file_name, err);
  report::StackFacts facts{sessions->front().facts(), {}, stacks, std::move(missing)};
  for (std::size_t i = 1; i < sessions->size(); ++i) facts.more.push_back((*sessions)[i].facts());
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
