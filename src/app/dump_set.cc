#include "app/dump_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>

#include "app/bundles.h"
#include "base/text.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> dumps_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (is_dump_name(base::path_text(entry->path().filename())) && !entry->is_directory(ignored))
      found.push_back(entry->path());
  }
  std::ranges::sort(found);
  return found;
}

base::Result<Session> open_one(const fs::path& file, const DumpOptions& paths) {
  DumpOptions one = paths;
  one.dump = base::path_text(file);
  return Session::open(one);
}

base::Result<void> open_folder(const fs::path& folder, const DumpOptions& paths, DumpSet& set) {
  const std::size_t before = set.sessions.size();
  auto bundle = bundle_in(folder);
  if (!bundle) set.notes.push_back(base::printable(bundle.error().text()));
  std::vector<fs::path> files;
  if (bundle && *bundle) {
    BundleDumps dumps = dumps_of(**bundle, folder);
    files = std::move(dumps.files);
    std::ranges::move(dumps.notes, std::back_inserter(set.notes));
    set.bundles.push_back(std::move(**bundle));
  } else {
    files = dumps_in(folder);
  }
  for (const fs::path& file : files) {
    auto session = open_one(file, paths);
    if (session)
      set.sessions.push_back(std::move(*session));
    else
      set.notes.push_back(fmt::format("left out: {}", base::printable(session.error().text())));
  }
  if (set.sessions.size() > before) return {};
  if (files.empty())
    return base::fail("no dump (*.dmp, *.kdmp, *.mdmp, *.hdmp) is in the folder {}",
                      base::path_text(folder));
  return base::fail("of the files in the folder {} none is a dump that can be opened; {}",
                    base::path_text(folder), set.notes.back());
}

// The zip as its folder; texts name the zip and not that.
base::Result<void> open_zip(const fs::path& zip, const DumpOptions& paths, DumpSet& set) {
  UnpackedZips of_this_call;
  auto unpacked = (paths.unpacked ? *paths.unpacked : of_this_call).open(zip);
  if (!unpacked) return std::unexpected(std::move(unpacked.error()));
  set.unpacked.push_back(*unpacked);
  std::ranges::copy((*unpacked)->notes(), std::back_inserter(set.notes));
  const std::size_t first_note = set.notes.size();
  auto opened = open_folder((*unpacked)->folder(), paths, set);
  for (std::size_t i = first_note; i < set.notes.size(); ++i)
    set.notes[i] = (*unpacked)->named(std::move(set.notes[i]));
  if (opened) return {};
  base::Error error = std::move(opened.error());
  error.message = (*unpacked)->named(std::move(error.message));
  for (std::string& context : error.context) context = (*unpacked)->named(std::move(context));
  return std::unexpected(std::move(error));
}

// The process that a process's triage dump was made of.
const target::Process* dumped_process(const target::Machine& machine) {
  for (const target::RequestedThread& requested : machine.captures()) {
    const target::Thread* thread =
        requested.thread ? machine.thread_at(*requested.thread) : nullptr;
    if (thread) return machine.process_of(*thread);
  }
  return nullptr;
}

// Of files of kernel stacks: each thread says itself what became of it.
void add_unanswered(const Session& session, const std::vector<stacks::Stack>& stacks,
                    std::vector<report::MissingThread>& missing) {
  for (const target::RequestedThread& requested : session.machine().captures()) {
    if (!requested.id || requested.capture == target::Capture::captured) continue;
    const auto process_id = session.machine().processes().front().id;
    const auto is_it = [&](const auto& id, const auto& process) {
      return id == requested.id && process == process_id;
    };
    const bool is_there = std::ranges::any_of(stacks, [&](const stacks::Stack& stack) {
      return !stack.lacks_kernel_stack && stack.thread &&
             is_it(stack.thread->id, stack.thread->process_id);
    });
    const bool is_told = std::ranges::any_of(missing, [&](const report::MissingThread& other) {
      return is_it(other.id, other.process_id);
    });
    if (!is_there && !is_told)
      missing.push_back(
          {requested.id, process_id, std::string(target::text_of_driver(requested.capture))});
  }
}

// What became of all threads that were asked for and are in no dump.
std::string lack_reason(const std::vector<Session>& sessions) {
  std::map<target::Capture, std::size_t> counts;
  for (const Session& session : sessions) {
    for (const target::RequestedThread& requested : session.machine().captures())
      if (requested.capture != target::Capture::captured) ++counts[requested.capture];
  }
  if (counts.empty()) return "no kernel dump was asked for it, or says what became of it";
  if (counts.size() == 1)
    return fmt::format("{}: so it says of all threads that it lacks",
                       target::text_of(counts.begin()->first));
  std::string out = "of the threads that were asked for and lack";
  const char* separator = ", ";
  for (const auto& [capture, count] : counts)
    out += fmt::format("{}{} {}", separator, count, target::text_of(capture));
  return out;
}

}  // namespace

base::Result<DumpSet> open_dumps(const std::vector<std::string>& dumps, const DumpOptions& paths) {
  DumpSet set;
  for (const std::string& each : dumps) {
    const fs::path path = base::path_from_utf8(each);
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      if (auto opened = open_folder(path, paths, set); !opened)
        return std::unexpected(std::move(opened.error()));
      continue;
    }
    if (Unpacked::is_for(path)) {
      if (auto opened = open_zip(path, paths, set); !opened)
        return std::unexpected(std::move(opened.error()));
      continue;
    }
    auto session = open_one(path, paths);
    if (!session) return std::unexpected(std::move(session.error()));
    set.sessions.push_back(std::move(*session));
  }
  // What the kernel says comes first.
  std::ranges::stable_partition(set.sessions, [](const Session& s) { return !s.is_user_dump(); });
  return set;
}

std::string processes_note(const std::vector<Session>& sessions) {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;  // address and ID
  std::string names;
  for (const Session& session : sessions) {
    const target::Process* process = dumped_process(session.machine());
    if (!process || !seen.insert({process->address, process->id.value_or(0)}).second) continue;
    const std::string name = base::printable(process->name);
    names += fmt::format("{}{} ({:x}, in {})", names.empty() ? "" : ", ",
                         name.empty() ? "a process" : name, process->id.value_or(0),
                         session.facts().file_name);
  }
  if (seen.size() < 2) return "";
  return fmt::format("these dumps are of {} processes: {}", seen.size(), names);
}

std::vector<report::MissingThread> missing_threads(const DumpSet& set,
                                                   const std::vector<stacks::Stack>& stacks) {
  std::vector<report::MissingThread> missing = missing_in(set.bundles, stacks);
  for (const Session& session : set.sessions)
    if (session.facts().dump.kernel_stacks) add_unanswered(session, stacks, missing);
  const std::string reason = lack_reason(set.sessions);
  for (const stacks::Stack& stack : stacks) {
    const auto is_same = [&](const report::MissingThread& other) {
      return other.id == stack.thread->id && other.process_id == stack.thread->process_id;
    };
    if (stack.lacks_kernel_stack && std::ranges::none_of(missing, is_same))
      missing.push_back({stack.thread->id, stack.thread->process_id, reason});
  }
  return missing;
}

}  // namespace ntstack::app
